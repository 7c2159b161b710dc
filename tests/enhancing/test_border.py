"""The border of reflection around a photo: seen by the nets of weights with an estimator, and in no picture."""

import numpy as np
import pytest

from kindling.enhancing.border import bordered, cut, inner
from kindling.enhancing.prepared import prepare
from kindling.enhancing.ratio import BORDER
from kindling.photos.photo import Photo
from tests.support.models import FakeModel

PHOTO = np.random.default_rng(8).integers(0, 256, (70, 53, 3), np.uint8)
PHOTO[0, 0], PHOTO[-1, -1] = 0, 255
ESTIMATOR = '{"coefficients": {"constant": 0.6931471805599453}, "least": 0.5, "most": 9.0}'


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (16, 17), (70, 53)], ids=str)
def test_any_part_of_the_border_is_numpys_reflection(size):
    photo = PHOTO[: size[0], : size[1]]
    expected = np.pad(photo, ((16, 16), (16, 16), (0, 0)), "reflect")
    read = bordered(lambda rows, columns: photo[rows, columns], size, 16)
    for rows in (slice(0, 5), slice(3, 33), slice(16, 17), slice(0, size[0] + 32), slice(size[0] + 30, size[0] + 32)):
        for columns in (slice(0, size[1] + 32), slice(15, 18), slice(size[1] + 20, size[1] + 31)):
            np.testing.assert_array_equal(read(rows, columns), expected[rows, columns])


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (slice(0, 16), None),
        (slice(0, 20), (slice(0, 4), slice(16, 20))),
        (slice(20, 30), (slice(4, 14), slice(0, 10))),
        (slice(30, 60), (slice(14, 24), slice(0, 10))),
        (slice(40, 56), None),
    ],
    ids=str,
)
def test_what_of_a_tile_is_photo(span, expected):
    assert inner(span, 16, 24) == expected


@pytest.mark.torch
@pytest.mark.parametrize(
    "protocol", ["blend", *(pytest.param(name, marks=pytest.mark.slow) for name in ("lol", "photo"))]
)
def test_the_picture_is_that_of_the_reflected_photo_cut_back(weights, protocol):
    """With an estimator as without one on the photo that numpy padded; in tiles, too."""
    from kindling.runtimes import open_arrays

    plain, framed = (open_arrays(weights, said=said) for said in ({}, {"estimator": ESTIMATOR}))
    x = PHOTO.astype(np.float32) / 255
    padded = prepare(np.pad(x, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), "reflect"), plain, 0)
    prepared = prepare(x, framed, 0)
    padded.__dict__["_doubt"] = prepared._doubt  # whose noise is measured on the photo alone
    expected = cut(padded.at(2.0, protocol=protocol), BORDER)
    assert prepared.size == prepared.at(2.0).shape[:2] == (70, 53)
    np.testing.assert_allclose(prepared.at(2.0, protocol=protocol), expected, atol=2e-6)
    for name in ("R", "L", "restored"):
        np.testing.assert_allclose(getattr(prepared, name), cut(getattr(padded, name), BORDER), atol=2e-6)
    done = []
    wanted = [("enhanced", 2.0)]
    (tiled,) = prepare(x, framed, 32).render(wanted, np.uint16, protocol=protocol, done=done.append).values()
    assert np.abs(tiled - expected.clip(0, 1) * 65535).max() < 2.5
    assert sum(done) == 70 * 53


def test_a_ratio_counts_the_photo_alone():
    """Of a photo with one bright row at its edge: reflected, it would count more than once."""
    photo = np.full((20, 20, 3), 40, np.uint8)
    photo[1], photo[0, 0] = 255, 0
    model = FakeModel()
    expected = prepare(Photo(photo), model).true_ratio(Photo(photo[::-1].copy()))
    model.said = {"estimator": ESTIMATOR}
    assert prepare(Photo(photo), model).true_ratio(Photo(photo[::-1].copy())) == pytest.approx(expected, rel=1e-6)
