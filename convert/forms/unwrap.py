"""Weights as people save them: inside a dictionary with other things, behind prefixes, or one net without its scope.

Each wrapping that is taken off is said. Where two candidates would give different weights, neither is taken.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.names import slim_name
from kindling.families.kind.nets import NETS

from ..soundness import EXPECTED

# Under which training scripts keep the weights in what they save; exponential averages last.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights", "params_ema", "ema")  # fmt: skip  # noqa: E501
# Put in front of every key by what a model is wrapped in: DataParallel, torch.compile.
SEGMENTS = {"module", "_orig_mod"}
DEEPEST = 4  # wrappers within wrappers


def unwrap(held, tensor: type, source: str) -> tuple[dict[str, object], tuple[str, ...], tuple[str, ...]]:
    """The state_dict in what a PyTorch file holds: (state_dict, what was taken off, what lay beside it).

    held: as torch.load gives it. tensor: the class of tensors. Raises KindlingError if there is none in it, or several
    that differ.
    """
    taken, beside = [], []
    for _ in range(DEEPEST):
        if not isinstance(held, Mapping):
            raise KindlingError(
                f"{source}: expected a state_dict, names and tensors, but it is a {type(held).__name__}"
            )
        inside = [key for key in WRAPPERS if isinstance(held.get(key), Mapping) and held[key]]
        if not inside:
            break
        key = _chosen(held, inside, tensor, source)
        taken.append(key)
        beside += [str(other) for other in held if other not in inside]
        held = held[key]
    return _joined(held), tuple(taken), tuple(beside)


def scoped(variables: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Variables under the names of the table, where only a prefix hides them or a single net's scope is missing.

    Returns (variables, what was taken off or put in front). What is no KinD under any prefix is handed back as it is.
    """
    said = []
    names = {name: "/".join(part for part in name.split("/") if part not in SEGMENTS) for name in variables}
    if any(old != new for old, new in names.items()) and _is_kind(names.values()):
        said.append("prefix " + ", ".join(sorted(SEGMENTS & {part for name in names for part in name.split("/")})))
    else:
        names = {name: name for name in variables}
    first = {name.split("/")[0] for name in names.values()}
    if len(first) == 1 and not _is_kind(names.values()):
        (prefix,) = first
        shorter = {old: new.removeprefix(f"{prefix}/") for old, new in names.items()}
        if _is_kind(shorter.values()) or _bare_net(shorter.values()):
            names = shorter
            said.append(f"prefix {prefix}")
    if net := _bare_net(names.values()):
        names = {old: f"{net}/{new}" for old, new in names.items()}
        said.append(f"a single net without its scope, {net}")
    if not said:
        return dict(variables), ()
    found = {}
    for old, new in names.items():
        if new in found:
            raise KindlingError(f"{new} is in it twice, once behind a prefix; save one of them by itself")
        found[new] = variables[old]
    return found, tuple(said)


def _chosen(held, inside, tensor, source):
    """The wrapper to open. If several hold something, the one that holds KinD, or the first of equal ones."""
    states = {key: _flat(held[key], tensor) for key in inside}
    ours = [key for key in inside if _looks_like_kind(states[key])] or inside
    first = states[ours[0]]
    others = [key for key in ours[1:] if not _equal(first, states[key])]
    if others:
        raise KindlingError(
            f"{source}: it holds weights under {ours[0]} and other ones under {' and '.join(others)}; save those that "
            f"are meant by themselves: torch.save(held[{ours[0]!r}], FILE)"
        )
    return ours[0]


def _flat(held, tensor, depth=DEEPEST):
    """Every tensor inside, under the end of its path: `model` in `state_dict` counts as what it holds."""
    found = {}
    for key, value in held.items() if isinstance(held, Mapping) else ():
        if isinstance(value, tensor):
            found[str(key)] = value
        elif depth:
            found |= {f"{key}.{inner}": a for inner, a in _flat(value, tensor, depth - 1).items()}
    return found


def _looks_like_kind(state):
    names = {"/".join(part for part in slim_name(key).split("/") if part not in SEGMENTS) for key in state}
    ends = {name.split("/", k)[-1] for name in names for k in range(DEEPEST + 1)}
    return bool(ends & EXPECTED.keys()) or any(_bare(net) <= ends for net in NETS)


def _equal(a, b):
    """Bit by bit; tensors of PyTorch, told by their numpy face."""
    return a.keys() == b.keys() and all(
        a[key].shape == b[key].shape
        and a[key].dtype == b[key].dtype
        and a[key].detach().cpu().numpy().tobytes() == b[key].detach().cpu().numpy().tobytes()
        for key in a
    )


def _joined(held):
    """The three nets' state_dicts, each under the name of its net, as one."""
    if not isinstance(held, Mapping):
        return held
    joined = {}
    for key, value in held.items():
        if key in NETS and isinstance(value, Mapping):
            joined |= {f"{key}.{inner}": tensor for inner, tensor in value.items()}
        else:
            joined[key] = value
    return joined


def _is_kind(names: Iterable[str]) -> bool:
    return any(name in EXPECTED for name in names)


def _bare(net):
    """A net's variables without its scope."""
    return {name.removeprefix(f"{net}/") for name in NETS[net].variables}


def _bare_net(names: Iterable[str]) -> str | None:
    """The net whose variables these are, all of them and nothing else, if only its scope is missing."""
    names = set(names)
    return next((net for net in NETS if names == _bare(net)), None)
