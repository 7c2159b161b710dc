"""A photo of any size in bounded memory: cut into tiles, and exactly the picture that the whole photo would give.

Every step of KinD looks only so far. A tile is therefore read with a halo as wide as that look and its halo cut off
again, and what is left is what the whole photo would have had there: no seams, so no feathering. How far each net looks
is read off its layers (kindling/families/reach.py). The edge of the photo needs nothing special, since a tile that ends
there ends as the photo does. Where tiles begin and end is grid.py's.

Two things are global and are not left to tiles: the stretch of the input to its own minimum and maximum, which is the
reader's, and a ratio taken from the illumination, which is the caller's.
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kindling.core.model import Array, Model, Place
from kindling.enhancing.grid import Grid, inside, length, within
from kindling.enhancing.kept import Kept
from kindling.families.kind import fusion

__all__ = ["Making", "Piece", "Read", "adjust", "decompose", "keep", "pieces"]

Read = Callable[[slice, slice], Array]  # rows, columns -> (h, w, 3) in [0, 1], stretched over the whole photo


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


def decompose(read: Read, grid: Grid, model: Model, margin: int = 0) -> Iterator[tuple[slice, Array, Array]]:
    """For each row of tiles, the reflectance and illumination over the photo's width that the row needs.

    Yields (rows, R, L): R (h, w, 3) and L (h, w, 1) of these rows, which reach `margin` beyond the row of tiles where
    the photo does. Each pixel is decomposed once; R and L are views of buffers that the next iteration overwrites.
    """
    height = max(length(grid.down(row, margin)) for row in grid.rows)
    buffers: tuple[Array, ...] = ()
    present = slice(0, 0)  # the rows that the buffers hold
    for row in grid.rows:
        needed = grid.down(row, margin)
        kept = present.stop - needed.start if buffers else 0
        for buffer in buffers if kept else ():
            buffer[:kept] = buffer[needed.start - present.start : length(present)]
        fresh = slice(needed.start + kept, needed.stop)
        for column in grid.columns if length(fresh) else ():
            results = _decompose_tile(read, grid, model, fresh, column)
            buffers = buffers or tuple(np.empty((height, grid.width, x.shape[2]), x.dtype) for x in results)
            for buffer, result in zip(buffers, results, strict=True):
                buffer[kept : length(needed), column] = result
        present = needed
        R, L = (buffer[: length(present)] for buffer in buffers)
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
            core = within(near, wide)
            (result,) = model.run("restore", cut(R, wide)[np.newaxis], cut(L, wide)[np.newaxis], core=core)
            cleaned = result[0]
        else:
            cleaned = making.clean[near]
        share = np.float32(making.denoise)
        restored = cleaned if share == 1 else restored + share * (cleaned - restored)
    image = read(*near)
    own = within(tile, near)
    hues = fusion.hues(image, making.doubt) if "blended" in making.wanted else None
    parts: dict[str, list[Array]] = {"adjusted": [], "lit": [], "blended": [], "enhanced": [], "relit": []}
    fuses = {"enhanced": family.fuse, "relit": family.relit or family.fuse}
    for ratio in ratios:
        place = Place(rows=light[0], columns=light[1], height=grid.height, width=grid.width)
        lit = adjust(model, cut(R, light), cut(L, light), ratio, place)
        lit = lit[within(near, light)]
        parts["adjusted"].append(lit[own])
        parts["lit"].append(restored[own] * lit[own])
        if "blended" in making.wanted:
            parts["blended"].append(family.blend(image, cut(L, near), restored * lit, hues)[own])
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


def _decompose_tile(read, grid, model, row, column):
    halo = model.family.net("decompose").reach.halo
    near = grid.down(row, halo), grid.across(column, halo)
    own = within((row, column), near)
    return [x[0][own] for x in model.run("decompose", read(*near)[np.newaxis])]
