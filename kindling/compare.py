"""How far two arrays are apart, in the few numbers that parity is decided by."""

import math

import numpy as np


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference, taken in float64; infinite where shapes differ or a value is NaN."""
    if a.shape != b.shape:
        return math.inf
    largest = float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0.0))
    return math.inf if math.isnan(largest) else largest


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The mean absolute difference, taken in float64; infinite where shapes differ or a value is NaN."""
    if a.shape != b.shape:
        return math.inf
    mean = float(np.mean(np.abs(a.astype(np.float64) - b.astype(np.float64)))) if a.size else 0.0
    return math.inf if math.isnan(mean) else mean


def magnitude(a: np.ndarray) -> float:
    """The largest absolute value, to see a difference relative to; 1 for an array of zeros."""
    return float(np.max(np.abs(a.astype(np.float64)), initial=0.0)) or 1.0
