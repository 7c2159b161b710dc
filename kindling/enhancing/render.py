"""From photo to brighter photo: the chain of evaluate.py, tile by tile, into pixels at the photo's own depth.

The nets come in as a `Backend`, so this file knows no framework. The fusion is the original's own numpy arithmetic,
which makes the TensorFlow backend's pixels identical to the authors'.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, staging
from kindling.enhancing.memory import auto_grid
from kindling.enhancing.ratio import auto_ratio
from kindling.enhancing.tiles import Grid, pieces, square, whole
from kindling.images import to_pixels
from kindling.photos.jobs import Job
from kindling.photos.photo import DEEP, MEGAPIXELS, Photo, read_photo, refuse_transparency, write_photo


@dataclass(frozen=True)
class Backend:
    """A loaded KinD and the way to run it on NHWC arrays: kind_tf.arrays.run or kind_torch.arrays.run."""

    name: str
    kind: object
    run: Callable[..., tuple[np.ndarray, ...]]
    footprint: int = (
        1500  # bytes for each pixel of a tile, as benchmarks/enhance.py measures; more only means smaller tiles
    )


def enhance_image(image: np.ndarray, backend: Backend, ratio: float = 5.0, grid: Grid | None = None) -> np.ndarray:
    """evaluate.py on one photo. image: (h, w, 3) float32 from `load_images`. Returns (h, w, 3) float32 in [0, 1].

    ratio: how much stronger the illumination is asked to be; the original's default is 5, its useful range 0 to 5.
    grid: the tiles to go by; by default the photo is taken whole.
    """
    enhanced = np.empty_like(image)
    grid = grid or whole(*image.shape[:2])
    for piece in pieces(lambda rows, columns: image[rows, columns], grid, backend, [ratio]):
        enhanced[piece.rows, piece.columns] = piece.enhanced[0]
    return enhanced


def choose_grid(size: tuple[int, int], tile: int | str, backend: Backend, results: int = 0) -> Grid:
    """The tiles for a photo of (height, width): "auto" by the memory at hand, 0 none, else squares of that side.

    results: bytes that the finished pictures will take.
    """
    if tile == "auto":
        return auto_grid(*size, results, backend.footprint)
    return square(*size, tile) if tile else whole(*size)


def render(
    photo: Photo,
    backend: Backend,
    wanted: list[tuple[str, float | None]],
    tile: int | str = "auto",
    dtype=np.uint8,
    done: Callable[[int], None] = lambda pixels: None,
) -> dict[tuple[str, float | None], np.ndarray]:
    """The pictures that `wanted` names by (what, ratio), as pixels: (h, w, 3), or (h, w, 1) of illumination.

    what: "enhanced" or "adjusted", for a ratio; "R", "L" or "restored", for None. done is called with the number of
    pixels that were finished.
    """
    height, width = photo.size
    ratios = list(dict.fromkeys(ratio for _, ratio in wanted if ratio is not None)) or [5.0]
    pictures = {(what, of): np.empty((height, width, _channels(what)), dtype) for what, of in wanted}
    grid = choose_grid(photo.size, tile, backend, sum(picture.nbytes for picture in pictures.values()))
    for piece in pieces(photo.stretched, grid, backend, ratios):
        for (what, ratio), picture in pictures.items():
            made = getattr(piece, what)
            made = made if ratio is None else made[ratios.index(ratio)]
            picture[piece.rows, piece.columns] = to_pixels(made, dtype)
        done(piece.image.shape[0] * piece.image.shape[1])
    return pictures


def enhance_file(
    job: Job,
    backend: Backend,
    tile: int | str = "auto",
    megapixels: float = MEGAPIXELS,
    metadata: bool = True,
    done: Callable[[int], None] = lambda pixels: None,
) -> dict[str, float]:
    """Read a photo, make the pictures that `job` lists, and only when all are written give them their names.

    Returns the ratios that were taken, by how they were asked for: {"5": 5.0}, {"auto": 3.1}. Raises KindlingError for
    a photo that cannot be read or a picture that cannot be written.
    """
    photo = read_photo(job.photo, megapixels)
    if not metadata:
        photo = replace(photo, carried={})
    names = list(job.targets.values())
    refuse_transparency(job.photo, photo, names[0])
    ratios = {asked: _number(asked, photo, backend, tile) for _, asked in job.targets if asked is not None}
    dtype = photo.pixels.dtype if names[0].suffix in DEEP else np.uint8
    wanted = [(what, ratios.get(asked)) for what, asked in job.targets if what != "compare"]
    pictures = render(photo, backend, wanted, tile, dtype, done)
    with staging(names[0].parent) as folder:
        for (what, asked), target in job.targets.items():
            if what == "compare":
                shown = [photo.pixels, *(picture for (kind, _), picture in pictures.items() if kind == "enhanced")]
            else:
                shown = [pictures[what, ratios.get(asked)]]
            write_photo(folder / target.name, *shown, like=photo)
        for target in names:
            move_into_place(folder / target.name, target)
    return {f"{asked:g}" if isinstance(asked, float) else asked: ratio for asked, ratio in ratios.items()}


def _number(asked, photo, backend, tile):
    return auto_ratio(photo.stretched, choose_grid(photo.size, tile, backend), backend) if asked == "auto" else asked


def _channels(what):
    return 1 if what in ("L", "adjusted") else 3


def check_ratio(ratio: float) -> float:
    """Refuse what cannot be asked of the adjustment net: a ratio below 0, infinite or NaN."""
    if not 0 <= ratio < float("inf"):
        raise KindlingError(f"a ratio of {ratio}: expected a number from 0 up, usefully to 5")
    return float(ratio)
