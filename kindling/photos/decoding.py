"""Pixels out of libvips and Pillow in one form, (h, w, bands) of 8 or 16 bits, and a photo before they are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import PIL.Image

from kindling.core.errors import KindlingError
from kindling.photos import vips
from kindling.photos.carried import Carried


@dataclass(kw_only=True)
class Opened:
    """A photo before its pixels are read. decode: () -> (h, w, bands) as in the file, not yet turned."""

    width: int
    height: int
    decode: Callable[[], np.ndarray]
    carried: Carried = field(default_factory=lambda: Carried())
    orientation: int = 1
    close: Callable[[], None] = lambda: None


def loaded(loader: str, file: BinaryIO, **options: Any) -> vips.Image:
    """What a loader of libvips opens, to be read from top to bottom; damage is an error."""
    source = vips.pyvips.Source.new_from_descriptor(file.fileno())  # never by name: a name can be any bytes
    return getattr(vips.Image, loader)(source, access="sequential", fail_on="error", **options)


def plain(image: vips.Image) -> vips.Image:
    """8 or 16 bits of grey or RGB, with or without alpha; anything else is converted or refused."""
    if image.interpretation == "cmyk":
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk")
    if image.format not in vips.TYPES:
        raise KindlingError(f"its numbers are {image.format}, and photos of 8 or 16 bits are read")
    if image.interpretation not in ("srgb", "rgb", "rgb16", "b-w", "grey16") or image.bands > 4:
        raise KindlingError(f"colours of kind {image.interpretation} are not read; save it as RGB")
    return image


def pixels_of(image: PIL.Image.Image) -> np.ndarray:
    """A Pillow image as (h, w, bands)."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., np.newaxis]
    wanted = {"1": "L", "P": "RGBA" if "transparency" in image.info else "RGB", "PA": "RGBA", "RGBX": "RGB"}
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        wanted[image.mode] = "RGBA"
    mode = wanted.get(image.mode, image.mode)
    if mode not in ("L", "LA", "RGB", "RGBA"):
        raise KindlingError(f"colours of kind {image.mode} are not read; save it as RGB")
    pixels = np.asarray(image if mode == image.mode else image.convert(mode))
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def at_once(image: vips.Image) -> np.ndarray:
    """The pixels of an image that cannot be read strip by strip: for this, libvips starts threads."""
    data = vips.threaded(image.write_to_memory)
    return np.frombuffer(data, vips.TYPES[image.format]).reshape(image.height, image.width, image.bands)
