"""A photo of any size in bounded memory: cut into tiles, and exactly the picture that the whole photo would give.

Every step of KinD looks only so far. A tile is therefore read with a halo as wide as that look and its halo cut off
again, and what is left is what the whole photo would have had there: no seams, so no feathering. Where a net pools,
tiles begin on a multiple of its coarsest step, or the pools would pair other pixels. How far each net looks is read off
its layers (kindling/families/reach.py). The edge of the photo needs nothing special, since a tile that ends there ends
as the photo does.

Two things are global and are not left to tiles: the stretch of the input to its own minimum and maximum, which is the
reader's, and a ratio taken from the illumination, which is the caller's.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.enhancing.kept import Kept
from kindling.families.registry import KIND, Family

__all__ = ["Grid", "Piece", "Read", "decompose", "fitting", "halved", "inside", "pieces", "square", "whole"]

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

    @property
    def rows(self) -> list[slice]:
        return _cut(self.height, self.tile_height)

    @property
    def columns(self) -> list[slice]:
        return _cut(self.width, self.tile_width)

    @property
    def computed(self) -> int:
        """Pixels that the restoration net runs over, halos included."""
        halos_down, halos_across = (2 * self.halo * (len(cuts) - 1) for cuts in (self.rows, self.columns))
        return (self.height + halos_down) * (self.width + halos_across)

    @property
    def largest(self) -> int:
        """Pixels of the largest tile with its halo: what the memory goes by."""
        return math.prod(
            max(_length(grown(span, self.halo, size)) for span in spans)
            for spans, size in ((self.rows, self.height), (self.columns, self.width))
        )


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What the nets made of one tile, halos cut off. Arrays are (h, w, 3) or, of light, (h, w, 1), all in [0, 1].

    adjusted, lit, blended and enhanced hold one array for each ratio.
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


def whole(height: int, width: int, family: Family = KIND) -> Grid:
    """The photo as a single tile, as the original takes it."""
    return square(height, width, max(height, width), family)


def square(height: int, width: int, tile: int, family: Family = KIND) -> Grid:
    """Square tiles of `tile` pixels a side, rounded up to the family's step. Raises KindlingError unless positive."""
    if tile < 1:
        raise KindlingError(f"a tile of {tile} pixels: expected 1 or more")
    side = _up(tile, family.step)
    return Grid(height=height, width=width, tile_height=side, tile_width=side, halo=_halo(family))


