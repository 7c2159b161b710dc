"""How the distances of two results are spread: over their sizes, and over the picture.

A row of a report (kindling/parity/check.py) has the largest distance alone. Here is what a person looks at next: how
many values are how far off, where on the photo they lie, and a hash of each result, so that two people can see
whether they computed the very same.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from kindling.core.model import Array

__all__ = ["EDGES", "Seen", "Spread", "seen", "spread"]

SIDE = 192  # the longer side of a map, in squares
EDGES = np.arange(-10, 0.01, 0.25)  # of the bins, as powers of ten; what is smaller is in the first one


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One input, by what tells it from another."""

    case: str
    shape: tuple[int, ...]
    sha256: str
    picture: Array | None
    """A photo made smaller, (h, w, 3) uint8; None for random input."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One output of one case."""

    case: str
    what: str
    reference_counts: Array
    """Values of the reference in float32, by how far from the exact answer: equal ones first, then by EDGES."""
    port_counts: Array
    heat: Array
    """(h, w) float32: the largest |port - reference| in each square of the picture, both float32."""
    reference_sha256: str
    port_sha256: str


def spread(case: str, what: str, exact: Array, reference: Array, port: Array) -> list[Spread]:
    """All of (n, h, w, c). None at all where they differ in shape, or are not finite: there is nothing to draw."""
    if not exact.shape == reference.shape == port.shape or exact.ndim != 4:
        return []
    if not all(np.isfinite(array).all() for array in (exact, reference, port)):
        return []
    apart = np.abs(port.astype(np.float64) - reference).max(axis=(0, 3))
    counts = {"reference_counts": _counts(reference, exact), "port_counts": _counts(port, exact)}
    hashes = {"reference_sha256": _hash(reference), "port_sha256": _hash(port)}
    return [Spread(case=case, what=what, heat=_pooled(apart).astype(np.float32), **counts, **hashes)]


def seen(case: str, x: Array, photo: bool) -> Seen:
    """x: (n, h, w, 3) in [0, 1]."""
    picture = None
    if photo:
        step = -(-max(x.shape[1:3]) // (2 * SIDE))
        picture = (np.clip(x[0, ::step, ::step], 0, 1) * 255).astype(np.uint8)
    return Seen(case=case, shape=x.shape, sha256=_hash(x), picture=picture)


def _counts(array, exact):
    apart = np.abs(array.astype(np.float64) - exact)
    equal = int((apart == 0).sum())
    powers = np.log10(apart[apart > 0]).clip(EDGES[0], EDGES[-1] - 1e-9)
    return np.concatenate([[equal], np.histogram(powers, EDGES)[0]])


def _pooled(apart):
    """The largest of each square, so that a single wrong pixel is still seen."""
    step = -(-max(apart.shape) // SIDE)
    height, width = (-(-size // step) for size in apart.shape)
    padded = np.zeros((height * step, width * step))
    padded[: apart.shape[0], : apart.shape[1]] = apart
    return padded.reshape(height, step, width, step).max(axis=(1, 3))


def _hash(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
