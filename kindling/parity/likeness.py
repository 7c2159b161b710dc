"""What the difference between two arrays looks like: the faults that ports and conversions make, tried one by one.

An array is compared with what would have become of the other one had it been flipped, turned, read in the wrong axis
order, rounded and so on. What fits bit by bit is certain, and comes first; what only resembles comes after. Kernels are
in TF's axis order (kh, kw, in, out).
"""

import itertools
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kindling.core.names import TO_SLIM, TO_TORCH
from kindling.parity.moves import Array, Kind, moves

ROUNDINGS = {
    "float16": np.float16, "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2,
}  # fmt: skip
NOISE = 4e-7  # of the largest value: some float32 steps
PROPORTIONAL = 1e-5  # what may be left, of the largest value, once a factor or an offset is taken off
FEW = 1e-3  # share of values that may differ for the rest to count as equal
ALIKE = 0.9  # cosine from which two arrays are the same thing, changed
ENOUGH = 20_000  # values by which a resemblance is seen


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """What one array looks like beside another."""

    kind: Kind
    words: str
    """To be put behind the name of the second: "flipped left-right"."""
    exact: bool
    """Whether it explains every bit of the difference."""


def likeness(first: Array, second: Array) -> Likeness | None:
    """What `second` looks like beside `first`; None where they are equal bit by bit.

    Both: kernels (kh, kw, in, out), biases (out,), or arrays of any shape, of floats.
    """
    if first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes():
        return None
    a, b = _comparable(first), _comparable(second)
    if a.shape != b.shape:
        return _shapes(a, b)
    if not np.isfinite(b).all() or not np.isfinite(a).all():
        which = "" if not np.isfinite(b).all() else "finite, where the first is "
        return Likeness(kind="not finite", words=f"{which}NaN or infinite", exact=True)
    return (
        _stored(first, second, a, b)
        or _zero(a, b)
        or _rounded(a, b)
        or _moved(a, b)
        or _few(a, b)
        or _proportional(a, b)
        or _resembling(a, b)
    )


def cosine(a: Array, b: Array) -> float:
    """The cosine between two arrays taken as vectors, 0 where one of them is zero."""
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / length if length else 0.0


