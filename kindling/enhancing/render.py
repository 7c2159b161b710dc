"""From photo to brighter photo: the files that are written of each, at the photo's own depth.

kindling/enhancing/prepared.py makes the pictures, tile by tile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, staging
from kindling.core.model import Array, Model
from kindling.core.words import ProtocolName, Ratio
from kindling.enhancing.grid import Grid, whole
from kindling.enhancing.prepared import Prepared, Progress, channels, check_share, prepare
from kindling.enhancing.sheet import sheet, smaller
from kindling.enhancing.tiles import pieces
from kindling.enhancing.tiling import Tile, choose_grid
from kindling.photos.colours import without_metadata
from kindling.photos.jobs import Job
from kindling.photos.photo import (
    DEEP,
    MEGAPIXELS,
    Photo,
    check_targets,
    lost_in,
    read_photo,
    write_photo,
)

__all__ = [
    "Made", "Opened", "Prepared", "Tile", "check_share", "choose_grid", "enhance_file", "enhance_image", "make",
    "open_photo", "prepare", "put", "render",
]  # fmt: skip


def enhance_image(image: Array, model: Model, ratio: float = 5.0, grid: Grid | None = None) -> Array:
    """evaluate.py on one photo. image: (h, w, 3) float32 from `load_images`. Returns (h, w, 3) float32 in [0, 1].

    ratio: how much stronger the illumination is asked to be; the original's default is 5, its useful range 0 to 5.
    grid: the tiles to go by; by default the photo is taken whole.
    """
    enhanced = np.empty_like(image)
    height, width = image.shape[:2]
    grid = grid or whole(height, width, model.family)
    for piece in pieces(lambda rows, columns: image[rows, columns], grid, model, [ratio]):
        enhanced[piece.rows, piece.columns] = piece.enhanced[0]
    return enhanced


@dataclass(frozen=True)
class Opened:
    """A photo that was read and found fit for what is asked of it."""

    photo: Photo
    lost: Sequence[str]
    """What rides along with it and has no room in its picture's kind of file."""


@dataclass(frozen=True)
class Made:
    """The pictures of a photo, not yet written."""

    photo: Photo
    pictures: Mapping[tuple[str, float | None], Array]
    ratios: Mapping[Ratio, float]
    """What was asked for -> the number that was taken."""
    grey: bool


def enhance_file(
    job: Job,
    model: Model,
    *,
    tile: Tile = "auto",
    megapixels: float = MEGAPIXELS,
    max_side: int | None = None,
    metadata: bool = True,
    protocol: ProtocolName | Literal["default"] = "default",
    strength: float = 1.0,
    denoise: float = 1.0,
    done: Progress = lambda pixels: None,
    lost: Callable[[str], None] = lambda thing: None,
) -> Mapping[str, float]:
    """Read a photo, make the pictures that `job` lists, and only when all are written give them their names.

    max_side: make it smaller first, so that neither side has more pixels. lost: told of each thing that rides along
    with the photo and has no room in its picture's kind of file. Returns the ratios that were taken, by how
    they were asked for: {"5": 5.0}, {"auto": 3.1}. Raises KindlingError for a photo that cannot be read or a picture
    that cannot be written, before any work where that can be seen. Many photos are quicker by `enhance_files` of
    kindling/enhancing/folder.py.
    """
    opened = open_photo(job, megapixels=megapixels, max_side=max_side, metadata=metadata)
    for thing in opened.lost:
        lost(thing)
    made = make(job, opened.photo, model, tile=tile, protocol=protocol, strength=strength, denoise=denoise, done=done)
    return put(job, made)


def open_photo(
    job: Job, *, megapixels: float = MEGAPIXELS, max_side: int | None = None, metadata: bool = True
) -> Opened:
    """The first step of `enhance_file`: read, and refuse what could not be written later."""
    photo = read_photo(job.photo, megapixels)
    if max_side:
        photo = smaller(photo, max_side)
    names = list(job.targets.values())
    lost = lost_in(photo, names[0]) if metadata else []
    check_targets(job.photo, photo, dict.fromkeys(names, 1))
    if not metadata:
        try:
            photo = without_metadata(photo)
        except KindlingError as error:
            raise KindlingError(f"{job.photo}: {error}") from error
    return Opened(photo, lost)


def make(
    job: Job,
    photo: Photo,
    model: Model,
    *,
    tile: Tile = "auto",
    protocol: ProtocolName | Literal["default"] = "default",
    strength: float = 1.0,
    denoise: float = 1.0,
    done: Progress = lambda pixels: None,
) -> Made:
    """The second step: all pictures that `job` lists, as pixels."""
    asked = list(dict.fromkeys([*job.ratios, *(of for _, of in job.targets if of is not None)])) or ["default"]
    names = list(job.targets.values())
    dtype = photo.pixels.dtype.type if any(name.suffix.lower() in DEEP for name in names) else np.uint8
    compared = any(what == "compare" for what, _ in job.targets)
    made = [key for key in job.targets if key[0] != "compare"]
    made += [("enhanced", of) for of in asked if compared and ("enhanced", of) not in made]
    results = sum(np.dtype(dtype).itemsize * channels(what) for what, _ in made) * photo.pixels[..., 0].size
    prepared = prepare(photo, model, tile, results)
    ratios = {of: prepared.number(of) for of in asked}
    wanted = list(dict.fromkeys((what, None if of is None else ratios[of]) for what, of in made))
    pictures = prepared.render(wanted, dtype, protocol=protocol, strength=strength, denoise=denoise, done=done)
    return Made(photo, pictures, ratios, prepared.grey)


def put(job: Job, made: Made) -> Mapping[str, float]:
    """The last step: every file under its name, or none. Returns the ratios, as `enhance_file`."""
    names, photo, ratios = list(job.targets.values()), made.photo, made.ratios
    with staging(names[0].parent) as folder:
        for (what, of), target in job.targets.items():
            if what == "compare":
                shown = {"before": photo.pixels} | {
                    f"ratio {ratio:.3g}" + (f" ({asked})" if asked == "auto" else ""): made.pictures["enhanced", ratio]
                    for asked, ratio in ratios.items()
                }
                write_photo(folder / target.name, sheet(shown), like=replace(photo, alpha=None))
            else:
                picture = made.pictures[what, None if of is None else ratios[of]]
                shown_grey = made.grey and what == "enhanced"
                write_photo(folder / target.name, picture[..., :1] if shown_grey else picture, like=photo)
        for target in names:
            move_into_place(folder / target.name, target)
    return {f"{of:g}" if isinstance(of, float) else of: ratio for of, ratio in ratios.items()}


def render(
    photo: Photo,
    model: Model,
    wanted: Sequence[tuple[str, float | None]],
    tile: Tile = "auto",
    dtype: type = np.uint8,
    done: Progress = lambda pixels: None,
) -> dict[tuple[str, float | None], Array]:
    """`Prepared.render` of a photo, in one call."""
    return prepare(photo, model, tile, 0).render(wanted, dtype, done=done)
