"""Weights of another precision as float32, and what that did to them: most files can be widened exactly."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.registry import KIND, Family

from .soundness import is_training_state

Precision = Literal["float32"]


def is_float(dtype: np.dtype) -> bool:
    """Whether numbers of this kind have a fraction: NumPy's floats, and ml_dtypes' bfloat16 and float8."""
    return dtype.kind == "f" or dtype.name.startswith(("bfloat", "float"))


def cast(
    variables: Mapping[str, np.ndarray], to: Precision | None, family: Family = KIND
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """(variables as `to`, what was done, a sentence for each precision there was); as they are if `to` is None.

    Training state and whole numbers are left as they are: whole numbers would have to be scaled, and nothing in the
    file says by what. Raises KindlingError for a precision that is not written here.
    """
    if to is None:
        return dict(variables), ()
    if to != "float32":
        raise KindlingError(f"cast is {to!r}, and weights are written as float32 only")
    others = {
        name: array
        for name, array in variables.items()
        if is_float(array.dtype) and array.dtype != np.float32 and not is_training_state(name, family)
    }
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused afterwards, by name
        turned = {name: array.astype(np.float32) for name, array in others.items()}
    said = []
    for dtype in sorted({array.dtype.name for array in others.values()}):
        names = [name for name, array in others.items() if array.dtype.name == dtype]
        said.append(_said(dtype, [(others[name], turned[name]) for name in names]))
    return {**variables, **turned}, tuple(said)


def _said(dtype: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    count = f"{len(pairs)} variable{'s' if len(pairs) != 1 else ''} from {dtype} to float32"
    if np.can_cast(np.dtype(pairs[0][0].dtype), np.float32):
        return f"{count}, every value exactly"
    changed, furthest = 0, 0.0
    for before, after in pairs:
        apart = np.abs(after.astype(before.dtype) - before)
        changed += int(np.count_nonzero(apart))
        largest = np.abs(before[apart > 0])
        furthest = max(furthest, float(np.max(apart[apart > 0] / largest, initial=0.0)))
    if not changed:
        return f"{count}, every value exactly"
    size = sum(before.size for before, _ in pairs)
    return f"{count}, {changed:,} of {size:,} values rounded, by at most {furthest:.1e} of their size"
