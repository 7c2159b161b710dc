"""Arrays carried by a table, TensorFlow's to PyTorch's and back. All that is wrong is said at once, by its line.

What no row carries must be of a training (convert/generic/training_state.py), or the table names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kindling.core.errors import KindlingError

from .layers import ROLES, TORCH_EPSILON, VARIABLE, Array, Misfit
from .table import Row, Table
from .training_state import averages_of, left_behind

COUNTER = "num_batches_tracked"  # of PyTorch's batch norms; a state without it is loaded all the same


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What came of it."""

    arrays: dict[str, Array]
    left_behind: list[str]
    """Optimizer slots, steps, averages, and what the table names."""
    epsilons: dict[str, float] = field(default_factory=dict)
    """Module -> the epsilon that it has to be built with, where PyTorch's default is another."""
    notes: list[str] = field(default_factory=list)


def to_torch(table: Table, weights: Mapping[str, Array], source: str, *, ema: bool = False) -> Carried:
    """TensorFlow's variables -> PyTorch's state, by the rows of a table.

    weights: name in the checkpoint -> array. ema: take the average of a variable where there is one. Raises
    KindlingError with every problem: doubtful rows, variables that no row carries, shapes that do not fit.
    """
    problems = list(table.problems)
    averages = averages_of(weights)
    if ema and not averages:
        problems.append(f"{source} holds no averages (EMA); leave --ema out")
    made: dict[str, Array] = {}
    origin: dict[str, int] = {}
    used: dict[str, int] = {}
    epsilons: dict[str, float] = {}
    spoiled: list[Row] = []
    for row in table.rows:
        problems += _doubt(row)
        wrong, names = _names(row, weights)
        for name in names.values():
            if name in used and used[name] != row.line:
                wrong.append(f"{name} is carried by line {used[name]} already")
            used[name] = row.line
        arrays = {role: weights[averages.get(name, name) if ema else name] for role, name in names.items()}
        if not wrong:
            try:
                for key, array in _parameters(row, arrays, table).items():
                    if key in made:
                        wrong.append(f"{key} is filled by line {origin[key]} already")
                    made[key], origin[key] = array, row.line
                if row.options.get("epsilon", TORCH_EPSILON) != TORCH_EPSILON and isinstance(row.torch, str):
                    epsilons[row.torch] = row.options["epsilon"]
            except Misfit as error:
                wrong.append(f"{_said(row.tf)}: {error}")
        if wrong:
            spoiled.append(row)
        problems += [f"line {row.line}: {sentence}" for sentence in wrong]
    problems += _against_variables(table, weights)
    problems += _against_state(table, made, origin, spoiled)
    kept = left_behind(weights, used, table)
    problems += [
        f"{name} {array.shape} of {source} is in no row; add one, or name it in left_behind"
        for name, array in weights.items()
        if name not in used and name not in kept
    ]
    if problems:
        raise KindlingError.of(str(table.path), problems)
    notes = [f"averages (EMA) of {sum(name in averages for name in used)} of {len(used)} variables"] if ema else []
    return Carried(arrays=made, left_behind=kept, epsilons=epsilons, notes=notes)


