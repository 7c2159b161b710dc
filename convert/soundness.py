"""Is this dictionary a sound checkpoint of a family that can run? Everything that is wrong with it is said at once."""

import hashlib
import re
from collections.abc import Iterable, Mapping

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.registry import KIND, RUNNABLE, Family, family_of, recognise

# What a training keeps beside the weights. Slots (`<variable>/Adam`) are told by the variable they belong to.
TRAINING_STATE = re.compile(
    r"(.*/)?(beta[12]_power(_\d+)?|global_step|save_counter|n_averaged|num_updates|num_batches_tracked|decay|_?iterations?|_?learning_rate)"
    r"(:0)?$"
)


def nets_in(names: Iterable[str], family: Family | None = None) -> list[str]:
    """The nets of which at least one variable is among `names`, in the table's order.

    family: by default the one whose table has most of the names.
    """
    names = list(names)
    return (family or family_of(names) or KIND).nets_in(names)


def is_training_state(name: str, family: Family = KIND) -> bool:
    """Optimizer slots, powers and steps, which conversion leaves behind."""
    parent = name.rsplit("/", 1)[0]
    return parent in family.variables or bool(TRAINING_STATE.match(name))


def left_behind(names: Iterable[str], family: Family = KIND) -> list[str]:
    """The names of what conversion leaves behind."""
    return [name for name in names if name not in family.variables and is_training_state(name, family)]


def name_of_family(names: Iterable[str], hint: str = "") -> str:
    """The id of a family that can run, the name of another model that is known, or `unknown`."""
    names = list(names)
    other, family = recognise(names), family_of(names, hint)
    return other[0].title if other else family.id if family else "unknown"


def problems_with(variables: Mapping[str, np.ndarray], family: Family | None = None) -> list[str]:
    """Every reason why `variables`, under slim names, is not one or more whole nets of a family; none if it is.

    family: by default the one whose table has most of the names.
    """
    family = family or family_of(variables)
    nets = family.nets_in(variables) if family else []
    if family is None or not nets:
        return [_none_known(variables)]
    strangers = [name for name in variables if name not in family.variables and not is_training_state(name, family)]
    problems = list(_other_models(strangers, variables, family))
    for net in nets:
        own = family.by_scope[net].variables
        missing = [name for name in own if name not in variables]
        sentences = [f"{name} is missing" for name in missing]
        problems += _few(sentences, f"{net} misses {len(missing)} of {len(own)} variables", missing)
    sentences = [f"{name} is not a variable of {family.title}" for name in strangers]
    problems += _few(sentences, f"{len(strangers)} variables are not of {family.title}", strangers)
    known = {name: variables[name] for name in family.variables if name in variables}
    for dtype in sorted({str(array.dtype) for array in known.values()} - {"float32"}):
        wrong = [name for name, array in known.items() if str(array.dtype) == dtype]
        sentences = [f"{name} is {dtype}, expected float32" for name in wrong]
        problems += _few(sentences, f"{len(wrong)} variables are {dtype}, expected float32", wrong)
    for name, array in known.items():
        problems += _problems_with_array(name, array, family.variables[name])
    return problems


def check(variables: Mapping[str, np.ndarray], source: str, family: Family | None = None) -> dict[str, np.ndarray]:
    """The weights of a family's nets in `variables`, in the table's order, training state left out; or one error."""
    family = family or family_of(variables) or KIND
    problems = problems_with(variables, family)
    if problems:
        raise KindlingError.of(source, problems, _then(variables, source, family))
    return {name: variables[name] for name in family.variables if name in variables}


def fingerprint(variables: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, dtypes, shapes and bytes: the same weights have the same one in every form."""
    digest = hashlib.sha256()
    for name in sorted(variables):
        array = variables[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def differences(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> list[str]:
    """What is not bit-equal between two sets of variables: names, dtypes, shapes, values (-0.0 is not 0.0 here)."""
    found = [f"{name} is only in one of them" for name in sorted(set(a) ^ set(b))]
    for name in sorted(set(a) & set(b)):
        x, y = a[name], b[name]
        if x.dtype != y.dtype or x.shape != y.shape:
            found.append(f"{name} is {x.dtype} {x.shape} and {y.dtype} {y.shape}")
        elif x.tobytes() != y.tobytes():
            found.append(f"{name} has other values")
    return found


def _then(variables, source, family):
    """What to try. Weights of another precision need no more than a conversion."""
    precisions = {array.dtype.name for name, array in variables.items() if name in family.variables} - {"float32"}
    if precisions and all("float" in name for name in precisions):
        return f"`kindling convert {source} NEW --cast float32` makes float32 of them and says what that changes"
    return f"`kindling inspect {source}` lists what it holds"


def _few(sentences, together, names):
    """A sentence for each name, or, if they are many, the one for them together and the first of them."""
    return sentences if len(sentences) <= 3 else [f"{together}, {names[0]} first"]


def _other_models(strangers, variables, family):
    """A sentence if something of another model that is known is in it, too."""
    other = recognise(variables)
    for runnable in RUNNABLE:
        foreign = [name for name in strangers if name in runnable.variables]
        other = other or ((runnable, foreign[0]) if foreign else None)
    if other and other[0] is not family:
        yield f"it holds variables of {other[0].title} too, {other[1]} first"


def _problems_with_array(name, array, expected):
    if array.shape != expected:
        order = " in TF's axis order" if len(expected) == 4 else ""
        yield f"{name} has shape {array.shape}, expected {expected}{order}"
    if "float" in array.dtype.name and not (finite := np.isfinite(array)).all():
        bad = int((~finite).sum())
        yield f"{name} holds {bad} value{'s that are' if bad > 1 else ' that is'} NaN or infinite"


def _none_known(variables):
    if other := recognise(variables):
        family, sign = other
        return f"this is a {family.title} checkpoint ({sign}): {family.refused}; KinD's are {', '.join(KIND.by_scope)}"
    listed = ", ".join(list(variables)[:3]) or "nothing"
    others = ", ".join(family.title for family in RUNNABLE[1:])
    return (
        f"there is no variable of KinD in it: it holds {listed}, expected names such as {next(iter(KIND.variables))}, "
        f"or those of {others}"
    )
