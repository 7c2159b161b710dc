"""The ratio that is not a number given by hand: from a well-lit partner, as the original, or blind, from the photo.

evaluate_LOLdataset.py takes the ratio from the photo's well-lit partner, as the mean of L_high / (L_low + 0.0001) over
all pixels. `auto` is the same mean with the level that well-lit photos have in place of L_high, so it needs no
partner. docs/enhance.md has what it brings.
"""

from collections.abc import Callable, Iterable

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.enhancing.tiles import Grid, Kept, Read, decompose

__all__ = ["auto_ratio", "check_ratio", "true_ratio"]

EPSILON = np.float32(0.0001)  # the original's, against division by 0
LEVEL = np.float32(0.62)  # mean of L over the well-lit photos of pairs/train, by the authors' decomposition
LARGEST = 10.0  # beyond, the adjustment net hardly answers, and a black photo would ask for thousands


def true_ratio(kept: Kept, high: Read, grid: Grid, model: Model) -> float:
    """mean(L_high / (L_low + 0.0001)), as evaluate_LOLdataset.py.

    kept: the dark photo, decomposed; high: its well-lit partner, of the size of `grid`.
    """
    return _mean_ratio(_light(kept, grid), (L for _, _, L in decompose(high, grid, model)), lambda i, i_high: i_high)


def auto_ratio(kept: Kept, grid: Grid) -> float:
    """mean(LEVEL / (L + 0.0001)), at most 10: the ratio that brings the photo's illumination to a well-lit one's."""
    return min(_mean_ratio(_light(kept, grid), grid.rows, lambda i, _: LEVEL), LARGEST)


def check_ratio(ratio: float) -> float:
    """Refuse what cannot be asked of the adjustment net: a ratio below 0, infinite, NaN, or no number at all."""
    try:
        number = float(ratio)
    except (TypeError, ValueError):
        raise KindlingError(f'a ratio of {ratio!r}: expected a number from 0 up, or "auto"') from None
    if isinstance(ratio, str) or not 0 <= number < float("inf"):
        raise KindlingError(f"a ratio of {ratio!r}: expected a number from 0 up, usefully to 5")
    return number


def _mean_ratio(low: Iterable[Array], high: Iterable, target: Callable) -> float:
    """Of rows of tiles, each a float32 mean as the original's; for a photo in one row it is the original's number."""
    total = count = 0.0
    for i, other in zip(low, high, strict=True):
        total += float(np.mean(target(i, other) / (i + EPSILON))) * i.size
        count += i.size
    return total / count


def _light(kept, grid):
    """The illumination of each row of tiles."""
    return (kept.get(row)[1] for row in grid.rows)
