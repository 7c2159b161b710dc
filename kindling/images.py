"""Photos in and out, exactly as the original reads and writes them (utils.py: load_images, save_images)."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from kindling.errors import KindlingError
from kindling.files import move_into_place, staging

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def load_images(file) -> np.ndarray:
    """A photo as (h, w, 3) float32, stretched over the whole image so that its minimum is 0 and its maximum 1.

    8-bit RGB as the original reads it; gray and palette photos become RGB. Raises KindlingError for anything that is
    no photo, is damaged, or would lose something on the way (16 bits, transparency, several frames).
    """
    return stretch(read_rgb(Path(file)).astype(np.float32) / 255)


def stretch(x: np.ndarray) -> np.ndarray:
    """(x - min) / max(max - min, 0.001): the original's normalisation. A constant image becomes all zeros."""
    low, high = x.min(), x.max()
    return (x - low) / np.maximum(high - low, np.float32(0.001))


def save_images(path, *images: np.ndarray) -> None:
    """Write one image, or several of one height side by side, as an 8-bit file. The name appears only once it is whole.

    images: (h, w, 3) or (h, w, 1) in [0, 1]. Values are clipped and truncated, not rounded, as in the original.
    """
    path = Path(path)
    pixels = to_pixels(np.concatenate([np.broadcast_to(image, (*image.shape[:2], 3)) for image in images], axis=1))
    with staging(path.parent) as folder:
        Image.fromarray(pixels).save(folder / path.name)
        move_into_place(folder / path.name, path)


def to_pixels(image: np.ndarray) -> np.ndarray:
    """[0, 1] -> uint8, truncating: 0.999 becomes 254."""
    return np.clip(image * 255, 0, 255).astype(np.uint8)


def read_rgb(path: Path) -> np.ndarray:
    """The pixels of a photo, (h, w, 3) uint8. Raises KindlingError if that would not be the whole truth of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _refuse_what_would_be_lost(image, path)
                return np.array(image.convert("RGB"))
    except KindlingError:
        raise
    except FileNotFoundError as error:
        raise KindlingError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise KindlingError(f"{path}: not a photo that can be read; known are {', '.join(SUFFIXES)}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise KindlingError(f"{path}: damaged or not readable as a photo: {error}") from error


def _refuse_what_would_be_lost(image: Image.Image, path: Path) -> None:
    """Pillow would drop these without a word."""
    raw_modes = [tile[3] if isinstance(tile[3], str) else tile[3][0] for tile in image.tile if tile[3]]
    if image.mode.startswith(("I", "F")) or any(";16" in str(raw) for raw in raw_modes):
        raise KindlingError(f"{path}: more than 8 bits a channel, and only 8-bit photos are read; save it as 8-bit PNG")
    if image.has_transparency_data:
        raise KindlingError(f"{path}: has transparency, which would be lost; save it without")
    if getattr(image, "n_frames", 1) > 1:
        raise KindlingError(f"{path}: holds {image.n_frames} pictures; save the one you want as a file of its own")
    if image.mode not in ("RGB", "L", "P", "1"):
        raise KindlingError(f"{path}: colour mode {image.mode} is not read; save it as RGB")