def relative(a: Array, b: Array) -> float:
    """The length of the difference, of the length of the first; infinite where only the first is zero."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    apart, size = float(np.linalg.norm(y - x)), float(np.linalg.norm(x))
    return apart / size if size else float("inf") if apart else 0.0


# --- what fits bit by bit ----------------------------------------------------------------------------------------


def _comparable(array: Array) -> Array:
    """In a precision that holds every value of it, and that NumPy can compute in."""
    return array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32)


def _shapes(a: Array, b: Array) -> Likeness:
    if a.ndim == b.ndim:
        for axes in itertools.permutations(range(a.ndim)):
            if a.transpose(axes).shape == b.shape and np.array_equal(a.transpose(axes), b):
                return Likeness(kind="transposed", words=f"its axes in the order {axes}{_whose(axes)}", exact=True)
    if a.size == b.size and np.array_equal(a.ravel(), b.ravel()):
        return Likeness(kind="shape", words=f"the same numbers in the shape {b.shape}", exact=True)
    return Likeness(kind="shape", words=f"of shape {b.shape}, expected {a.shape}", exact=False)


def _whose(axes):
    return {TO_TORCH: ", which is PyTorch's", TO_SLIM: ", as if it had been PyTorch's"}.get(axes, "")


def _stored(first: Array, second: Array, a: Array, b: Array) -> Likeness | None:
    if not np.array_equal(a, b):
        return None
    if first.dtype == second.dtype:
        return Likeness(kind="few", words="equal but for the signs of zeros", exact=True)
    return Likeness(kind="stored", words=f"stored as {second.dtype}, not {first.dtype}; the same numbers", exact=True)


def _zero(a: Array, b: Array) -> Likeness | None:
    if not b.any() and a.any():
        return Likeness(kind="zero", words="all zero", exact=True)
    if not a.any() and b.any():
        return Likeness(kind="zero", words="not zero, where the first is all zero", exact=True)
    return None


def _rounded(a: Array, b: Array) -> Likeness | None:
    for name, dtype in ROUNDINGS.items():
        if _equal(a, b, dtype):
            return Likeness(kind="rounded", words=f"rounded to {name}", exact=True)
        if _equal(b, a, dtype):
            return Likeness(kind="rounded", words=f"not rounded, where the first is rounded to {name}", exact=True)
    cut = (a.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    if _equal(cut, b):
        return Likeness(kind="rounded", words="cut off to bfloat16, not rounded", exact=True)
    if a.dtype != b.dtype and _equal(a, b.astype(a.dtype), np.float32):
        return Likeness(kind="rounded", words="rounded to float32", exact=True)
    return None


def _moved(a: Array, b: Array) -> Likeness | None:
    for kind, words, move in moves(a):
        moved = move(a)
        if _equal(moved, b):
            return Likeness(kind=kind, words=words, exact=True)
        for name, dtype in ROUNDINGS.items():
            if _equal(moved, b, dtype):
                return Likeness(kind=kind, words=f"{words}, and rounded to {name}", exact=True)
    for axis in range(max(0, a.ndim - 2), a.ndim):
        if words := _reordered(a, b, axis):
            return Likeness(kind="reordered", words=words, exact=True)
    return None


def _reordered(a: Array, b: Array, axis: int) -> str:
    """Channels in some other order, found by what each sums up to; empty if they are not."""
    others = tuple(k for k in range(a.ndim) if k != axis)
    if a.shape[axis] < 3:
        return ""
    sums = [np.abs(array).sum(axis=others, dtype=np.float64) for array in (a, b)]
    if not np.allclose(np.sort(sums[0]), np.sort(sums[1]), rtol=1e-6, atol=0):
        return ""
    order = np.empty(a.shape[axis], int)
    order[np.argsort(sums[1])] = np.argsort(sums[0])
    if not np.array_equal(a.take(order, axis), b):
        return ""
    named = {a.ndim - 1: "outputs", a.ndim - 2: "inputs"}[axis] if a.ndim == 4 else "channels"
    shown = f": {', '.join(map(str, order))}" if order.size <= 8 else ""
    return f"its {named} in another order{shown}"


def _as(dtype: Any, a: Array) -> Array:
    with np.errstate(over="ignore"):
        return a.astype(dtype).astype(a.dtype)


def _few(a: Array, b: Array) -> Likeness | None:
    changed = np.flatnonzero(a.ravel() != b.ravel())
    if changed.size > max(1, FEW * a.size) or a.size < 16:
        return None
    bits = ""
    if changed.size == 1 and a.dtype == b.dtype == np.float32:
        x, y = (int(array.ravel()[changed].view(np.uint32)[0]) for array in (a, b))
        bits = ", by a single bit" if (x ^ y).bit_count() == 1 else ""
    return Likeness(kind="few", words=f"other in {changed.size} of {a.size:,} values{bits}", exact=True)


def _equal(a: Array, b: Array, dtype: Any = None) -> bool:
    """Whether all values are equal, those of `a` rounded to `dtype`; most that are not are told by some of them."""
    if a.shape != b.shape:
        return False
    some = _some(a)
    x, y = a.flat[some], b.flat[some]
    if dtype is None:
        return bool(np.array_equal(x, y)) and np.array_equal(a, b)
    return bool(np.array_equal(_as(dtype, x), y)) and np.array_equal(_as(dtype, a), b)


def _some(a: Array, most: int = 97) -> Array:
    """Places all over an array, in no step that a shape could have."""
    if a.size <= most:
        return np.arange(a.size)
    return np.random.default_rng(0).integers(0, a.size, most)


# --- what only resembles -----------------------------------------------------------------------------------------


def _proportional(a: Array, b: Array) -> Likeness | None:
    largest = float(np.abs(b).max(initial=0.0))
    some = _some(a, ENOUGH)
    if _factor(a.flat[some], b.flat[some], largest):
        return _factor(a, b, largest) or _by_output(a, b, largest)
    return _by_output(a, b, largest)


def _factor(a: Array, b: Array, largest: float) -> Likeness | None:
    """A factor or an offset that is one for all values; largest: of all of `b`."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    if float(np.abs(y - x).max(initial=0.0)) <= NOISE * largest:
        return Likeness(kind="noise", words="the same but for rounding in float32", exact=False)
    if a.size < 2 or not x.any():
        return None  # any number is a multiple of any other
    factor = float((x * y).sum() / (x * x).sum())
    if float(np.abs(y - factor * x).max()) <= PROPORTIONAL * largest:
        words = "negated" if abs(factor + 1) < PROPORTIONAL else f"multiplied by {factor:.6g}"
        return Likeness(kind="scaled", words=words, exact=False)
    offset = float((y - x).mean())
    if float(np.abs(y - x - offset).max()) <= PROPORTIONAL * largest:
        return Likeness(kind="shifted", words=f"shifted by {offset:.6g}", exact=False)
    return None


def _by_output(a: Array, b: Array, largest: float) -> Likeness | None:
    """A factor for each output of a kernel."""
    if a.ndim != 4 or a.shape[3] < 2 or a[..., 0].size < 2:
        return None
    few = max(2, 200 // (a.shape[0] * a.shape[1]))  # inputs by which most kernels are told that are no such thing
    for x, y in ((a[:, :, :few], b[:, :, :few]), (a, b)):
        x, y = x.astype(np.float64), y.astype(np.float64)
        factors = (x * y).sum((0, 1, 2)) / np.maximum((x * x).sum((0, 1, 2)), np.finfo(float).tiny)
        if float(np.abs(y - factors * x).max()) > PROPORTIONAL * largest:
            return None
    words = f"multiplied output by output, by {factors.min():.3g} to {factors.max():.3g} (a folded norm?)"
    return Likeness(kind="scaled", words=words, exact=False)


def _resembling(a: Array, b: Array) -> Likeness:
    apart = relative(a, b)
    if apart < 0.5 or (a.size > 1 and cosine(a, b) >= ALIKE):
        return Likeness(kind="fine-tuned", words=f"changed by {apart:.2g} of its size", exact=False)
    some = _some(a, ENOUGH)
    near = [(cosine(move(a).flat[some], b.flat[some]), kind, words) for kind, words, move in moves(a)]
    best, kind, words = max(near, key=lambda one: one[0], default=(0.0, "unrelated", ""))
    if a.size > 8 and best >= ALIKE:
        return Likeness(kind=kind, words=f"{words}, and changed besides", exact=False)
    return Likeness(kind="unrelated", words="unrelated", exact=False)
