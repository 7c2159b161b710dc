"""A photo of any size in bounded memory: cut into tiles, and exactly the picture that the whole photo would give.

Every step of KinD looks only so far. A tile is therefore read with a halo as wide as that look and its halo cut off
again, and what is left is what the whole photo would have had there: no seams, so no feathering. Where a net pools,
tiles begin on a multiple of its coarsest step, or the pools would pair other pixels. The edge of the photo needs
nothing special, since a tile that ends there ends as the photo does.

Two things are global and are not left to tiles: the stretch of the input to its own minimum and maximum, which is the
reader's, and a ratio taken from the illumination, which is the caller's.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.kind.fusion import RADIUS, fuse

# How far a tile looks beyond itself, rounded up to the coarsest step of the net's pools, on which it begins and ends.
# tests/enhancing/test_tiling.py derives each from the table of layers and proves it with gradients.
DECOMPOSE = 12  # 11, on steps of 4: two pools
RESTORE = 96  # 94, on steps of 16: four pools
ADJUST = 4  # four 3x3 convs, no pool
ALIGNMENT = 16

Read = Callable[[slice, slice], np.ndarray]  # rows, columns -> (h, w, 3) in [0, 1], stretched over the whole photo


@dataclass(frozen=True)
class Grid:
    """How a photo is cut: tiles of `tile_height` x `tile_width`, multiples of 16, smaller at the far edges."""

    height: int
    width: int
    tile_height: int
    tile_width: int

    @property
    def rows(self) -> list[slice]:
        return _cut(self.height, self.tile_height)

    @property
    def columns(self) -> list[slice]:
        return _cut(self.width, self.tile_width)

    @property
    def computed(self) -> int:
        """Pixels that the restoration net runs over, halos included."""
        halos_down, halos_across = (2 * RESTORE * (len(cuts) - 1) for cuts in (self.rows, self.columns))
        return (self.height + halos_down) * (self.width + halos_across)

    @property
    def largest(self) -> int:
        """Pixels of the largest tile with its halo: what the memory goes by."""
        return math.prod(
            max(_length(grown(span, RESTORE, size)) for span in spans)
            for spans, size in ((self.rows, self.height), (self.columns, self.width))
        )


@dataclass(frozen=True)
class Piece:
    """What the nets made of one tile, halos cut off. Arrays are (h, w, 3) or, of light, (h, w, 1), all in [0, 1].

    adjusted and enhanced hold one array for each ratio.
    """

    rows: slice
    columns: slice
    image: np.ndarray
    R: np.ndarray
    L: np.ndarray
    restored: np.ndarray
    adjusted: list[np.ndarray]
    enhanced: list[np.ndarray]


def whole(height: int, width: int) -> Grid:
    """The photo as a single tile, as the original takes it."""
    return square(height, width, max(height, width))


def square(height: int, width: int, tile: int) -> Grid:
    """Square tiles of `tile` pixels a side, rounded up to a multiple of 16. Raises KindlingError unless positive."""
    if tile < 1:
        raise KindlingError(f"a tile of {tile} pixels: expected 1 or more")
    return Grid(height, width, _up(tile), _up(tile))


def fitting(height: int, width: int, pixels: int) -> Grid:
    """The grid that computes least, of those whose largest tile has at most `pixels` pixels, halo included.

    The whole photo if that fits; tiles of 16 pixels if nothing does.
    """
    grids = [Grid(height, width, _up(height), _up(width))]
    for across in range(1, math.ceil(width / ALIGNMENT) + 1):
        tile_width = _up(math.ceil(width / across))
        room = pixels // max(_length(grown(s, RESTORE, width)) for s in _cut(width, tile_width)) - 2 * RESTORE
        if room >= ALIGNMENT:
            down = math.ceil(height / (room // ALIGNMENT * ALIGNMENT))
            grids.append(Grid(height, width, _up(math.ceil(height / down)), tile_width))
    return min((g for g in grids if g.largest <= pixels), key=lambda g: g.computed, default=square(height, width, 1))


def decompose(read: Read, grid: Grid, backend) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """For each row of tiles, the reflectance and illumination over the photo's width that the row needs.

    Yields (rows, R, L): R (h, w, 3) and L (h, w, 1) of these rows, which reach RESTORE beyond the row of tiles where
    the photo does. Each pixel is decomposed once; the arrays are reused, so look at them before asking for more.
    """
    height = max(_length(grown(row, RESTORE, grid.height)) for row in grid.rows)
    R = L = None
    held = slice(0, 0)  # the rows that the buffers hold
    for row in grid.rows:
        needed = grown(row, RESTORE, grid.height)
        kept = held.stop - needed.start if R is not None else 0
        if kept:
            R[:kept], L[:kept] = (x[needed.start - held.start : _length(held)] for x in (R, L))
        fresh = slice(needed.start + kept, needed.stop)
        for column in grid.columns if _length(fresh) else ():
            r, i = _decompose_tile(read, grid, backend, fresh, column)
            if R is None:
                R, L = (np.empty((height, grid.width, c), x.dtype) for c, x in ((3, r), (1, i)))
            R[kept : _length(needed), column], L[kept : _length(needed), column] = r, i
        held = needed
        yield held, R[: _length(held)], L[: _length(held)]


def pieces(read: Read, grid: Grid, backend, ratios: Sequence[float]) -> Iterator[Piece]:
    """evaluate.py tile by tile, row after row, once for each of `ratios`.

    read: gives any part of the photo; backend: a loaded `kindling.enhancing.render.Backend`. With `whole` this is the
    original's own sequence of calls; with any other grid the same numbers, up to the rounding of float arithmetic.
    """
    rows = iter(grid.rows)
    for held, R, L in decompose(read, grid, backend):
        row = next(rows)
        for column in grid.columns:
            yield _piece(read, grid, backend, ratios, (row, column), held, R, L)


def _piece(read, grid, backend, ratios, tile, held, R, L):
    def cut(array, spans):
        return array[inside(spans[0], held), spans[1]]

    sizes = grid.height, grid.width
    wide, near, light = (
        tuple(grown(span, halo, size) for span, size in zip(tile, sizes, strict=True))
        for halo in (RESTORE, RADIUS, RADIUS + ADJUST)
    )
    (restored,) = backend.run(
        backend.kind, "restore", cut(R, wide)[np.newaxis], cut(L, wide)[np.newaxis], core=_within(near, wide)
    )
    restored = restored[0]
    image = read(*near)
    mine = _within(tile, near)
    adjusted, enhanced = [], []
    for ratio in ratios:
        (lit,) = backend.run(backend.kind, "adjust", cut(L, light)[np.newaxis], ratio=ratio)
        lit = lit[0][_within(near, light)]
        adjusted.append(lit[mine])
        enhanced.append(fuse(image, cut(R, near), cut(L, near), restored, lit)[mine])
    return Piece(*tile, image[mine], cut(R, tile), cut(L, tile), restored[mine], adjusted, enhanced)


def _decompose_tile(read, grid, backend, row, column):
    near = grown(row, DECOMPOSE, grid.height), grown(column, DECOMPOSE, grid.width)
    R, L = backend.run(backend.kind, "decompose", read(*near)[np.newaxis])
    mine = _within((row, column), near)
    return R[0][mine], L[0][mine]


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


def _up(size):
    return max(math.ceil(size / ALIGNMENT), 1) * ALIGNMENT
