"""How a photo is cut into tiles: where they begin and end, and how far around them is looked.

Where a net pools, tiles begin on a multiple of its coarsest step, or the pools would pair other pixels. A family whose
nets want sides that are multiples, such as KinD++, has a wall before the last few rows and columns: what lies before it
is computed as its authors do, who cut the rest off, and the rest by itself, with all before it in view.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.families.registry import KIND, Family

__all__ = ["Grid", "between_walls", "fitting", "grown", "halved", "inside", "length", "square", "whole", "within"]

Spans = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How a photo is cut: tiles of `tile_height` x `tile_width`, multiples of the step, smaller at the far edges."""

    height: int
    width: int
    tile_height: int
    tile_width: int
    halo: int
    """The widest margin that any net of the family asks for."""
    multiple: int = 1
    """Before what is beyond a multiple of this there is a wall."""

    @property
    def rows(self) -> list[slice]:
        return _cut(self.height, self.tile_height, self.multiple)

    @property
    def columns(self) -> list[slice]:
        return _cut(self.width, self.tile_width, self.multiple)

    def down(self, span: slice, halo: int, step: int = 1) -> slice:
        """Rows and `halo` more on each side of them, as `grown` has it."""
        return grown(span, halo, self.height, self.multiple, step)

    def across(self, span: slice, halo: int, step: int = 1) -> slice:
        """The same of columns."""
        return grown(span, halo, self.width, self.multiple, step)

    @property
    def computed(self) -> int:
        """Pixels that the restoration net runs over, halos included."""
        halos_down, halos_across = (2 * self.halo * (len(cuts) - 1) for cuts in (self.rows, self.columns))
        return (self.height + halos_down) * (self.width + halos_across)

    @property
    def largest(self) -> int:
        """Pixels of the largest tile with its halo: what the memory goes by."""
        return math.prod(
            max(length(grown(span, self.halo, size, self.multiple)) for span in spans)
            for spans, size in ((self.rows, self.height), (self.columns, self.width))
        )


def whole(height: int, width: int, family: Family = KIND) -> Grid:
    """The photo as a single tile, as the original takes it."""
    return square(height, width, max(height, width), family)


def square(height: int, width: int, tile: int, family: Family = KIND) -> Grid:
    """Square tiles of `tile` pixels a side, rounded up to the family's step. Raises KindlingError unless positive."""
    if tile < 1:
        raise KindlingError(f"a tile of {tile} pixels: expected 1 or more")
    side = _up(tile, family.step)
    return _grid(height, width, side, side, family)


def _grid(height, width, tile_height, tile_width, family):
    return Grid(
        height=height,
        width=width,
        tile_height=tile_height,
        tile_width=tile_width,
        halo=family.halo,
        multiple=family.multiple,
    )


def fitting(height: int, width: int, pixels: int, family: Family = KIND) -> Grid:
    """The grid that computes least, of those whose largest tile has at most `pixels` pixels, halo included.

    The whole photo if that fits; tiles of one step if nothing does.
    """
    step, halo, multiple = family.step, family.halo, family.multiple
    grids = [_grid(height, width, _up(height, step), _up(width, step), family)]
    for across in range(1, math.ceil(width / step) + 1):
        tile_width = _up(math.ceil(width / across), step)
        room = (
            pixels // max(length(grown(s, halo, width, multiple)) for s in _cut(width, tile_width, multiple)) - 2 * halo
        )
        if room >= step:
            down = math.ceil(height / (room // step * step))
            grids.append(_grid(height, width, _up(math.ceil(height / down), step), tile_width, family))
    least = square(height, width, 1, family)
    return min((g for g in grids if g.largest <= pixels), key=lambda g: g.computed, default=least)


def halved(grid: Grid, family: Family = KIND) -> Grid | None:
    """Tiles of half the larger side; None if they are as small as they can be."""
    height, width = min(grid.tile_height, grid.height), min(grid.tile_width, grid.width)
    if max(height, width) <= family.step:
        return None
    if height >= width:
        return replace(grid, tile_height=_up(math.ceil(height / 2), family.step))
    return replace(grid, tile_width=_up(math.ceil(width / 2), family.step))


def between_walls(grid: Grid, reach: int, compute: Callable[[slice, slice], Array], threads: int = 1) -> Array:
    """A picture of the whole photo, computed as a tile would be on each side of its walls; in one, if there are none.

    compute: from rows and columns, `reach` beyond what is wanted, to what is there, (h, w, c). threads: so many strips
    are computed at once; for what NumPy does, which leaves other cores idle.
    """
    strip = max(math.ceil(grid.height / threads), 2 * reach, 1)
    places = [
        (row, column)
        for row in _cut(grid.height, strip, grid.multiple)
        for column in _cut(grid.width, grid.width, grid.multiple)
    ]

    def part(place: Spans) -> Array:
        near = grid.down(place[0], reach), grid.across(place[1], reach)
        return compute(*near)[within(place, near)]

    if len(places) == 1:
        return part(places[0])
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(part, places))
    picture = np.empty((grid.height, grid.width, parts[0].shape[2]), parts[0].dtype)
    for place, array in zip(places, parts, strict=True):
        picture[place] = array
    return picture


def grown(span: slice, halo: int, size: int, multiple: int = 1, step: int = 1) -> slice:
    """`span` and `halo` pixels on each side of it, as far as the photo goes, or the wall that it lies before.

    multiple: as in Grid. step: the result begins on a multiple of it, and ends as many before the photo's end.
    """
    wall = _wall(size, multiple)
    end = wall if span.stop <= wall else size
    start, stop = max(span.start - halo, 0), min(span.stop + halo, end)
    return slice(start // step * step, min(stop + (end - stop) % step, end))


def inside(span: slice, outer: slice) -> slice:
    """Where `span` lies in an array that holds `outer`."""
    return slice(span.start - outer.start, span.stop - outer.start)


def within(spans: Spans, outers: Spans) -> Spans:
    """The same of rows and columns."""
    return inside(spans[0], outers[0]), inside(spans[1], outers[1])


def _cut(size, tile, multiple=1):
    wall = _wall(size, multiple)
    rest = [slice(wall, size)] if wall < size else []
    return [slice(start, min(start + tile, wall)) for start in range(0, wall, tile)] + rest


def _wall(size, multiple):
    """Where the last whole multiple ends; a photo smaller than one has no wall."""
    return size - size % multiple or size


def length(span: slice) -> int:
    """How many rows or columns a span has."""
    return span.stop - span.start


def _up(size, step):
    return max(math.ceil(size / step), 1) * step
