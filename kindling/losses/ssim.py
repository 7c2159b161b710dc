"""The constants of SSIM and of its form on several scales, for the losses of both frameworks."""

from collections.abc import Sequence

from kindling.core.errors import KindlingError

__all__ = ["C1", "C2", "SCALES", "SIGMA", "WINDOW", "least_side", "scale_weights"]

WINDOW, SIGMA = 11, 1.5  # of SSIM's gaussian; Wang et al. 2004
C1, C2 = 0.01**2, 0.03**2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, fine to coarse


def scale_weights(scales: int = len(SCALES), weights: Sequence[float] | None = None) -> tuple[float, ...]:
    """The exponents of `scales` scales, or `weights` as they are. Raises KindlingError for none, or one below 0."""
    if weights is None:
        if scales not in range(1, len(SCALES) + 1):
            raise KindlingError(
                f"scales is {scales}, expected 1 to {len(SCALES)}; for more, give weights, one for each scale"
            )
        first = SCALES[: int(scales)]
        return tuple(weight * sum(SCALES) / sum(first) for weight in first)
    weights = tuple(float(weight) for weight in weights)
    if not weights or not all(0 <= weight < float("inf") for weight in weights):
        raise KindlingError(f"weights is {weights}, expected a number from 0 up for each scale")
    return weights


def least_side(scales: int) -> int:
    """The pixels a side that so many scales need, each half of the one before, rounded up: the last holds a window."""
    return (WINDOW - 1) * 2 ** (scales - 1) + 1