def fitting(height: int, width: int, pixels: int, family: Family = KIND) -> Grid:
    """The grid that computes least, of those whose largest tile has at most `pixels` pixels, halo included.

    The whole photo if that fits; tiles of one step if nothing does.
    """
    step, halo = family.step, _halo(family)
    grids = [Grid(height=height, width=width, tile_height=_up(height, step), tile_width=_up(width, step), halo=halo)]
    for across in range(1, math.ceil(width / step) + 1):
        tile_width = _up(math.ceil(width / across), step)
        room = pixels // max(_length(grown(s, halo, width)) for s in _cut(width, tile_width)) - 2 * halo
        if room >= step:
            down = math.ceil(height / (room // step * step))
            grids.append(
                Grid(
                    height=height,
                    width=width,
                    tile_height=_up(math.ceil(height / down), step),
                    tile_width=tile_width,
                    halo=halo,
                )
            )
    least = square(height, width, 1, family)
    return min((g for g in grids if g.largest <= pixels), key=lambda g: g.computed, default=least)


def halved(grid: Grid, family: Family = KIND) -> Grid | None:
    """Tiles of half the larger side; None if they are as small as they can be."""
    height, width = min(grid.tile_height, grid.height), min(grid.tile_width, grid.width)
    if max(height, width) <= family.step:
        return None
    if height >= width:
        return Grid(
            height=grid.height,
            width=grid.width,
            tile_height=_up(math.ceil(height / 2), family.step),
            tile_width=grid.tile_width,
            halo=grid.halo,
        )
    return Grid(
        height=grid.height,
        width=grid.width,
        tile_height=grid.tile_height,
        tile_width=_up(math.ceil(width / 2), family.step),
        halo=grid.halo,
    )


def decompose(read: Read, grid: Grid, model: Model, margin: int = 0) -> Iterator[tuple[slice, Array, Array]]:
    """For each row of tiles, the reflectance and illumination over the photo's width that the row needs.

    Yields (rows, R, L): R (h, w, 3) and L (h, w, 1) of these rows, which reach `margin` beyond the row of tiles where
    the photo does. Each pixel is decomposed once; R and L are views of buffers that the next iteration overwrites.
    """
    height = max(_length(grown(row, margin, grid.height)) for row in grid.rows)
    buffers: tuple[Array, ...] = ()
    present = slice(0, 0)  # the rows that the buffers hold
    for row in grid.rows:
        needed = grown(row, margin, grid.height)
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


def pieces(
    read: Read,
    grid: Grid,
    model: Model,
    ratios: Sequence[float],
    *,
    kept: Kept | None = None,
    denoise: float = 1.0,
) -> Iterator[Piece]:
    """The authors' program tile by tile, row after row, once for each of `ratios`.

    read: gives any part of the photo. kept: its decomposition, if it was taken before. denoise: from 0, the
    reflectance as it was decomposed, to 1, as the restoration net cleans it; at 0 that net is not needed. With `whole`
    this is the original's own sequence of calls; with any other grid the same numbers, up to the rounding of float
    arithmetic.
    """
    halo = model.family.net("restore").reach.halo
    bands: Iterator[tuple[slice, Array, Array]]
    bands = decompose(read, grid, model, halo) if kept is None else _bands(kept, grid, halo)
    for row in grid.rows:
        present, R, L = next(bands)
        for column in grid.columns:
            yield _piece(read, grid, model, ratios, (row, column), present, R, L, denoise)
        del R, L  # before the next band is read, or two of them would be in memory
        if len(grid.rows) > 1:
            model.rest()  # tiles at the edges have other sizes, and what they leave behind would add up


def _bands(kept, grid, halo):
    """What `decompose` gives, of a photo that was decomposed before."""
    for row in grid.rows:
        rows = grown(row, halo, grid.height)
        yield rows, *kept.get(rows)


def _piece(read, grid, model, ratios, tile, present, R, L, denoise):
    def cut(array, spans):
        return array[inside(spans[0], present), spans[1]]

    family, sizes = model.family, (grid.height, grid.width)
    halos = family.net("restore").reach.halo, family.fuse_reach, family.fuse_reach + family.net("adjust").reach.halo
    wide, near, light = (
        tuple(grown(span, halo, size) for span, size in zip(tile, sizes, strict=True)) for halo in halos
    )
    restored = cut(R, near)
    if denoise > 0:
        core = _within(near, wide)
        (clean,) = model.run("restore", cut(R, wide)[np.newaxis], cut(L, wide)[np.newaxis], core=core)
        restored = clean[0] if denoise == 1 else restored + np.float32(denoise) * (clean[0] - restored)
    image = read(*near)
    own = _within(tile, near)
    adjusted, enhanced = [], []
    for ratio in ratios:
        (lit,) = model.run("adjust", cut(L, light)[np.newaxis], ratio=ratio)
        lit = lit[0][_within(near, light)]
        adjusted.append(lit[own])
        enhanced.append(family.fuse(image, cut(R, near), cut(L, near), restored, lit)[own])
    lit_pieces = [restored[own] * light for light in adjusted]
    image, light = image[own], cut(L, tile)
    return Piece(
        rows=tile[0], columns=tile[1], image=image, R=cut(R, tile), L=light, restored=restored[own], adjusted=adjusted,
        lit=lit_pieces, blended=[family.blend(image, light, piece) for piece in lit_pieces], enhanced=enhanced,
    )  # fmt: skip


def _decompose_tile(read, grid, model, row, column):
    halo = model.family.net("decompose").reach.halo
    near = grown(row, halo, grid.height), grown(column, halo, grid.width)
    own = _within((row, column), near)
    return [x[0][own] for x in model.run("decompose", read(*near)[np.newaxis])]


def grown(span: slice, halo: int, size: int) -> slice:
    """`span` and `halo` pixels on each side of it, as far as the photo goes."""
    return slice(max(span.start - halo, 0), min(span.stop + halo, size))


def inside(span: slice, outer: slice) -> slice:
    """Where `span` lies in an array that holds `outer`."""
    return slice(span.start - outer.start, span.stop - outer.start)


def _within(spans, outers):
    return tuple(inside(span, outer) for span, outer in zip(spans, outers, strict=True))


def _cut(size, tile):
    return [slice(start, min(start + tile, size)) for start in range(0, size, tile)]


def _length(span):
    return span.stop - span.start


def _up(size, step):
    return max(math.ceil(size / step), 1) * step


def _halo(family):
    return max(net.reach.halo for net in family.nets)
