"""Whether a training of DecomNet will fall, or has fallen, into the solution that explains nothing: L = 1, R = photo.

There reconstruction and both smoothness terms vanish inside the photo. Only the zeros that `gradient` sees beyond the
last row and column cost anything: a false edge along two borders, the smaller a share of the loss the larger the
patch. docs/training.md has the measurements. This is numpy, so it can be asked before any framework is loaded.
"""

import numpy as np

__all__ = ["CHEAP", "FLAT", "SETTLED", "degenerate_loss", "flatness", "warning_before", "warning_during"]

GRAY = (0.2989, 0.587, 0.114)  # as in the losses
WEIGHT = 0.15  # of mutual_i_input_low and mutual_i_input_high
CHEAP = 0.1  # a good decomposition costs 0.135 to 0.16, whatever the patch
FLAT = 0.03  # the deviation of L within a photo; the authors' DecomNet has 0.2 to 0.25 on dark photos
SETTLED = 1000  # steps before which L may be flat in any training


def degenerate_loss(low: np.ndarray, high: np.ndarray, cell: int | None = None) -> float:
    """What L = 1, R = photo costs on this batch, by the decomposition loss. low, high: (n, h, w, 3).

    cell: as in the step, squares of this many pixels in which the loss is taken.
    """
    return sum(WEIGHT * _mutual_input(cells(image, cell)) for image in (low, high))


def cells(image: np.ndarray, size: int | None) -> np.ndarray:
    """(n, h, w, c) cut into squares: (n h/size w/size, size, size, c)."""
    if not size:
        return image
    n, h, w, c = image.shape
    return image.reshape(n, h // size, size, w // size, size, c).swapaxes(2, 3).reshape(-1, size, size, c)


def flatness(L: np.ndarray) -> float:
    """The deviation of L within each image, averaged. L: (n, h, w, 1)."""
    return float(L.std(axis=(1, 2, 3)).mean())


def warning_before(cost: float, batch: int, patch: int) -> str | None:
    """A sentence if the degenerate solution is cheap on such batches."""
    if cost >= CHEAP:
        return None
    return (
        f"with batches of {batch} patches of {patch} pixels the degenerate solution (L = 1, R = photo) costs "
        f"{cost:.3f}, and a good decomposition about 0.14: L is likely to go flat. The original's 10 patches of 48 "
        "hold it off; larger patches need --cell 48, which takes their loss in squares of that size, and nothing makes "
        "up for a smaller batch"
    )


def warning_during(deviation: float, step: int) -> str | None:
    """A sentence if L has gone flat."""
    if step < SETTLED or deviation >= FLAT:
        return None
    return (
        f"L is flat at step {step}: it deviates by {deviation:.3f} within a photo, and by 0.2 in a good decomposition. "
        "This is the degenerate solution (L = 1, R = photo); smaller patches or --cell 48 hold it off"
    )


def _mutual_input(image: np.ndarray) -> float:
    """`mutual_i_input` of L = 1."""
    gray = image @ np.array(GRAY, image.dtype)
    L = np.ones_like(gray)
    return float(np.mean(sum(_gradient(L, d) / np.maximum(_gradient(gray, d), 0.01) for d in "xy")))


def _gradient(x: np.ndarray, direction: str) -> np.ndarray:
    """`gradient` of the losses. x: (n, h, w)."""
    padded = np.pad(x, ((0, 0), (0, 1), (0, 1)))
    behind = padded[:, 1:, :-1] if direction == "x" else padded[:, :-1, 1:]
    edges = np.abs(padded[:, 1:, 1:] - behind)
    return (edges - edges.min()) / (edges.max() - edges.min() + 0.0001)