def to_tf(table: Table, state: Mapping[str, Array], source: str) -> Carried:
    """PyTorch's state -> TensorFlow's variables, by the same rows: `to_torch` run backwards.

    state: key -> array, perhaps behind a prefix that all of the table's keys share. Raises KindlingError as above; also
    where PyTorch has trained what TensorFlow's layer does not have (the weight of a norm without gamma).
    """
    problems = list(table.problems)
    prefix = _prefix(table, state)
    own = {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
    made: dict[str, Array] = {}
    used: set[str] = set()
    for row in table.rows:
        problems += _doubt(row)
        wrong: list[str] = []
        try:
            names = _names_back(row, table)
            leaves = row.kind.leaves(row.options)
            keys = {leaf: _key(row, leaf) for role in names for leaf in leaves[role]}
            used |= keys.values() & own.keys()
            wrong += [f"{key} is not in {source}" for key in keys.values() if key not in own]
            wrong += _trained(row, names, own, used)
            if not wrong:
                arrays = {leaf: own[key] for leaf, key in keys.items()}
                for role, array in row.kind.to_tf(arrays, row.options).items():
                    made[names[role]] = np.array(array, order="C")
        except Misfit as error:
            wrong.append(f"{_said(row.torch)}: {error}")
        problems += [f"line {row.line}: {sentence}" for sentence in wrong]
    for name, entry in table.variables.items():
        if name in made and made[name].shape != entry.shape:
            problems.append(f"line {entry.line}: {name} becomes {made[name].shape}, and the table says {entry.shape}")
    others = [key for key in own if key not in used and not key.endswith(COUNTER) and not table.is_of_the_port(key)]
    problems += [
        f"{key} {own[key].shape} of {source} is in no row; add one, or name it in of_the_port" for key in others
    ]
    if problems:
        raise KindlingError.of(str(table.path), problems)
    beside = [key for key in state if key.removeprefix(prefix) not in used]
    return Carried(arrays=made, left_behind=beside, notes=[f"prefix {prefix[:-1]}"] if prefix else [])


# --- names -------------------------------------------------------------------------------------------------------


def roles_in(row: Row, names: Mapping[str, object]) -> dict[str, str]:
    """Role -> variable, of the variables that lie right in a row's scope. Raises Misfit where they cannot be told."""
    if isinstance(row.tf, Mapping):
        return dict(row.tf)
    if row.kind.name == VARIABLE:
        return {"value": row.tf}
    front = f"{row.tf}/" if row.tf else ""
    inside = [name for name in names if name.startswith(front) and "/" not in name.removeprefix(front)]
    numbered = sorted((n for n in inside if n.removeprefix(front).isdecimal()), key=lambda n: int(n.rpartition("/")[2]))
    if numbered:
        expected = row.roles or row.kind.roles[: len(numbered)]
        fewer = len(numbered) < len(row.kind.roles)
        guessed = not row.roles and fewer and (row.kind.fills or row.kind.needed - set(expected))
        if guessed or len(expected) != len(numbered):
            known = ", ".join(f'"{role}"' for role in row.kind.roles)
            raise Misfit(
                f"{row.tf} holds {len(numbered)} variables that are numbered, not named; say which they are, in their "
                f"order: roles = [...], of {known}"
            )
        return dict(zip(expected, numbered, strict=True))
    found = {}
    for name in inside:
        role = role_of(name.rpartition("/")[2], row)
        if role in row.kind.roles:
            found[role] = name
    return found


def role_of(leaf: str, row: Row) -> str:
    """kernel of weights; a kind with one array besides its bias has that called kernel, too."""
    role = ROLES.get(leaf, leaf)
    return row.kind.roles[0] if role == "kernel" and "kernel" not in row.kind.roles else role


def _names(row: Row, weights: Mapping[str, Array]) -> tuple[list[str], dict[str, str]]:
    """(what is wrong, role -> variable)."""
    try:
        names = roles_in(row, weights)
    except Misfit as error:
        return [str(error)], {}
    missing = [name for name in names.values() if name not in weights]
    wrong = [f"{name} is not in the checkpoint" for name in missing]
    lacking = sorted(row.kind.needed - names.keys())
    if not names:
        wrong.append(f"there is no variable right in {row.tf}/ of the checkpoint")
    elif lacking:
        wrong.append(f"{_said(row.tf)} has no {', no '.join(lacking)}, which a {row.kind.name} has")
    return wrong, {role: name for role, name in names.items() if name in weights}


def _names_back(row: Row, table: Table) -> dict[str, str]:
    """Role -> variable, as the table remembers the checkpoint. Raises Misfit."""
    names = roles_in(row, table.variables)
    if not names:
        raise Misfit(
            f"which variables {_said(row.tf)} has is not in the table: it needs [variables], as `kindling map` writes "
            "it, or tf = { kernel = ..., bias = ... }"
        )
    if lacking := sorted(row.kind.needed - names.keys()):
        raise Misfit(f"{_said(row.tf)} has no {', no '.join(lacking)}, which a {row.kind.name} has")
    return names


def _key(row: Row, leaf: str) -> str:
    """The whole name of a parameter: conv1.weight."""
    if isinstance(row.torch, str):
        if row.kind.name == VARIABLE:
            return row.torch
        return leaf if row.torch == "." else f"{row.torch}.{leaf}"
    if leaf in row.torch:
        return row.torch[leaf]
    part, _, rest = leaf.partition(".")
    if part in row.torch and rest:
        return f"{row.torch[part]}.{rest}"
    raise Misfit(f"torch names no {leaf}")


def _prefix(table: Table, state: Mapping[str, Array]) -> str:
    """What stands in front of the port's keys in a file, as `state_dict.module.`; empty if nothing does."""
    wanted = next((key for key in table.state if not key.endswith(COUNTER)), "")
    if not wanted:
        for row in table.rows:
            if isinstance(row.torch, str) and row.torch != ".":
                wanted = f"{row.torch}."
                break
    if not wanted or any(key.startswith(wanted) for key in state):
        return ""
    found = [key[: key.rindex(f".{wanted}") + 1] for key in state if f".{wanted}" in key]
    return min(found, key=len, default="")


# --- what is carried ---------------------------------------------------------------------------------------------


def _parameters(row: Row, arrays: Mapping[str, Array], table: Table) -> dict[str, Array]:
    """Key -> array of one layer, filled up where the module has more than the layer."""
    leaves = row.kind.to_torch(arrays, row.options)
    made = {_key(row, leaf): np.array(array, order="C") for leaf, array in leaves.items()}
    if leaves:
        first = next(iter(leaves.values()))
        for leaf, number in row.kind.fills.items():
            beside = {_key(row, other) for other in row.kind.fills} & made.keys()
            key = _key(row, leaf)
            if key not in made and (key in table.state if table.state else beside):
                made[key] = np.full_like(first, number, order="C")
    return made


def _trained(row: Row, names: Mapping[str, str], own: Mapping[str, Array], used: set[str]) -> Iterator[str]:
    """The port's scale or offset that TensorFlow's layer has no variable for, and that is not what does nothing."""
    roles = {leaf: role for role, leaves in row.kind.leaves(row.options).items() for leaf in leaves}
    for leaf, number in row.kind.fills.items():
        key = _key(row, leaf)
        if names and roles[leaf] not in names and key in own:
            used.add(key)
            if not np.array_equal(own[key], np.full_like(own[key], number)):
                yield f"{key} is not all {number:g}, and {_said(row.tf)} has no {roles[leaf]} to keep it in"


def _against_variables(table: Table, weights: Mapping[str, Array]) -> Iterator[str]:
    for name, entry in table.variables.items():
        if name in weights and weights[name].shape != entry.shape:
            yield f"line {entry.line}: {name} has shape {weights[name].shape}, and the table says {entry.shape}"
        elif name not in weights and not table.leaves_behind(name):
            yield f"line {entry.line}: {name} is not in the checkpoint"


def _doubt(row: Row) -> list[str]:
    if not row.doubtful:
        return []
    return [f"line {row.line}: the row is marked doubtful ({row.doubtful}); look at it, and take the mark out"]


def _against_state(
    table: Table, made: Mapping[str, Array], origin: Mapping[str, int], spoiled: Sequence[Row]
) -> Iterator[str]:
    """What is carried, held against what the port has; what a row that is wrong would have filled is not missed."""
    for key, array in made.items():
        entry = table.state.get(key)
        if table.state and entry is None:
            yield f"line {origin[key]}: the port has no {key}"
        elif entry is not None and array.shape != entry.shape:
            said = f"{key} becomes {array.shape}, and the port's is {entry.shape}"
            yield f"line {origin[key]}: {said} (line {entry.line})"
    fronts = [name for row in spoiled for name in ([row.torch] if isinstance(row.torch, str) else row.torch.values())]
    for key, entry in table.state.items():
        missed = any(front and (key == front or key.startswith(f"{front}.")) for front in fronts)
        if key not in made and not missed and not key.endswith(COUNTER) and not table.is_of_the_port(key):
            yield f"line {entry.line}: the port's {key} {entry.shape} is filled by no row, nor named in of_the_port"


def _said(named: str | Mapping[str, str]) -> str:
    return named if isinstance(named, str) else ", ".join(named.values())
