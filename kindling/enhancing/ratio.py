"""The ratio that is not a number given by hand: from a well-lit partner, as the original, or blind, from the photo.

evaluate_LOLdataset.py takes the ratio from the photo's well-lit partner, as the mean of L_high / (L_low + 0.0001) over
all pixels. `auto` is the same mean with the level that well-lit photos have in place of L_high, so it needs no
partner. docs/enhance.md has what it brings.
"""

from collections.abc import Callable

import numpy as np

from kindling.enhancing.tiles import Grid, Read, decompose, inside

EPSILON = np.float32(0.0001)  # the original's, against division by 0
LEVEL = np.float32(0.62)  # mean of L over the well-lit photos of pairs/train, by the authors' decomposition
LARGEST = 10.0  # beyond, the adjustment net hardly answers, and a black photo would ask for thousands


def true_ratio(low: Read, high: Read, grid: Grid, backend) -> float:
    """mean(L_high / (L_low + 0.0001)), as evaluate_LOLdataset.py. low, high: two photos of the size of `grid`."""
    return _mean_ratio(_light(low, grid, backend), _light(high, grid, backend), lambda i, i_high: i_high)


def auto_ratio(read: Read, grid: Grid, backend) -> float:
    """mean(LEVEL / (L + 0.0001)), at most 10: the ratio that brings the photo's illumination to a well-lit one's."""
    light = _light(read, grid, backend)
    return min(_mean_ratio(light, grid.rows, lambda i, _: LEVEL), LARGEST)


def _mean_ratio(low, high, target: Callable) -> float:
    """Of rows of tiles, each a float32 mean as the original's; for a photo in one row it is the original's number."""
    total = count = 0
    for i, other in zip(low, high, strict=True):
        total += float(np.mean(target(i, other) / (i + EPSILON))) * i.size
        count += i.size
    return total / count


def _light(read, grid, backend):
    """The illumination of each row of tiles."""
    for row, (held, _, L) in zip(grid.rows, decompose(read, grid, backend), strict=True):
        yield L[inside(row, held)]
