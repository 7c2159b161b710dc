"""Colours of the photo in its picture: taken where they can be told from noise, and nowhere else."""

import numpy as np
import pytest

from kindling.enhancing.prepared import prepare
from kindling.families.kind.fusion import LUMA, blend, coloured, hues, noise
from kindling.photos.photo import Photo
from tests.support.models import FakeModel

RANDOM = np.random.default_rng(5)
PHOTO = np.kron(RANDOM.uniform(0.05, 0.5, (4, 5, 3)), np.ones((24, 24, 1))).astype(np.float32)
MIDDLES = np.s_[12::24, 12::24]


def shares(x):
    return x / (x @ LUMA)[..., np.newaxis]


def test_without_noise_the_picture_has_the_photos_colours_and_its_own_light():
    lit = np.clip(3 * PHOTO * np.float32([1.3, 0.9, 0.8]), 0, 2).astype(np.float32)
    picture = coloured(lit, hues(PHOTO, 0.0))
    np.testing.assert_allclose(picture @ LUMA, lit @ LUMA, rtol=1e-5)
    np.testing.assert_allclose(shares(picture)[MIDDLES], shares(PHOTO)[MIDDLES], rtol=0.01)
    assert picture.dtype == np.float32


def test_no_channel_is_lighter_than_white():
    photo, lit = PHOTO * np.float32([1, 0.2, 0.2]), np.full_like(PHOTO, 0.9)
    assert coloured(lit, hues(photo, 0.0)).max() > 1.1
    picture = blend(photo, np.zeros_like(lit[..., :1]), lit, hues(photo, 0.0))
    assert picture.max() == 1
    assert picture.dtype == np.float32


def test_colours_that_cannot_be_told_are_left_to_the_nets():
    lit = np.clip(2 * PHOTO[..., ::-1], 0, 1)
    np.testing.assert_allclose(coloured(lit, hues(PHOTO, 100.0)), lit, atol=1e-4)
    np.testing.assert_array_equal(blend(PHOTO, np.zeros_like(lit[..., :1]), lit, hues(PHOTO, np.inf)), lit)


def test_dark_places_are_believed_less():
    photo = np.where(np.arange(96)[:, None, None] < 48, 0.5, 0.01) * np.ones((96, 96, 3)) * [1.2, 1, 0.6]
    lit = np.full((96, 96, 3), 0.4, np.float32)
    picture = coloured(lit, hues(photo.astype(np.float32), 0.05))
    bright, dark = (shares(picture)[row, 48] - 1 for row in (20, 76))
    assert np.abs(bright).max() > 10 * np.abs(dark).max() > 0


@pytest.mark.parametrize("deviation", [0.0, 0.005, 0.03])
@pytest.mark.parametrize("shape", [(100, 120), (101, 121)], ids=str)
def test_noise_is_measured(deviation, shape):
    smooth = np.linspace(0.2, 0.6, shape[1])[None, :, None] * np.ones((*shape, 3))
    image = smooth + deviation * np.random.default_rng(0).standard_normal(smooth.shape)
    assert noise(image) == pytest.approx(deviation, rel=0.1, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 3), (7, 1, 3)], ids=str)
def test_a_photo_too_small_to_measure_has_none(shape):
    assert noise(np.ones(shape)) == 0


def test_black_stays_black():
    black = np.zeros((30, 30, 3), np.float32)
    assert (coloured(black, hues(black, 0.01)) == 0).all()


ESTIMATOR = '{"coefficients": {"constant": 0.6931471805599453}, "least": 0.5, "most": 9.0}'


def reddened(verb, *arrays, ratio=1.0):
    """Nets that make everything lighter, and redder than it is."""
    if verb == "adjust":
        return (np.minimum(arrays[0] * np.float32(ratio), 1),)
    return (arrays[0] * np.float32([1, 0.8, 0.7]), np.ones_like(arrays[0][..., :1]) / 2)[
        : 2 if verb == "decompose" else 1
    ]


def turned(pixels, **options):
    """How far the colours of the default picture are from the photo's, in shares of the light."""
    model = FakeModel(reddened)
    model.said = {"estimator": ESTIMATOR}
    prepared = prepare(Photo(pixels), model, **options)
    picture = prepared.render([("enhanced", 1.5)])["enhanced", 1.5].astype(float) / 255
    np.testing.assert_allclose(prepared.at(1.5), picture, atol=1 / 255)
    return np.abs(shares(picture)[MIDDLES] - shares(prepared.image)[MIDDLES]).max()


def test_the_default_picture_takes_the_colours_of_a_clean_photo_and_no_noisy_ones():
    clean = np.round(255 * PHOTO).astype(np.uint8)
    noisy = np.round(255 * np.clip(PHOTO + 0.05 * RANDOM.standard_normal(PHOTO.shape), 0, 1)).astype(np.uint8)
    assert turned(clean) < 0.06 < 0.2 < turned(noisy)
    assert turned(clean, tile=32) < 0.06


def test_a_large_photo_is_looked_at_in_strips(monkeypatch):
    from kindling.enhancing import doubt as module

    clean = np.round(255 * PHOTO).astype(np.uint8)
    monkeypatch.setattr(module, "SEEN", 5000)
    monkeypatch.setattr(module, "STRIP", 16)
    assert turned(clean) < 0.06
