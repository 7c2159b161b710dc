"""A photo of any size in bounded memory: cut into tiles, and exactly the picture that the whole photo would give.

Every step of KinD looks only so far. A tile is therefore read with a halo as wide as that look and its halo cut off
again, and what is left is what the whole photo would have had there: no seams, so no feathering. Where a net pools,
tiles begin on a multiple of its coarsest step, or the pools would pair other pixels. How far each net looks is read off
its layers (kindling/families/reach.py). The edge of the photo needs nothing special, since a tile that ends there ends
as the photo does.

A family whose nets want sides that are multiples, such as KinD++, has a wall before the last few rows and columns: what
lies before it is computed as its authors do, who cut the rest off, and the rest by itself, with all before it in view.

Two things are global and are not left to tiles: the stretch of the input to its own minimum and maximum, which is the
reader's, and a ratio taken from the illumination, which is the caller's.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model, Place
from kindling.enhancing.kept import Kept
from kindling.families.registry import KIND, Family

__all__ = [
    "Grid", "Making", "Piece", "Read", "adjust", "between_walls", "decompose", "fitting", "halved", "inside", "pieces",
    "square", "whole",
]  # fmt: skip

Read = Callable[[slice, slice], Array]  # rows, columns -> (h, w, 3) in [0, 1], stretched over the whole photo


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
            max(_length(grown(span, self.halo, size, self.multiple)) for span in spans)
            for spans, size in ((self.rows, self.height), (self.columns, self.width))
        )


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What the nets made of one tile, halos cut off. Arrays are (h, w, 3) or, of light, (h, w, 1), all in [0, 1].

    adjusted, lit, blended, enhanced and relit hold one array for each ratio.
    """

    rows: slice
    columns: slice
    image: Array
    R: Array
    L: Array
    restored: Array
    adjusted: list[Array]
    lit: list[Array]
    """restored * adjusted, as evaluate_LOLdataset.py puts them together."""
    blended: list[Array]
    """`lit`, with what is bright already left to the photo."""
    enhanced: list[Array]
    relit: list[Array]
    """`enhanced` with the light adjusted, where a family's program does that only on demand."""


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
            pixels // max(_length(grown(s, halo, width, multiple)) for s in _cut(width, tile_width, multiple))
            - 2 * halo
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


def decompose(read: Read, grid: Grid, model: Model, margin: int = 0) -> Iterator[tuple[slice, Array, Array]]:
    """For each row of tiles, the reflectance and illumination over the photo's width that the row needs.

    Yields (rows, R, L): R (h, w, 3) and L (h, w, 1) of these rows, which reach `margin` beyond the row of tiles where
    the photo does. Each pixel is decomposed once; R and L are views of buffers that the next iteration overwrites.
    """
    height = max(_length(grid.down(row, margin)) for row in grid.rows)
    buffers: tuple[Array, ...] = ()
    present = slice(0, 0)  # the rows that the buffers hold
    for row in grid.rows:
        needed = grid.down(row, margin)
        kept = present.stop - needed.start if buffers else 0
        for buffer in buffers if kept else ():
            buffer[:kept] = buffer[needed.start - present.start : _length(present)]
        fresh = slice(needed.start + kept, needed.stop)
        for column in grid.columns if _length(fresh) else ():
            results = _decompose_tile(read, grid, model, fresh, column)
            buffers = buffers or tuple(np.empty((height, grid.width, x.shape[2]), x.dtype) for x in results)
            for buffer, result in zip(buffers, results, strict=True):
                buffer[kept : _length(needed), column] = result
        present = needed
        R, L = (buffer[: _length(present)] for buffer in buffers)
        yield present, R, L


def keep(read: Read, grid: Grid, model: Model) -> Kept:
    """The whole photo decomposed once."""
    kept = None
    for rows, R, L in decompose(read, grid, model):
        kept = kept or Kept(grid.height, grid.width, R.dtype)
        kept.put(rows, R, L)
        model.rest()
    assert kept is not None  # a photo has at least one row
    return kept


@dataclass(frozen=True, kw_only=True)
class Making:
    """How a picture is made of its parts."""

    denoise: float = 1.0
    """From 0, the reflectance as it was decomposed, to 1, as the restoration net cleans it; 0 does without that net."""
    clean: Array | None = None
    """The whole reflectance as the restoration net cleans it, if that is known."""
    doubt: float = math.inf
    """The light below which the photo's own colours are not believed, for a family's `blend`."""
    wanted: Collection[str] = ("blended", "enhanced", "relit")
    """Which of these are made of a Piece; the others stay empty."""


def pieces(
    read: Read,
    grid: Grid,
    model: Model,
    ratios: Sequence[float],
    *,
    kept: Kept | None = None,
    making: Making | None = None,
) -> Iterator[Piece]:
    """The authors' program tile by tile, row after row, once for each of `ratios`.

    read: gives any part of the photo. kept: its decomposition, if it was taken before. With `whole` this is the
    original's own sequence of calls; with any other grid the same numbers, up to the rounding of float arithmetic.
    """
    making = making or Making()
    halo = _margin(model.family, making)
    bands: Iterator[tuple[slice, Array, Array]]
    bands = decompose(read, grid, model, halo) if kept is None else _bands(kept, grid, halo)
    for row in grid.rows:
        present, R, L = next(bands)
        for column in grid.columns:
            yield _piece(read, grid, model, ratios, (row, column), present, R, L, making)
        del R, L  # before the next band is read, or two of them would be in memory
        if len(grid.rows) > 1:
            model.rest()  # tiles at the edges have other sizes, and what they leave behind would add up


