"""`kindling.enhance` on arrays, and everything that can be wrong with one."""

import importlib

import numpy as np
import pytest

import kindling
from kindling import KindlingError
from kindling.images import to_pixels

BACKENDS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]
NOISE = np.random.default_rng(0).integers(0, 90, (19, 26, 3), np.uint8)


@pytest.mark.parametrize(
    "name",
    [pytest.param("tf", marks=[pytest.mark.tf, pytest.mark.slow]), pytest.param("torch", marks=pytest.mark.torch)],
)
def test_every_kind_of_array(name, seeded_npz):
    """Depth is a matter of rounding; the pictures agree to the level."""
    model = kindling.open_model(seeded_npz, name)
    given = {"uint8": NOISE, "uint16": NOISE.astype(np.uint16) * 257, "float32": (NOISE / 255).astype(np.float32)}
    results = {dtype: kindling.enhance(image, model, ratio=3.0) for dtype, image in given.items()}
    for dtype, result in results.items():
        assert (result.dtype, result.shape) == (dtype, NOISE.shape)
    assert results["float32"].min() >= 0
    assert results["float32"].max() <= 1
    eight = to_pixels(results["float32"]).astype(int)
    assert np.abs(eight - results["uint8"]).max() <= 1
    assert np.abs(eight - (results["uint16"] >> 8)).max() <= 1


