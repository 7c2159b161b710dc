"""Photos: every pixel at its own depth, upright, and what rides along with it, in and out.

How each kind of file is opened is in opening.py, how it is put together in embedding.py. docs/enhance.md says why
libvips reads and writes, and compares the readers.
"""

import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from pathlib import Path

import numpy as np
from PIL import Image

from kindling.core.errors import KindlingError
from kindling.core.files import reason
from kindling.photos import vips
from kindling.photos.carried import Carried
from kindling.photos.directories import Unreadable
from kindling.photos.embedding import embed, is_grey, left_behind
from kindling.photos.kinds import DEEP, KINDS, OPAQUE, SIDES, SUFFIXES, WRITING, kind_of, written_as
from kindling.photos.opening import open_photo

__all__ = [
    "DEEP",
    "KINDS",
    "MEGAPIXELS",
    "SUFFIXES",
    "WRITING",
    "Photo",
    "check_megapixels",
    "check_targets",
    "count_pixels",
    "encode_photo",
    "lost_in",
    "read_photo",
    "refuse_transparency",
    "write_photo",
]

MEGAPIXELS = 300  # a photo of more is refused before it is decoded: a small file can claim any size
BAND = 1 << 20  # pixels looked at together
UNSOUND = (
    vips.Damaged, vips.Error, Unreadable, OSError, SyntaxError, ValueError, EOFError, RuntimeError, KeyError,
    IndexError, TypeError, struct.error, Image.DecompressionBombError,
)  # fmt: skip
# np.rot90 and np.flip in one: whether the axes change places, and which way each is then gone through.
UPRIGHT = {
    1: (False, 1, 1), 2: (False, 1, -1), 3: (False, -1, -1), 4: (False, -1, 1),
    5: (True, 1, 1), 6: (True, 1, -1), 7: (True, -1, -1), 8: (True, -1, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """A photo as it lies in its file, upright.

    pixels: (h, w, 3) uint8 or uint16; alpha: (h, w, 1) of the same, or None. carried: profile, EXIF, XMP, IPTC, dots
    per inch and PNG's texts.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    carried: Carried = field(default_factory=lambda: Carried())

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[:2]

    @property
    def single(self) -> bool:
        """True if the file has one channel of colour, which is shown as three."""
        return self.pixels.shape[-1] == 1 or self.pixels.strides[-1] == 0

    @cached_property
    def grey(self) -> bool:
        """True if every pixel has three equal values, whatever channels the file had: such a photo has no colours."""
        return self.single or all(
            np.array_equal(rows[..., 0], rows[..., 1]) and np.array_equal(rows[..., 1], rows[..., 2])
            for rows in self._bands(self.pixels)
        )

    @cached_property
    def opaque(self) -> bool:
        """True if nothing shines through, with alpha or without."""
        return self.alpha is None or int(self.alpha.min()) == np.iinfo(self.alpha.dtype).max

    def stretched(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """That part of the photo, (h, w, 3) float32, stretched by the whole photo's minimum and maximum.

        The arithmetic is that of `kindling.images.load_images`, so the numbers are the same ones. Pixels that are
        wholly transparent have no part in it, whatever colours hide there: they take the mean of those that are seen.
        """
        return self._numbers(rows, columns, self._stretch)

    def divided(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """The same without the stretch: divided by the largest number that a pixel can hold."""
        return self._numbers(rows, columns, lambda numbers: numbers)

    def _numbers(self, rows, columns, stretch):
        part = stretch(self.pixels[rows, columns].astype(np.float32) / self._scale)
        if self.alpha is not None and self._hides:
            part[self.alpha[rows, columns, 0] == 0] = stretch(self._mean / self._scale)
        return part

    @property
    def step(self) -> float:
        """What one level of the file is worth in `stretched`: 1/255 and more, of 16 bits 1/65535 and more."""
        low, high = self._range
        return float(1 / (self._scale * np.maximum(high - low, np.float32(0.001))))

    def _stretch(self, numbers):
        low, high = self._range
        return (numbers - low) / np.maximum(high - low, np.float32(0.001))

    @property
    def _scale(self):
        return np.float32(np.iinfo(self.pixels.dtype).max)

    @cached_property
    def _hides(self):
        """Some pixels, and not all, are wholly transparent."""
        return self.alpha is not None and not self.alpha.all() and bool(self.alpha.any())

    @cached_property
    def _range(self):
        seen = [self.pixels]
        if self._hides:
            bands = zip(self._bands(self.pixels), self._bands(self.alpha), strict=True)
            seen = [found for found in (rows[alpha[..., 0] > 0] for rows, alpha in bands) if found.size]
        ends = min(part.min() for part in seen), max(part.max() for part in seen)
        return tuple(np.float32(end) / self._scale for end in ends)

    @cached_property
    def _mean(self):
        """(3,) float32: of the pixels that are not wholly transparent."""
        assert self.alpha is not None  # asked for where some pixels hide
        bands = zip(self._bands(self.pixels), self._bands(self.alpha), strict=True)
        total = sum(rows[alpha[..., 0] > 0].sum(axis=0, dtype=np.float64) for rows, alpha in bands)
        return (total / np.count_nonzero(self.alpha)).astype(np.float32)

    def _bands(self, array):
        rows = max(1, BAND // array.shape[1])
        return (array[top : top + rows] for top in range(0, len(array), rows))


def read_photo(path: Path, megapixels: float = MEGAPIXELS) -> Photo:
    """The photo in a file, upright by its EXIF orientation; grey and palettes as RGB, CMYK converted to sRGB.

    Depth goes by the file's type, never by its brightest value. No thread is started, so that a process forked later
    can read too. Raises KindlingError for anything that is no photo, is not read whole, holds several pictures, or has
    more than `megapixels`.
    """
    opened = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of EXIF that is broken and of sizes, which are dealt with here
            opened = open_photo(path)
        check_megapixels(path, opened.width, opened.height, megapixels)
        pixels = _upright(opened.decode(), opened.orientation)
    except KindlingError as error:
        raise error if str(path) in str(error) else KindlingError(f"{path}: {error}") from error
    except UNSOUND as error:
        said = vips.said(error) if isinstance(error, vips.Error) else " ".join(str(error).split())
        why = said or "its structure is broken"
        raise KindlingError(f"{path}: damaged or not readable as a photo: {why[:200]}") from error
    finally:
        if opened is not None:
            opened.close()
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
    carried = opened.carried
    if carried.get("icc", b"GRAY" * 5)[16:20] not in (b"GRAY", b"RGB "):
        del carried["icc"]  # of ink; the pixels are sRGB by now
    return Photo(np.broadcast_to(colours, (*pixels.shape[:2], 3)), alpha, carried)


def _upright(pixels, orientation):
    swapped, down, across = UPRIGHT[orientation]
    return np.ascontiguousarray((pixels.swapaxes(0, 1) if swapped else pixels)[::down, ::across])


def count_pixels(path: Path) -> int:
    """Pixels by the file's header, 0 where that cannot be read: for a progress bar, before anything is decoded."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return 0
        with open(path, "rb") as file:
            if kind_of(file.read(64), path.suffix) == "raw":
                return 0  # rawpy takes a moment to say; the bar moves on by photos
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = open_photo(path)
        opened.close()
    except (KindlingError, *UNSOUND):
        return 0  # read_photo will say why
    return opened.width * opened.height


def check_megapixels(path: Path, width: int, height: int, megapixels: float) -> None:
    """Refuse a photo of more than that many million pixels, before it fills the memory."""
    size = width * height / 1e6
    if size > megapixels:
        said = f"{size:,.0f}" if size > 10 else f"{size:.3g}"
        raise KindlingError(
            f"{path}: {width}x{height} is {said} megapixels, and at most {megapixels:g} are read; "
            "allow more with --max-megapixels"
        )


def check_targets(path: Path, photo: Photo, targets: Mapping[Path, int]) -> None:
    """Refuse, before any work, pictures that their kind of file cannot hold: transparency, or too long a side.

    targets: file -> how many pictures of the photo's size stand side by side in it.
    """
    height, width = photo.size
    for target, beside in targets.items():
        refuse_transparency(path, photo, target)
        kind = written_as(target.suffix)
        longest = max(height, width * beside)
        if longest > SIDES.get(kind, longest):
            raise KindlingError(
                f"{path}: {target.name} would be {width * beside}x{height}, and {kind[1:]} holds at most "
                f"{SIDES[kind]:,} pixels a side; write png or tiff"
            )


def refuse_transparency(path: Path, photo: Photo, target: Path) -> None:
    """Say so where `target` is of a kind that would lose the alpha of the photo in `path`."""
    if written_as(target.suffix) in OPAQUE and not photo.opaque:
        raise KindlingError(f"{path}: has transparency, which JPEG does not hold; write png, webp or tiff")


def lost_in(photo: Photo, target: Path) -> list[str]:
    """What rides along with the photo and has no room in a file of `target`'s kind, in words."""
    return left_behind(photo.carried, written_as(target.suffix))


def write_photo(path: Path, *images: np.ndarray, like: Photo | None = None) -> None:
    """Write one image, or several of one height side by side, in the kind that `path`'s suffix says.

    images, like: as for `encode_photo`. Raises KindlingError where `path`'s kind cannot hold the picture, or the disk
    is full.
    """
    try:
        parts = _encoded(path.suffix, images, like)
        with open(path, "wb") as file:
            file.writelines(parts)
    except KindlingError as error:
        raise KindlingError(f"{path.name}: {error}") from error
    except OSError as error:
        raise KindlingError(f"{path.name}: writing failed: {reason(error)}; nothing was changed") from error


def encode_photo(suffix: str, *images: np.ndarray, like: Photo | None = None) -> bytes:
    """The file, of the kind that `suffix` says, of one image, or of several of one height side by side.

    images: (h, w, 3) or (h, w, 1), uint8 or uint16; of 16 bits, JPEG and WebP keep the upper 8. like: the photo whose
    alpha and metadata are carried over; if it had one channel and the images are grey, so has the file. Raises
    KindlingError where the kind cannot hold the picture.
    """
    return b"".join(_encoded(suffix, images, like))


def _encoded(suffix, images, like):
    """In parts, since one block would be a second copy."""
    kind = written_as(suffix)
    if not kind:
        raise KindlingError(f"pictures are written as {', '.join(WRITING)}")
    carried = like.carried if like is not None else Carried()
    if like is not None and like.single:
        images = tuple(image[..., :1] if Photo(image).grey else image for image in images)
    grey = all(image.shape[2] == 1 for image in images) and not _of_colours(carried)
    parts = []
    for image in images:
        if not grey and image.shape[2] == 1:
            image = np.broadcast_to(image, (*image.shape[:2], 3))
        parts.append(vips.from_array(_fitting(image, kind)))
    picture = reduce(lambda row, part: row.join(part, "horizontal"), parts)
    if like is not None and like.alpha is not None and kind not in OPAQUE:
        alpha = vips.from_array(_fitting(like.alpha, kind))
        alphas = [alpha] * (picture.width // alpha.width)
        picture = picture.bandjoin(vips.Image.arrayjoin(alphas) if len(alphas) > 1 else alpha)
    try:
        encoded = vips.threaded(lambda: picture.write_to_buffer(kind, keep="none", **WRITING[kind]))
    except vips.Damaged as error:
        raise KindlingError(f"writing failed: {error}; nothing was changed") from error
    return embed(encoded, kind, carried, picture.width, picture.height, picture.bands)


def _of_colours(carried: Carried) -> bool:
    """A profile of colours fits no grey picture, which then takes three equal channels."""
    return bool(carried.get("icc")) and not is_grey(carried["icc"])


def _fitting(array, kind):
    return (array >> 8).astype(np.uint8) if array.dtype == np.uint16 and kind not in DEEP else array