def _bands(kept, grid, halo):
    """What `decompose` gives, of a photo that was decomposed before."""
    for row in grid.rows:
        rows = grid.down(row, halo)
        yield rows, *kept.get(rows)


def _margin(family, making):
    """How far beyond a tile R and L are needed."""
    light = family.net("adjust").reach
    return max(_clean_reach(family, making), family.fuse_reach + light.halo + (light.step if light.placed else 0))


def _clean_reach(family, making):
    """How far beyond a tile the restoration net must see; one step more where a blend looks around for colours."""
    if not family.does("restore"):
        return 0
    around = family.step if "blended" in making.wanted and math.isfinite(making.doubt) else 0
    return family.net("restore").reach.halo + around


def _piece(read, grid, model, ratios, tile, present, R, L, making):
    def cut(array, spans):
        return array[inside(spans[0], present), spans[1]]

    def around(halo, step=1):
        return grid.down(tile[0], halo, step), grid.across(tile[1], halo, step)

    family = model.family
    near, light = around(family.fuse_reach), around(*_light_reach(family))
    restored = cut(R, near)
    if making.denoise > 0 and family.does("restore"):
        if making.clean is None:
            wide = around(_clean_reach(family, making))
            core = _within(near, wide)
            (result,) = model.run("restore", cut(R, wide)[np.newaxis], cut(L, wide)[np.newaxis], core=core)
            cleaned = result[0]
        else:
            cleaned = making.clean[near]
        share = np.float32(making.denoise)
        restored = cleaned if share == 1 else restored + share * (cleaned - restored)
    image = read(*near)
    own = _within(tile, near)
    parts: dict[str, list[Array]] = {"adjusted": [], "lit": [], "blended": [], "enhanced": [], "relit": []}
    fuses = {"enhanced": family.fuse, "relit": family.relit or family.fuse}
    for ratio in ratios:
        place = Place(rows=light[0], columns=light[1], height=grid.height, width=grid.width)
        lit = adjust(model, cut(R, light), cut(L, light), ratio, place)
        lit = lit[_within(near, light)]
        parts["adjusted"].append(lit[own])
        parts["lit"].append(restored[own] * lit[own])
        if "blended" in making.wanted:
            parts["blended"].append(family.blend(image, cut(L, near), restored * lit, making.doubt)[own])
        for name in fuses.keys() & set(making.wanted):
            parts[name].append(fuses[name](image, cut(R, near), cut(L, near), restored, lit)[own])
    return Piece(
        rows=tile[0],
        columns=tile[1],
        image=image[own],
        R=cut(R, tile),
        L=cut(L, tile),
        restored=restored[own],
        **parts,
    )


def _light_reach(family):
    """How far beyond a tile the adjustment looks, and on which multiples it must begin and end."""
    reach = family.net("adjust").reach
    return family.fuse_reach + reach.halo, reach.step if reach.placed else 1


def adjust(model: Model, R: Array, L: Array, ratio: float, place: Place) -> Array:
    """The adjusted light (h, w, 1) of a part of a photo. R: (h, w, 3), L: (h, w, 1). place: of the part."""
    net = model.family.net("adjust")
    given = {"R": R[np.newaxis], "L": L[np.newaxis]}
    dials: dict[str, Any] = {"ratio": ratio} if "ratio" in net.reads else {}
    dials |= {"place": place} if net.reach.placed else {}
    (lit,) = model.run("adjust", *(given[name] for name in net.reads if name in given), **dials)
    return lit[0]


def between_walls(grid: Grid, reach: int, compute: Callable[[slice, slice], Array]) -> Array:
    """A picture of the whole photo, computed as a tile would be on each side of its walls; in one, if there are none.

    compute: from rows and columns, `reach` beyond what is wanted, to what is there, (h, w, c).
    """
    spans = [_cut(size, size, grid.multiple) for size in (grid.height, grid.width)]
    if len(spans[0]) == len(spans[1]) == 1:
        return compute(*(cuts[0] for cuts in spans))
    rows = []
    for row in spans[0]:
        parts = []
        for column in spans[1]:
            near = grid.down(row, reach), grid.across(column, reach)
            parts.append(compute(*near)[_within((row, column), near)])
        rows.append(np.concatenate(parts, axis=1))
    return np.concatenate(rows)


def _decompose_tile(read, grid, model, row, column):
    halo = model.family.net("decompose").reach.halo
    near = grid.down(row, halo), grid.across(column, halo)
    own = _within((row, column), near)
    return [x[0][own] for x in model.run("decompose", read(*near)[np.newaxis])]


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


def _within(spans, outers):
    return tuple(inside(span, outer) for span, outer in zip(spans, outers, strict=True))


def _cut(size, tile, multiple=1):
    wall = _wall(size, multiple)
    rest = [slice(wall, size)] if wall < size else []
    return [slice(start, min(start + tile, wall)) for start in range(0, wall, tile)] + rest


def _wall(size, multiple):
    """Where the last whole multiple ends; a photo smaller than one has no wall."""
    return size - size % multiple or size


def _length(span):
    return span.stop - span.start


def _up(size, step):
    return max(math.ceil(size / step), 1) * step
