"""A picture however a program has it, as an array that has been checked, and the result in the same way."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.enhancing.prepared import Prepared, reader
from kindling.enhancing.tiling import Tile, choose_grid
from kindling.images import stretch
from kindling.photos.photo import Photo, read_photo
from kindling.photos.streams import received

__all__ = ["like", "pixels_of", "prepared"]

ROUNDING = 1e-5  # how far beyond [0, 1] a float may be and still be meant as one of its ends


def prepared(array: Array, model: Model, tile: Tile) -> Prepared:
    """Prepared of the colours of one photo."""
    colours = array[..., np.newaxis] if array.ndim == 2 else array
    alpha = colours[..., -1:] if colours.shape[2] in (2, 4) else None
    colours = np.repeat(colours[..., :1], 3, axis=2) if colours.shape[2] < 3 else colours[..., :3]
    if array.dtype.kind == "u":
        photo = Photo(np.ascontiguousarray(colours), alpha)
        grid = choose_grid(photo.size, tile, model, colours.nbytes)
        return Prepared(reader(photo, model), grid, model, photo.pixels, photo.grey, photo.step)
    colours = np.clip(colours, 0, 1).astype(np.float32)
    spread = stretch if model.family.stretched else np.asarray
    stretched, grid = _stretched(colours, alpha, spread), choose_grid(colours.shape[:2], tile, model, colours.nbytes)
    grey = bool((colours == colours[..., :1]).all())
    return Prepared(lambda rows, columns: stretched[rows, columns], grid, model, colours, grey)


def _stretched(colours, alpha, stretch):
    """As `Photo.stretched`: wholly transparent pixels have no part in it, and take the mean of those that are seen."""
    seen = None if alpha is None else alpha[..., 0] > 0
    if seen is None or seen.all() or not seen.any():
        return stretch(colours)
    stretched = np.empty_like(colours)
    stretched[seen] = stretch(colours[seen])
    stretched[~seen] = stretched[seen].mean(axis=0)
    return stretched


def like(image: object, array: Array, colours: Array) -> Any:
    """The result as the image was given: its channels, its alpha, a PIL image."""
    if array.ndim == 2:
        result = colours[..., 0]
    elif array.shape[2] in (2, 4):
        result = np.concatenate([colours[..., : array.shape[2] - 1], array[..., -1:]], axis=2)
    else:
        result = colours[..., : array.shape[2]]
    if not hasattr(image, "getbands"):
        return result
    from PIL import Image

    return Image.fromarray(result)


def pixels_of(image: Any) -> Array:
    """What was given, as an array (h, w), (h, w, c) or (n, h, w, 3) that has been checked."""
    if isinstance(image, (str, os.PathLike)):
        return _with_alpha(read_photo(Path(image)))
    if isinstance(image, (bytes, bytearray)):
        return _opened(image)
    if hasattr(image, "getbands"):  # a PIL image
        mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
        try:
            image = image.convert(mode)
        except ValueError as error:
            raise KindlingError(f"a PIL image of mode {image.mode} cannot be read as {mode}: {error}") from error
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise KindlingError(f"the image is no array: {error}") from error
    if array.dtype.kind in "uf" and not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    _check(array)
    return array


def _with_alpha(photo):
    """(h, w, 3), or (h, w, 4) where something shines through."""
    return photo.pixels if photo.opaque else np.concatenate([photo.pixels, photo.alpha], axis=2)


def _opened(data):
    """The bytes of a file, read as the file would be."""
    with received(io.BytesIO(data), "these bytes") as path:
        return _with_alpha(read_photo(path))


def _check(image):
    channels = image.shape[-1] if image.ndim in (3, 4) else 1
    known = image.ndim == 2 or (image.ndim == 3 and channels in (1, 2, 3, 4)) or (image.ndim == 4 and channels == 3)
    if not known or 0 in image.shape:
        raise KindlingError(
            f"the image has shape {image.shape}, expected (h, w), (h, w, 3), (h, w, 4) or (n, h, w, 3), none of them 0"
        )
    if image.dtype in (np.uint8, np.uint16):
        return
    if image.dtype.kind != "f":
        raise KindlingError(f"the image is {image.dtype}, expected uint8, uint16 or floats in [0, 1]")
    if np.isnan(image).any():
        raise KindlingError(f"the image holds NaN in {int(np.isnan(image).sum())} of its {image.size} values")
    if image.min() < -ROUNDING or image.max() > 1 + ROUNDING:
        raise KindlingError(
            f"the image's floats go from {image.min():g} to {image.max():g}, expected [0, 1]; divide by the largest "
            "value its file can hold, such as 255"
        )
