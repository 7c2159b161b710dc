"""From photo to photo: pixels as the original has them, the fusion in three versions, the authors' PNGs."""

import numpy as np
import pytest
from PIL import Image

from kindling.enhancing.render import enhance_file, enhance_image
from kindling.families.kind.fusion import fuse, gaussian_kernel, mask
from kindling.images import load_images, save_images, stretch, to_pixels
from kindling.parity.distance import distance
from kindling.photos.jobs import Found, plan
from kindling.runtimes import open_model

BACKENDS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]


# --- pixels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "pixel"),
    [(0, 0), (1, 255), (0.999, 254), (254.999 / 255, 254), (-0.5, 0), (7.0, 255), (0.5, 127)],
)
def test_pixels_are_clipped_and_truncated(value, pixel):
    assert to_pixels(np.full((1, 1, 3), value, np.float32))[0, 0, 0] == pixel


@pytest.mark.parametrize(
    ("pixels", "stretched"),
    [([0, 255], [0, 1]), ([10, 20, 30], [0, 0.5, 1]), ([7, 7], [0, 0]), ([0, 0], [0, 0])],
)
def test_stretch(pixels, stretched):
    x = np.array(pixels, np.float32) / 255
    np.testing.assert_allclose(stretch(x), stretched, atol=1e-6)
    assert stretch(x).dtype == np.float32


def test_a_nearly_constant_image_is_not_blown_up():
    x = np.array([0.5, 0.5001], np.float32)
    assert stretch(x).max() == pytest.approx(0.1, rel=1e-2)  # divided by 0.001, not by its range of 0.0001


def test_a_saved_photo_comes_back(tmp_path):
    image = np.random.default_rng(0).random((5, 7, 3), np.float32)
    save_images(tmp_path / "x.png", image)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "x.png")), to_pixels(image))
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_two_images_side_by_side(tmp_path):
    save_images(tmp_path / "x.png", np.zeros((4, 3, 3)), np.ones((4, 2, 1)))
    assert np.array(Image.open(tmp_path / "x.png")).tolist() == [[[0] * 3] * 3 + [[255] * 3] * 2] * 4


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_gray_and_palette_become_rgb(tmp_path, mode):
    ramp = Image.fromarray(np.tile(np.arange(0, 256, 16, dtype=np.uint8), (4, 1))).convert(mode)
    ramp.save(tmp_path / "x.png")
    assert load_images(tmp_path / "x.png").shape == (4, 16, 3)


# --- fusion ------------------------------------------------------------------------------------------------------


def images(h, w, seed=0):
    rng = np.random.default_rng([seed, h, w])
    return [rng.random((h, w, channels), np.float32) for channels in (3, 3, 1, 3, 1)]


def test_the_blur_is_scikit_images():
    from skimage import filters

    impulse = np.zeros((51, 51))
    impulse[25, 25] = 1
    np.testing.assert_allclose(
        filters.gaussian(impulse, 3)[25, 13:38], gaussian_kernel() * gaussian_kernel()[12], atol=1e-17
    )


def test_the_mask_of_known_reflectances():
    assert mask(np.zeros((5, 5, 3), np.float32)).max() == 0
    np.testing.assert_allclose(mask(np.full((5, 5, 3), 0.32, np.float32)), 0.8, rtol=1e-6)  # sqrt(2 * 0.32)
    assert mask(np.ones((5, 5, 3), np.float32)).min() == 1


def test_a_bright_photo_passes_through():
    """Where L is 1, the blend keeps the input."""
    image, R, L, restored, adjusted = images(9, 11)
    np.testing.assert_array_equal(fuse(image, R, np.ones_like(L), restored, adjusted), image)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 40), (37, 51)], ids=str)
@pytest.mark.parametrize("framework", BACKENDS)
def test_tensors_are_fused_as_arrays_are(framework, size):
    """scikit-image rounds its float32 blur in float64 sums, so the last digits may differ."""
    given = images(*size)
    expected = fuse(*given)
    if framework == "tf":
        from kind_tf import fusion

        result = fusion.fuse(*(x[np.newaxis] for x in given)).numpy()[0]
    else:
        import torch

        from kind_torch import fusion

        result = fusion.fuse(*(torch.tensor(x).movedim(2, 0)[None] for x in given))[0].movedim(0, 2).numpy()
    assert distance(result, expected) <= 2e-6


@pytest.mark.parametrize("framework", BACKENDS)
def test_enhance_on_tensors_is_the_photo_pipeline(framework, seeded_npz):
    model = open_model(seeded_npz, framework)
    image = stretch(np.random.default_rng(1).random((19, 26, 3), np.float32))
    (on_tensors,) = model.run("enhance", image[np.newaxis], ratio=2.5)
    assert distance(on_tensors[0], enhance_image(image, model, ratio=2.5)) <= 5e-6


# --- the authors' pictures ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("framework", BACKENDS)
def test_the_authors_pictures(framework, reference, reference_weights, tmp_path):
    """evaluate.py on its own photos. TF: identical, or 1 level on 0.01 % on another processor; torch: 1 on 0.1 %."""
    model = open_model(reference_weights, framework)
    share = 1e-4 if framework == "tf" else 1e-3
    photos = sorted((reference / "images").iterdir())
    for job in plan([Found(photo) for photo in photos], tmp_path):
        enhance_file(job, model)
        (target,) = job.targets.values()
        ours, theirs = (np.array(Image.open(f)).astype(int) for f in (target, reference / "evaluate" / target.name))
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1
        assert (ours != theirs).mean() <= share
    assert len(photos) == 3
