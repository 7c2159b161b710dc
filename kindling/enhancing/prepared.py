"""A photo and the costly part of enhancing it, done once, for any number of ratios and looks at its parts.

The nets come in as a `Model`, so this file knows no framework. The fusion is the original's own numpy arithmetic,
which makes the TensorFlow runtime's pixels identical to the authors'. kindling/enhancing/tiling.py says in which tiles.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model, Place
from kindling.core.words import ProtocolName, Ratio
from kindling.enhancing.border import Inside, bordered, cut, inner
from kindling.enhancing.doubt import doubt
from kindling.enhancing.grid import Grid, between_walls
from kindling.enhancing.ratio import (
    PROTOCOLS,
    auto_ratio,
    check_ratio,
    default_border,
    default_protocol,
    default_ratio,
    reflectance_ratio,
    true_ratio,
)
from kindling.enhancing.tiles import Making, Read, adjust, keep, pieces
from kindling.enhancing.tiling import Tile, choose_grid, in_smaller_tiles
from kindling.families.kind import fusion
from kindling.images import as_floats, to_pixels
from kindling.photos.photo import Photo

__all__ = ["Prepared", "Progress", "channels", "check_share", "prepare", "reader"]

PARTS = {"lol": "lit", "blend": "blended", "photo": "enhanced", "adjusted": "relit"}  # of a Piece, by protocol
Progress = Callable[[int], None]  # told of pixels that were finished


class Prepared:
    """A photo and the costly part of enhancing it, done once: `R`, `L` and `restored`. `at` is quick after that.

    Arrays are (h, w, 3), of light (h, w, 1), float32 in [0, 1]. R and L are there from the start; restored is computed
    when it is first needed.
    """

    def __init__(
        self,
        read: Read,
        grid: Grid,
        model: Model,
        own: Array | None = None,
        grey: bool = False,
        step: float = 1 / 255,
    ) -> None:
        """read: the stretched photo, by rows and columns; grid: the tiles to go by, the model's border included.

        own: its pixels as they were before, (h, w, 3) of whole numbers or floats, which a strength below 1 blends
        with; by default those that were read. grey: whether the photo has no colour, so that its pictures have none.
        step: what one level of its file is worth in the stretched photo.
        """
        self.model, self.grey, self._step = model, grey, step
        self._border = default_border(model)
        self.size = grid.height - 2 * self._border, grid.width - 2 * self._border
        """Height and width."""
        self._photo, self._own = read, own
        self._read = bordered(read, self.size, self._border)
        self._kept, self._grid = self._keep(self._read, grid)
        self._last: tuple[float, Array] | None = None

    @property
    def image(self) -> Array:
        """The photo as the nets saw it, stretched to its own minimum and maximum."""
        return self._photo(slice(0, self.size[0]), slice(0, self.size[1]))

    @property
    def R(self) -> Array:
        """The reflectance."""
        return cut(self._R, self._border)

    @property
    def L(self) -> Array:
        """The illumination."""
        return cut(self._L, self._border)

    @property
    def restored(self) -> Array:
        """The reflectance as the restoration net cleans it."""
        return cut(self._restored, self._border)

    # These three have the border.
    @cached_property
    def _R(self) -> Array:
        return np.ascontiguousarray(self._kept.get(slice(0, self._grid.height))[0])

    @cached_property
    def _L(self) -> Array:
        return np.ascontiguousarray(self._kept.get(slice(0, self._grid.height))[1])

    @cached_property
    def _restored(self) -> Array:
        restored = np.empty_like(self._R)

        def fill(grid):
            for piece in self._pieces([], grid):
                restored[piece.rows, piece.columns] = piece.restored

        in_smaller_tiles(self._grid, self.model, fill)
        return restored

    @cached_property
    def auto_ratio(self) -> float:
        """The ratio that the photo itself suggests; see kindling/enhancing/ratio.py."""
        return auto_ratio(Inside(self._kept, self._border), self._photo, self._inside, self.model)

    def true_ratio(self, partner: Photo | Array) -> float:
        """The ratio that evaluate_LOLdataset.py takes from the well-lit `partner`, a photo of the same size."""
        read = (
            reader(partner, self.model) if isinstance(partner, Photo) else lambda rows, columns: partner[rows, columns]
        )
        high, _ = self._keep(bordered(read, self.size, self._border), self._grid)
        kept = Inside(high, self._border)
        light = true_ratio(Inside(self._kept, self._border), kept, self._inside)
        rule = self.model.family.true_ratio
        return light if rule is None else rule(light, reflectance_ratio(self.restored, kept, self._inside))

    def number(self, ratio: Ratio) -> float:
        """A ratio that is asked for, as a number: "default", "auto" or one from 0 up.

        Raises KindlingError for any but the default of a family whose adjustment is told none.
        """
        if self.model.family.ratio is None and ratio != "default":
            raise KindlingError(f"{self.model.family.title} is told no ratio, so leave it out")
        if isinstance(ratio, str) and ratio == "default":
            ratio = default_ratio(self.model)
        return self.auto_ratio if isinstance(ratio, str) and ratio == "auto" else check_ratio(ratio)

    def protocol(self, name: ProtocolName | Literal["default"]) -> ProtocolName:
        """A protocol that is asked for; KindlingError if it is none."""
        if name == "default":
            return default_protocol(self.model)
        if name not in PROTOCOLS:
            raise KindlingError(f"a protocol of {name!r}: expected {' or '.join(PROTOCOLS)}")
        return name

    def adjusted(self, ratio: Ratio) -> Array:
        """The illumination, adjusted by `ratio`."""
        return cut(self._adjusted(ratio), self._border)

    def _adjusted(self, ratio):
        """Kept for the ratio that was last asked for: strength and denoise, which are asked for in turn, leave it."""
        number = self.number(ratio)
        last, kept = self._last or (None, None)
        if kept is not None and last == number:
            return kept
        height, width = self._grid.height, self._grid.width

        def light(rows, columns):
            place = Place(rows=rows, columns=columns, height=height, width=width)
            return adjust(self.model, self._R[rows, columns], self._L[rows, columns], number, place)

        lit = between_walls(self._grid, self.model.family.net("adjust").reach.halo, light)
        self._last = number, lit
        return lit

    def at(
        self,
        ratio: Ratio = "default",
        *,
        protocol: ProtocolName | Literal["default"] = "default",
        strength: float = 1.0,
        denoise: float = 1.0,
    ) -> Array:
        """The enhanced picture, (h, w, 3) float32 in [0, 1]: adjustment and fusion only.

        ratio: how much lighter, usefully 0 to 5, or "auto", from the photo itself. protocol: "lol", restored *
        adjusted, "blend", that with bright places left to the photo, "photo", as evaluate.py, or "adjusted", as
        KinD++'s with its --adjustment. Of both, "default" is what suits the weights (kindling/enhancing/ratio.py).
        strength: from 0, the photo itself, to 1. denoise: from 0, the reflectance as it was decomposed, to 1, as it was
        restored. Raises KindlingError for values beyond these.
        """
        check_share("strength", strength)
        check_share("denoise", denoise)
        r = self._R if denoise == 0 else self._restored
        if 0 < denoise < 1:
            r = self._R + np.float32(denoise) * (self._restored - self._R)
        light = self._adjusted(ratio)
        named = self.protocol(protocol)
        picture = r * light
        if named != "lol":
            family, image = self.model.family, self._read(slice(0, self._grid.height), slice(0, self._grid.width))
            fuse = (family.relit or family.fuse) if named == "adjusted" else family.fuse
            hues = self._hues if named == "blend" else None  # before the threads, or each would look for them

            def fused(*place: slice) -> Array:
                x, R, L, restored, lit = (array[place] for array in (image, self._R, self._L, r, light))
                if named == "blend":
                    near = hues and fusion.Hues(*(array[place] for array in hues))
                    return family.blend(x, L, restored * lit, near)
                return fuse(x, R, L, restored, lit)

            picture = between_walls(self._grid, family.fuse_reach, fused, threads=os.cpu_count() or 1)
        return self._finished(cut(picture, self._border), (slice(0, self.size[0]), slice(0, self.size[1])), strength)

    def render(
        self,
        wanted: Sequence[tuple[str, float | None]],
        dtype: type = np.uint8,
        *,
        protocol: ProtocolName | Literal["default"] = "default",
        strength: float = 1.0,
        denoise: float = 1.0,
        done: Progress = lambda pixels: None,
    ) -> dict[tuple[str, float | None], Array]:
        """The pictures that `wanted` names by (what, ratio), as pixels: (h, w, 3), or (h, w, 1) of illumination.

        what: "enhanced", by `protocol`, "lit" (restored * adjusted) or "adjusted", for a ratio; "R", "L" or "restored",
        for None. They are made tile by tile, so that nothing but their pixels is kept. protocol, strength, denoise: as
        in `at`. done is told of pixels that were finished.
        """
        height, width = self.size
        ratios = list(dict.fromkeys(ratio for _, ratio in wanted if ratio is not None))
        pictures: dict[tuple[str, float | None], Array] = {
            (what, of): np.empty((height, width, channels(what)), dtype) for what, of in wanted
        }

        source = {"enhanced": PARTS[self.protocol(protocol)]}

        def fill(grid):
            for piece in self._pieces(ratios, grid, denoise, {source.get(what, what) for what, _ in wanted}):
                rows, columns = inner(piece.rows, self._border, height), inner(piece.columns, self._border, width)
                if not rows or not columns:  # a tile that holds nothing but border
                    continue
                place, seen = (rows[0], columns[0]), (rows[1], columns[1])
                for (what, ratio), picture in pictures.items():
                    part = getattr(piece, source.get(what, what))
                    part = (part[ratios.index(ratio)] if isinstance(part, list) and ratio is not None else part)[seen]
                    if what == "enhanced":
                        part = self._finished(part, place, strength)
                    picture[place] = to_pixels(part, dtype)
                done(picture[place][..., 0].size)

        in_smaller_tiles(self._grid, self.model, fill)
        return pictures

    def _finished(self, picture, place, strength):
        """What is shown of an enhanced piece: grey if the photo is, and blended with the photo itself."""
        if self.grey:
            picture = np.broadcast_to(picture.mean(axis=2, keepdims=True), picture.shape)
        if strength == 1:
            return picture
        own = self._photo(*place) if self._own is None else as_floats(self._own[place])
        return own if strength == 0 else own + np.float32(strength) * (picture - own)

    @property
    def _inside(self) -> Grid:
        """The tiles, of the photo without the border."""
        return replace(self._grid, height=self.size[0], width=self.size[1])

    def _keep(self, read, grid):
        return in_smaller_tiles(grid, self.model, lambda grid: (keep(read, grid, self.model), grid))

    def _pieces(self, ratios, grid, denoise=1.0, wanted=()):
        clean = self.__dict__.get("_restored")  # if it was asked for already
        doubt = self._doubt if "blended" in wanted else math.inf
        making = Making(denoise=denoise, clean=clean, doubt=doubt, wanted=wanted)
        return pieces(self._read, grid, self.model, ratios, kept=self._kept, making=making)

    @cached_property
    def _hues(self) -> fusion.Hues | None:
        """The colours of the whole photo, its border too. Where there are walls there are none."""
        whole = slice(0, self._grid.height), slice(0, self._grid.width)
        return fusion.hues(self._read(*whole), self._doubt)

    @cached_property
    def _doubt(self) -> float:
        """The light below which the photo's colours are not believed; infinite where a picture takes none of them."""
        return doubt(self._photo, self.size, self._step, self.model.family, self.grey)


def prepare(photo: Photo | Array, model: Model, tile: Tile = "auto", results: int = 0) -> Prepared:
    """Decompose a photo, for any number of ratios. photo: of `read_photo`, or (h, w, 3) floats stretched to [0, 1].

    results: bytes that the finished pictures will take.
    """
    if isinstance(photo, Photo):
        grid, grey = choose_grid(photo.size, tile, model, results), photo.grey
        return Prepared(reader(photo, model), grid, model, photo.pixels[..., :3], grey, photo.step)
    grid = choose_grid(photo.shape[:2], tile, model, results)
    return Prepared(lambda rows, columns: photo[rows, columns], grid, model)


def reader(photo: Photo, model: Model) -> Read:
    """The photo as the model's family sees it: stretched to its own minimum and maximum, or only divided."""
    return photo.stretched if model.family.stretched else photo.divided


def check_share(name: str, value: float) -> None:
    """Refuse a strength or denoise that is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise KindlingError(f"{name} is {value!r}, expected a number from 0 to 1")


def channels(what: str) -> int:
    """Of a picture by its name: light has one."""
    return 1 if what in ("L", "adjusted") else 3
