"""Pictures beside each other, each with its label, on a sheet that a screen can show; and a photo made smaller."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kindling.core.model import Array
from kindling.photos.photo import Photo

__all__ = ["sheet", "smaller"]

WIDEST = 3840  # pixels of a sheet: more is slow to open, and a screen shows no more
COLUMNS = 3
TALLEST = 16_000  # WebP holds no more than 16,383
GAP = 8
LARGEST_LETTERS, LEADING = 36, 10
PAPER, INK = 24, 235


def sheet(pictures: Mapping[str, Array], widest: int = WIDEST) -> Array:
    """One picture of all, row by row: label -> (h, w, 3) of one size, uint8 or uint16. Returns (h, w, 3) uint8.

    Up to two stand side by side, more in a grid of three columns. They are made smaller together, so that the sheet is
    no wider than `widest` pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    columns = min(len(pictures), COLUMNS if len(pictures) != 4 else 2)
    height, width = next(iter(pictures.values())).shape[:2]
    rows = math.ceil(len(pictures) / columns)
    room = TALLEST - GAP - rows * (LARGEST_LETTERS + LEADING + GAP)
    share = min(1.0, (widest - GAP * (columns + 1)) / (columns * width), room / (rows * height))
    width, height = max(1, int(width * share)), max(1, int(height * share))
    size = max(11, min(LARGEST_LETTERS, width // 24))
    font, line = ImageFont.load_default(size), size + LEADING
    paper = Image.new("RGB", (GAP + columns * (width + GAP), GAP + rows * (height + line + GAP)), (PAPER,) * 3)
    draw = ImageDraw.Draw(paper)
    for place, (label, picture) in enumerate(pictures.items()):
        down, across = divmod(place, columns)
        left, top = GAP + across * (width + GAP), GAP + down * (height + line + GAP)
        eight = picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)
        image = Image.fromarray(np.ascontiguousarray(np.broadcast_to(eight, (*eight.shape[:2], 3))))
        paper.paste(
            image if share == 1 else image.resize((width, height), Image.Resampling.LANCZOS), (left, top + line)
        )
        draw.text((left + 2, top + 2), label, fill=(INK,) * 3, font=font)
    return np.asarray(paper)


def smaller(photo: Photo, side: int) -> Photo:
    """The photo with at most `side` pixels on its longer side, by averaging; as it is if it has no more."""
    from skimage.transform import resize

    height, width = photo.size
    share = side / max(height, width)
    if share >= 1:
        return photo
    shape = max(1, round(height * share)), max(1, round(width * share))

    def shrunk(pixels):
        averaged = resize(pixels.astype(np.float32), (*shape, pixels.shape[2]), order=1, anti_aliasing=True)
        return np.clip(np.rint(averaged), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)

    return replace(photo, pixels=shrunk(photo.pixels), alpha=None if photo.alpha is None else shrunk(photo.alpha))
