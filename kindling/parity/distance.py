"""How far two arrays are apart, in the few numbers that parity is decided by."""

import math

import numpy as np


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference, taken in float64; infinite where shapes differ or a value is NaN."""
    if a.shape != b.shape:
        return math.inf
    return _finite_or_inf(np.max(_apart(a, b), initial=0.0))


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The mean absolute difference, taken in float64; infinite where shapes differ or a value is NaN."""
    if a.shape != b.shape:
        return math.inf
    return _finite_or_inf(np.mean(_apart(a, b))) if a.size else 0.0


def magnitude(a: np.ndarray) -> float:
    """The largest absolute value, to see a difference relative to; 1 for an array of zeros."""
    return float(np.max(np.abs(a.astype(np.float64)), initial=0.0)) or 1.0


def _apart(a, b):
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, which is what it should be here
        return np.abs(a.astype(np.float64) - b.astype(np.float64))


def _finite_or_inf(x):
    return float(x) if np.isfinite(x) else math.inf
