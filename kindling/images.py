"""Photos in and out, exactly as the original reads and writes them (utils.py: load_images, save_images)."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from kindling.core.files import move_into_place, staging
from kindling.photos.photo import read_photo, write_photo


def load_images(file: str | os.PathLike[str]) -> np.ndarray:
    """A photo as (h, w, 3) float32, stretched over the whole image so that its minimum is 0 and its maximum 1.

    8-bit RGB as the original reads it; what other files hold is as `kindling.photos.photo.read_photo` says, and
    transparency is left to that. Raises KindlingError for anything that is no photo or is damaged.
    """
    return read_photo(Path(file)).stretched()


def stretch(x: np.ndarray) -> np.ndarray:
    """(x - min) / max(max - min, 0.001): the original's normalisation. A constant image becomes all zeros."""
    low, high = x.min(), x.max()
    return (x - low) / np.maximum(high - low, np.float32(0.001))


def save_images(path: str | os.PathLike[str], *images: np.ndarray) -> None:
    """Write one image, or several of one height side by side, as an 8-bit file. The name appears only once it is whole.

    images: (h, w, 3) or (h, w, 1) in [0, 1]. Values are clipped and truncated, not rounded, as in the original.
    """
    target = Path(path)
    with staging(target.parent) as folder:
        write_photo(folder / target.name, *(to_pixels(np.broadcast_to(x, (*x.shape[:2], 3))) for x in images))
        move_into_place(folder / target.name, target)


def to_pixels(image: np.ndarray, dtype: DTypeLike = np.uint8) -> np.ndarray:
    """[0, 1] -> uint8 or uint16, truncating: 0.999 becomes 254."""
    largest = np.iinfo(dtype).max
    return np.clip(image * largest, 0, largest).astype(dtype)


def as_floats(pixels: np.ndarray) -> np.ndarray:
    """Whole numbers -> float32 in [0, 1], such that `to_pixels` gives the same back; floats as they are."""
    return pixels if pixels.dtype.kind == "f" else pixels / np.float32(np.iinfo(pixels.dtype).max)
