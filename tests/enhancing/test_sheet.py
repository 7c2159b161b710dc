"""Sheets of pictures and smaller photos: sizes, limits, depths."""

import numpy as np
import pytest

from kindling.enhancing.sheet import COLUMNS, GAP, sheet, smaller
from kindling.photos.photo import Photo

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 2, 2), (7, COLUMNS, 3)])
def test_a_series_is_a_grid(count, columns, rows):
    paper = sheet({f"picture {n}": PICTURE for n in range(count)})
    height, width = paper.shape[:2]
    assert width == GAP + columns * (40 + GAP)
    assert (height - GAP) % rows == 0
    assert (height - GAP) // rows > 30 + GAP  # a line for the label


def test_a_sheet_is_no_wider_than_a_screen():
    assert sheet({"a": PICTURE, "b": PICTURE}, widest=60).shape[1] <= 60


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_sheet_is_no_taller_than_a_webp(count):
    assert sheet({f"{n}": np.zeros((30_000, 4, 3), np.uint8) for n in range(count)}).shape[0] <= 16_383


def test_labels_are_there_and_pixels_are_the_pictures():
    named, bare = sheet({"after": PICTURE}), sheet({"": PICTURE})
    assert (named != bare).any()
    top = named.shape[0] - 30 - GAP
    np.testing.assert_array_equal(named[top : top + 30, GAP : GAP + 40], PICTURE)


def test_sixteen_bits_are_shown_by_their_upper_eight():
    deep = PICTURE.astype(np.uint16) << 8
    np.testing.assert_array_equal(sheet({"a": deep}), sheet({"a": PICTURE}))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("side", "size"), [(20, (15, 20)), (40, (30, 40)), (500, (30, 40)), (1, (1, 1))])
def test_smaller(dtype, side, size):
    photo = smaller(Photo(PICTURE.astype(dtype), PICTURE[..., :1].astype(dtype)), side)
    assert (photo.size, photo.pixels.dtype, photo.alpha.shape) == (size, dtype, (*size, 1))


def test_a_flat_photo_stays_as_it_is():
    assert (smaller(Photo(np.full((50, 70, 3), 201, np.uint8)), 20).pixels == 201).all()
