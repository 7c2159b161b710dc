"""Files of photos: every pixel at its own depth, and what rides along with it, in and out.

libvips reads and writes them (pyvips; a wheel of 8 MB): one reader and writer for JPEG, PNG, WebP and TIFF that keeps
16 bits, ICC profiles and EXIF, turns photos upright, converts CMYK, and streams. Its pixels are Pillow's, bit for bit.
Pillow, which scikit-image brings anyway, reads BMP, which libvips does not; it would cut a 16-bit RGB PNG to 8 bits.
docs/enhance.md compares the readers.
"""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kindling.core.errors import KindlingError

os.environ.setdefault("VIPS_WARNING", "0")  # read once, by libvips: its warnings would go to stderr; errors are raised
import pyvips

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
KINDS = {".bmp": ".png", ".jpeg": ".jpg", ".tif": ".tiff"}  # what a photo's own kind is written as, if not as itself
MEGAPIXELS = 300  # a photo of more is refused before it is decoded: a small file can claim any size

WRITING: dict[str, dict[str, Any]] = {
    ".png": {"compression": 6},
    ".jpg": {"Q": 95, "subsample_mode": "off"},
    ".webp": {"Q": 95},
    ".tiff": {"compression": "deflate", "predictor": "horizontal"},
}
DEEP = (".png", ".tiff")  # the kinds that hold 16 bits
OPAQUE = (".jpg",)  # the kind that holds no transparency
CARRIED = ("icc-profile-data", "xmp-data", "iptc-data")  # and all that begins with exif-

# libvips would log through Python, and a Ctrl-C that falls into a callback from C is printed and forgotten.
pyvips._remove_log_handler()


