"""Is this dictionary a sound KinD checkpoint? Everything that is wrong with it is said at once."""

import hashlib
import re
from collections.abc import Iterable, Mapping

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.kind.nets import NETS
from kindling.families.registry import recognise

# What a training keeps beside the weights. Slots (`<variable>/Adam`) are told by the variable they belong to.
TRAINING_STATE = re.compile(
    r"(.*/)?(beta[12]_power(_\d+)?|global_step|save_counter|n_averaged|num_updates|decay|_?iterations?|_?learning_rate)"
    r"(:0)?$"
)

EXPECTED: dict[str, tuple[int, ...]] = {name: shape for net in NETS.values() for name, shape in net.variables.items()}


def nets_in(names: Iterable[str]) -> list[str]:
    """The nets of which at least one variable is among `names`, in the table's order."""
    scopes = {name.split("/")[0] for name in names if name in EXPECTED}
    return [net for net in NETS if net in scopes]


def is_training_state(name: str) -> bool:
    """Optimizer slots, powers and steps, which conversion leaves behind."""
    parent = name.rsplit("/", 1)[0]
    return parent in EXPECTED or bool(TRAINING_STATE.match(name))


def left_behind(names: Iterable[str]) -> list[str]:
    """The names of what conversion leaves behind."""
    return [name for name in names if name not in EXPECTED and is_training_state(name)]


def family_of(names: Iterable[str]) -> str:
    """`kind`, the name of another model that is known, or `unknown`."""
    other = recognise(names)
    return other[0].title if other else "kind" if nets_in(names) else "unknown"


def problems_with(variables: Mapping[str, np.ndarray]) -> list[str]:
    """Every reason why `variables`, under slim names, is not one or more whole KinD nets; none if it is."""
    nets = nets_in(variables)
    if not nets:
        return [_no_kind(variables)]
    other = recognise(variables)
    problems = [f"it holds variables of {other[0].title} too, {other[1]} first"] if other else []
    for net in nets:
        missing = [name for name in NETS[net].variables if name not in variables]
        sentences = [f"{name} is missing" for name in missing]
        problems += _few(sentences, f"{net} misses {len(missing)} of {len(NETS[net].variables)} variables", missing)
    strangers = [name for name in variables if name not in EXPECTED and not is_training_state(name)]
    sentences = [f"{name} is not a variable of KinD" for name in strangers]
    problems += _few(sentences, f"{len(strangers)} variables are not of KinD", strangers)
    known = {name: variables[name] for name in EXPECTED if name in variables}
    for dtype in sorted({str(array.dtype) for array in known.values()} - {"float32"}):
        wrong = [name for name, array in known.items() if str(array.dtype) == dtype]
        sentences = [f"{name} is {dtype}, expected float32" for name in wrong]
        problems += _few(sentences, f"{len(wrong)} variables are {dtype}, expected float32", wrong)
    for name, array in known.items():
        problems += _problems_with_array(name, array)
    return problems


def check(variables: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """The weights of the KinD nets in `variables`, in the table's order, training state left out; or one error."""
    problems = problems_with(variables)
    if problems:
        raise KindlingError.of(source, problems, _then(variables, source))
    return {name: variables[name] for name in EXPECTED if name in variables}


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


def _then(variables, source):
    """What to try. Weights of another precision need no more than a conversion."""
    precisions = {array.dtype.name for name, array in variables.items() if name in EXPECTED} - {"float32"}
    if precisions and all("float" in name for name in precisions):
        return f"`kindling convert {source} NEW --cast float32` makes float32 of them and says what that changes"
    return f"`kindling inspect {source}` lists what it holds"


def _few(sentences, together, names):
    """A sentence for each name, or, if they are many, the one for them together and the first of them."""
    return sentences if len(sentences) <= 3 else [f"{together}, {names[0]} first"]


def _problems_with_array(name, array):
    expected = EXPECTED[name]
    if array.shape != expected:
        order = " in TF's axis order" if len(expected) == 4 else ""
        yield f"{name} has shape {array.shape}, expected {expected}{order}"
    if "float" in array.dtype.name and not (finite := np.isfinite(array)).all():
        bad = int((~finite).sum())
        yield f"{name} holds {bad} value{'s that are' if bad > 1 else ' that is'} NaN or infinite"


def _no_kind(variables):
    if other := recognise(variables):
        family, sign = other
        return f"this is a {family.title} checkpoint ({sign}): {family.refused}; KinD's are {', '.join(NETS)}"
    listed = ", ".join(list(variables)[:3]) or "nothing"
    return f"there is no variable of KinD in it: it holds {listed}, expected names such as {next(iter(EXPECTED))}"