@pytest.mark.torch
def test_a_batch_is_its_photos(seeded_npz):
    model = kindling.open_model(seeded_npz)
    batch = np.stack([NOISE, NOISE // 2])
    result = kindling.enhance(batch, model, ratio="auto", tile=16)
    assert result.shape == batch.shape
    for one, enhanced in zip(batch, result, strict=True):
        assert np.abs(kindling.enhance(one, model, ratio="auto").astype(int) - enhanced).max() <= 1


PLAIN = {
    "black": np.zeros((5, 7, 3), np.uint8),
    "white": np.full((5, 7, 3), 255, np.uint8),
    "constant": np.full((5, 7, 3), 0.3, np.float32),
    "one pixel": np.full((1, 1, 3), 77, np.uint8),
    "one row": NOISE[:1],
}


@pytest.mark.torch
@pytest.mark.parametrize("ratio", [0, 5.0, "auto"])
@pytest.mark.parametrize("image", PLAIN.values(), ids=PLAIN)
def test_photos_without_contrast(image, ratio, seeded_npz):
    """Stretched to nothing, a constant photo is a black one, whatever its level; there is a picture all the same."""
    result = kindling.enhance(image, kindling.open_model(seeded_npz), ratio)
    assert (result.shape, result.dtype) == (image.shape, image.dtype)
    assert np.isfinite(result).all()
    if len(np.unique(image)) == 1:
        black = np.zeros(image.shape, image.dtype)
        np.testing.assert_array_equal(result, kindling.enhance(black, kindling.open_model(seeded_npz), ratio))


REFUSED = {
    "five channels": (np.zeros((5, 7, 5), np.uint8), 5.0, r"the image has shape \(5, 7, 5\), expected \(h, w\), "),
    "a batch of grey": (np.zeros((2, 5, 7, 1), np.uint8), 5.0, "expected"),
    "a word": ("night.jpg is not there.jpg", 5.0, "no such file"),
    "bytes of nothing": (b"no photo", 5.0, "these bytes: "),
    "a ragged list": ([[1], [1, 2]], 5.0, "the image is no array"),
    "empty": (np.zeros((0, 7, 3), np.uint8), 5.0, "none of them 0"),
    "signed": (np.zeros((5, 7, 3), np.int16), 5.0, "the image is int16, expected uint8, uint16 or floats"),
    "NaN": (np.full((2, 2, 3), np.nan), 5.0, "the image holds NaN in 12 of its 12 values"),
    "floats of 255": (np.full((2, 2, 3), 200.0), 5.0, r"go from 200 to 200, expected \[0, 1\]; divide"),
    "negative": (np.full((2, 2, 3), -0.1), 5.0, r"expected \[0, 1\]"),
    "ratio below 0": (NOISE, -1, "a ratio of -1: expected a number from 0 up, usefully to 5"),
    "ratio NaN": (NOISE, float("nan"), "a ratio of nan"),
    "infinite ratio": (NOISE, float("inf"), "a ratio of inf"),
    "ratio as a word": (NOISE, "3", "a ratio of '3'"),
    "no ratio": (NOISE, None, "a ratio of None"),
    "a list of ratios": (NOISE, [1.0], r"a ratio of \[1.0\]"),
    "an array of ratios": (NOISE, np.array([1, 2]), "a ratio of array"),
}


@pytest.mark.parametrize(("image", "ratio", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(image, ratio, words):
    with pytest.raises(KindlingError, match=words):
        kindling.enhance(image, "torch", ratio)


def test_a_runtime_that_is_not_there():
    with pytest.raises(KindlingError, match="there is no runtime 'jax'; there are torch, tf"):
        kindling.enhance(NOISE, "jax")


@pytest.mark.torch
def test_every_way_to_give_a_photo(seeded_npz, tmp_path):
    """A path, its bytes, a PIL image and an array are the same photo."""
    from PIL import Image

    model, path = kindling.open_model(seeded_npz), tmp_path / "night.png"
    Image.fromarray(NOISE).save(path)
    expected = kindling.enhance(NOISE, model)
    for given in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(kindling.enhance(given, model), expected)
    picture = kindling.enhance(Image.open(path), model)
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), expected)


@pytest.mark.torch
def test_grey_and_alpha(seeded_npz):
    model = kindling.open_model(seeded_npz)
    grey = kindling.enhance(NOISE[..., 0], model)
    assert grey.shape == NOISE.shape[:2]
    np.testing.assert_array_equal(kindling.enhance(NOISE[..., :1], model)[..., 0], grey)
    alpha = np.concatenate([NOISE, np.maximum(NOISE[..., :1], 1)], axis=2)  # 0 would hide a pixel
    result = kindling.enhance(alpha, model)
    np.testing.assert_array_equal(result[..., 3], alpha[..., 3])
    np.testing.assert_array_equal(result[..., :3], kindling.enhance(NOISE, model))


@pytest.mark.torch
def test_floats_that_rounding_left_beyond_one(seeded_npz):
    image = (NOISE / 89).astype(np.float32)
    image[0, 0] = 1.0000002
    assert kindling.enhance(image, kindling.open_model(seeded_npz)).max() <= 1


@pytest.mark.torch
def test_a_model_named_by_a_word_is_loaded_once(seeded_npz, monkeypatch):
    from kindling import api

    opened = []
    monkeypatch.setenv("KINDLING_WEIGHTS", str(seeded_npz))
    real = kindling.open_model
    monkeypatch.setattr(api, "open_model", lambda *names, **more: opened.append(names) or real(*names, **more))
    for _ in range(2):
        kindling.enhance(NOISE, "torch")
    assert opened == [(str(seeded_npz), "torch")]


def test_the_doors_are_seen_by_editors():
    assert {"enhance", "prepare", "open_model", "parity", "inspect"} <= set(dir(kindling))
    assert all(getattr(kindling, name).__doc__ for name in ("enhance", "prepare", "open_model", "parity", "inspect"))


def test_a_door_stays_where_a_room_has_its_name():
    """`kindling.parity` can be called, also after kindling/parity/ was imported for it, and has its room's names."""
    room = importlib.import_module("kindling.parity.check")
    assert all(callable(getattr(kindling, name)) for name in kindling.__all__ if name != "__version__")
    assert kindling.parity.check is room
    importlib.reload(importlib.import_module("kindling.parity"))
    with pytest.raises(KindlingError, match="nowhere"):
        kindling.parity(reference="nowhere")


@pytest.mark.torch
def test_a_photo_without_colour_stays_without(seeded_npz, tmp_path):
    """However it is given: a grey file, three equal channels, floats."""
    from PIL import Image

    model, grey = kindling.open_model(seeded_npz), NOISE[..., :1]
    Image.fromarray(grey[..., 0]).save(tmp_path / "grey.png")
    for given in (tmp_path / "grey.png", np.repeat(grey, 3, axis=2), np.repeat(grey / np.float32(255), 3, axis=2)):
        result = kindling.enhance(given, model)
        assert (result == result[..., :1]).all()


@pytest.mark.torch
@pytest.mark.parametrize("scale", [1, np.float32(255)], ids=["whole numbers", "floats"])
def test_colours_that_nobody_sees_change_nothing(seeded_npz, scale):
    """Under alpha 0 anything may lie; the visible pixels come out the same."""
    model, alpha = kindling.open_model(seeded_npz), np.full((*NOISE.shape[:2], 1), 255, np.uint8)
    alpha[:, :9] = 0
    results = []
    for hidden in (0, 255):
        colours = NOISE.copy()
        colours[:, :9] = hidden
        image = np.concatenate([colours, alpha], axis=2)
        results.append(kindling.enhance(image if scale == 1 else image / scale, model)[:, 9:])
    np.testing.assert_array_equal(*results)


def test_a_task_that_is_none_is_said():
    with pytest.raises(KindlingError, match="task is 'nope'"):
        kindling.train("nope", "pairs", "out")
