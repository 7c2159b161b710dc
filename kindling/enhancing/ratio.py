"""The ratio that is not a number given by hand: from a well-lit partner, as the original, or blind, from the photo.

evaluate_LOLdataset.py takes the ratio from the photo's well-lit partner, as the mean of L_high / (L_low + 0.0001) over
all pixels. `auto` needs no partner: it is guessed by the estimator that goes with the weights
(kindling/families/kind/estimator.py), and without one it is the same mean, with the level that well-lit photos have in
place of L_high. docs/enhance.md has what each brings.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.core.words import ProtocolName
from kindling.enhancing.border import Inside
from kindling.enhancing.grid import Grid
from kindling.enhancing.kept import Kept
from kindling.enhancing.tiles import Read
from kindling.families.kind.estimator import Estimator

__all__ = [
    "PROTOCOLS",
    "auto_ratio",
    "check_ratio",
    "default_border",
    "default_protocol",
    "default_ratio",
    "estimator_of",
    "reflectance_ratio",
    "true_ratio",
]

EPSILON = np.float32(0.0001)  # the original's, against division by 0
LEVEL = np.float32(0.62)  # mean of L over the well-lit photos of pairs/train, by the authors' decomposition
SEEN = 4e6  # pixels that the estimator looks at, at most
PROTOCOLS: tuple[ProtocolName, ...] = ("lol", "blend", "photo", "adjusted")
BORDER = 16  # pixels; one step of the pools, so that tiles of the photo stay where they were
LARGEST = 10.0  # beyond, the adjustment net hardly answers, and a black photo would ask for thousands


def true_ratio(low: Kept | Inside, high: Kept | Inside, grid: Grid) -> float:
    """mean(L_high / (L_low + 0.0001)), as evaluate_LOLdataset.py.

    low, high: the dark photo and its well-lit partner, both decomposed, of the size of `grid`.
    """
    return _mean_ratio(_light(low, grid), _light(high, grid), lambda i, i_high: i_high)


def reflectance_ratio(restored: Array, high: Kept | Inside, grid: Grid) -> float:
    """mean(R_high / (restored + 0.0001)), which KinD++'s evaluate_LOLdataset.py looks at, too.

    restored: (h, w, 3), of the whole dark photo; high: its well-lit partner, decomposed.
    """
    low, partner = (restored[row] for row in grid.rows), (high.get(row)[0] for row in grid.rows)
    return _mean_ratio(low, partner, lambda r, r_high: r_high)


def auto_ratio(kept: Kept | Inside, read: Read, grid: Grid, model: Model) -> float:
    """The ratio that the photo itself suggests, by the estimator of the model's weights.

    Without one, mean(LEVEL / (L + 0.0001)), at most 10: what brings the photo's illumination to a well-lit one's. A
    photo of more than 4 megapixels is looked at through every second pixel, or third, and so on.
    """
    estimator = estimator_of(model)
    if estimator is None:
        return min(_mean_ratio(_light(kept, grid), grid.rows, lambda i, _: LEVEL), LARGEST)
    step = math.ceil(math.sqrt(grid.height * grid.width / SEEN))
    bands = [slice(row.start, row.stop) for row in grid.rows]
    L, x = ([], [])
    for band in bands:
        first = -band.start % step
        L.append(kept.get(band)[1][first::step, ::step])
        x.append(read(band, slice(0, grid.width))[first::step, ::step])
    return estimator.guess(np.concatenate(L), np.concatenate(x))


def estimator_of(model: Model) -> Estimator | None:
    """The estimator that lies with the model's weights. Raises KindlingError if it is damaged."""
    text = model.said.get("estimator")
    return Estimator.parse(text, "the estimator of the weights") if text else None


def default_ratio(model: Model) -> float | Literal["auto"]:
    """What is asked for where nobody says: "auto" of weights with an estimator, else what their authors ask for."""
    ratio: float | None = model.family.ratio
    if ratio is None:
        return 1.0  # which nobody is told: the light that there is, once
    return "auto" if model.said.get("estimator") else ratio


def default_protocol(model: Model) -> ProtocolName:
    """How the picture is put together where nobody says.

    Weights with an estimator were trained on restored * adjusted, so it is that, with what is bright already left to
    the photo; others are used as their authors' evaluate.py uses them.
    """
    return "blend" if model.said.get("estimator") else "photo"


def default_border(model: Model) -> int:
    """Pixels of the photo's reflection that the nets see around it: none where the authors' programs have none."""
    return BORDER if model.said.get("estimator") else 0


def check_ratio(ratio: float | str) -> float:
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