@dataclass(frozen=True)
class Photo:
    """A photo as it lies in its file, upright.

    pixels: (h, w, 3) uint8 or uint16; alpha: (h, w, 1) of the same, or None. carried: ICC profile, EXIF, XMP and
    IPTC, as libvips names them.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    carried: dict[str, tuple[int, Any]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[:2]

    def stretched(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """That part of the photo, (h, w, 3) float32, stretched by the whole photo's minimum and maximum.

        The arithmetic is that of `kindling.images.load_images`, so the numbers are the same ones.
        """
        low, high = self._range
        part = self.pixels[rows, columns].astype(np.float32) / self._scale
        return (part - low) / np.maximum(high - low, np.float32(0.001))

    @property
    def _scale(self):
        return np.float32(np.iinfo(self.pixels.dtype).max)

    @cached_property
    def _range(self):
        return tuple(np.float32(x) / self._scale for x in (self.pixels.min(), self.pixels.max()))


def read_photo(path: Path, megapixels: float = MEGAPIXELS) -> Photo:
    """The photo in a file, upright by its EXIF orientation; grey and palettes as RGB, CMYK converted to sRGB.

    Depth goes by the file's type, never by its brightest value. Raises KindlingError for anything that is no photo, is
    damaged, holds several pictures, or has more than `megapixels`.
    """
    try:
        image = _open(path)
        check_megapixels(path, image.width, image.height, megapixels)
        if isinstance(image, Image.Image):
            pixels, carried = np.array(image.convert("RGB")), {}
        else:
            image = _plain(image.autorot(), path)
            pixels, carried = image.numpy().reshape(image.height, image.width, image.bands), _carried(image)
    except KindlingError:
        raise
    except pyvips.Error as error:
        raise KindlingError(f"{path}: damaged or not readable as a photo: {_said(error)}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise KindlingError(f"{path}: damaged or not readable as a photo: {error}") from error
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
    return Photo(np.broadcast_to(colours, (*pixels.shape[:2], 3)), alpha, carried)


def count_pixels(path: Path) -> int:
    """Pixels by the file's header, 0 where that cannot be read: for a progress bar, before anything is decoded."""
    try:
        image = _open(path)
    except (KindlingError, pyvips.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 0  # read_photo will say why
    return image.width * image.height


def check_megapixels(path, width: int, height: int, megapixels: float) -> None:
    """Refuse a photo of more than that many million pixels, before it fills the memory."""
    size = width * height / 1e6
    if size > megapixels:
        said = f"{size:,.0f}" if size > 10 else f"{size:.3g}"
        raise KindlingError(
            f"{path}: {width}x{height} is {said} megapixels, and at most {megapixels:g} are read; "
            "allow more with --max-megapixels"
        )


def refuse_transparency(path: Path, photo: Photo, target: Path) -> None:
    """Say so where `target` is of a kind that would lose the alpha of the photo in `path`."""
    if photo.alpha is not None and target.suffix.lower() in OPAQUE:
        raise KindlingError(f"{path}: has transparency, which JPEG does not hold; write png, webp or tiff")


def write_photo(path: Path, *images: np.ndarray, like: Photo | None = None) -> None:
    """Write one image, or several of one height side by side, in the kind that `path`'s suffix says.

    images: (h, w, 3) or (h, w, 1), uint8 or uint16; of 16 bits, JPEG and WebP keep the upper 8. like: the photo whose
    alpha and metadata are carried over. Raises KindlingError where `path`'s kind cannot hold the picture.
    """
    suffix = path.suffix.lower()
    picture = None
    for image in images:
        image = _vips(image, suffix)
        picture = image if picture is None else picture.join(image, "horizontal")
    if like is not None and like.alpha is not None:
        alpha = _vips(like.alpha, suffix)
        alphas = [alpha] * (picture.width // alpha.width)
        picture = picture.bandjoin(pyvips.Image.arrayjoin(alphas) if len(alphas) > 1 else alpha)
    if like is not None:
        picture = picture.copy()
        for name, (kind, value) in like.carried.items():
            picture.set_type(kind, name, value)
        picture.set_type(pyvips.GValue.gint_type, "orientation", 1)
    try:
        picture.write_to_file(str(path), **WRITING[suffix])
    except pyvips.Error as error:
        raise KindlingError(f"{path.name}: writing failed: {_said(error)}; nothing was changed") from error


def _open(path):
    """The photo, not yet decoded: a Pillow image for BMP, a libvips image for all else."""
    try:
        with open(path, "rb") as file:
            start = file.read(4096)
    except FileNotFoundError as error:
        raise KindlingError(f"{path}: no such file") from error
    except OSError as error:
        raise KindlingError(f"{path}: cannot be read: {error.strerror}") from error
    if start.startswith(b"BM"):
        return Image.open(path)
    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="truncated", revalidate=True)
    except pyvips.Error as error:
        if "not a known file format" not in str(error):
            raise
        raise KindlingError(f"{path}: not a photo that can be read; known are {', '.join(SUFFIXES)}") from error
    pages = image.get("n-pages") if "n-pages" in image.get_fields() else 1
    if pages > 1:
        raise KindlingError(f"{path}: holds {pages} pictures; save the one you want as a file of its own")
    if start.startswith(b"\x89PNG") and b"acTL" in start.split(b"IDAT")[0]:
        raise KindlingError(f"{path}: is animated; save the picture you want as a file of its own")
    return image


def _plain(image, path):
    """8 or 16 bits of grey or RGB, with or without alpha; anything else is converted or refused."""
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk").copy()
        image.remove("icc-profile-data")
    if image.format not in ("uchar", "ushort"):
        raise KindlingError(f"{path}: its numbers are {image.format}, and photos of 8 or 16 bits are read")
    if image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16") or image.bands > 4:
        raise KindlingError(f"{path}: colours of kind {image.interpretation} are not read; save it as RGB")
    if image.bands < 3 and image.get_typeof("icc-profile-data"):
        image = image.copy()
        image.remove("icc-profile-data")  # a profile of grey, and what is written is RGB
    return image


def _carried(image):
    names = [name for name in image.get_fields() if name in CARRIED or name.startswith("exif-")]
    return {name: (image.get_typeof(name), image.get(name)) for name in names if "Orientation" not in name}


def _vips(array, suffix):
    deep = array.dtype == np.uint16
    if deep and suffix not in DEEP:
        array, deep = (array >> 8).astype(np.uint8), False
    height, width, bands = array.shape
    array = np.ascontiguousarray(array)
    image = pyvips.Image.new_from_memory(array.data, width, height, bands, "ushort" if deep else "uchar")
    kind = ("grey16" if deep else "b-w") if bands < 3 else ("rgb16" if deep else "srgb")
    return image.copy(interpretation=kind)


def _said(error):
    """The last line of what libvips says, without the name of its part."""
    return (error.detail or str(error)).strip().splitlines()[-1].split(": ", 1)[-1]
