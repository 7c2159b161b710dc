"""What a loss refuses, and the sentence it says, the same in both frameworks but for the order of axes."""

import numpy as np
import pytest

from kindling import KindlingError

pytestmark = [pytest.mark.tf, pytest.mark.torch]

IMAGE = np.full((1, 12, 14, 3), 0.5)
LIGHT = IMAGE[..., :1]
SHARES = np.full((4, 5), 0.2)

# name: (loss, prediction, target, options, words)
WRONG = {
    "two sizes": ("l1", IMAGE, IMAGE[:, 1:], {}, r"prediction has shape .* and target .*: they must be the same"),
    "two channels": ("ssim", IMAGE, LIGHT, {}, "they must be the same"),
    "no batch": ("laplacian", IMAGE[0], IMAGE[0], {}, r"target has shape .*, expected \(n, .*\)"),
    "nothing": ("l2", IMAGE[:0], IMAGE[:0], {}, "there is nothing in it"),
    "whole numbers": ("l1", IMAGE, (IMAGE * 255).astype(np.uint8), {}, "target is uint8, expected floats: divide by"),
    "two precisions": ("huber", IMAGE, IMAGE.astype(np.float32), {}, "prediction is float64 and target float32"),
    "an array": ("l1", IMAGE.tolist(), IMAGE, {}, "prediction is a list, expected a (torch|tf).Tensor"),
    "beta": ("smooth_l1", IMAGE, IMAGE, {"beta": 0}, "beta is 0, expected a number above 0"),
    "delta": ("huber", IMAGE, IMAGE, {"delta": -1.0}, "delta is -1.0, expected a number above 0"),
    "a colour of one channel": ("color_angle", LIGHT, LIGHT, {}, "expected .*3.*: a colour has three channels"),
    "the same, cosine": ("color_cosine", LIGHT, LIGHT, {}, "a colour has three channels"),
    "no level": ("laplacian", IMAGE, IMAGE, {"levels": 0}, "levels is 0, expected a whole number from 1 to 32"),
    "no end of levels": ("laplacian", IMAGE, IMAGE, {"levels": float("inf")}, "levels is inf, expected a whole number"),
    "a level that is none": ("laplacian", IMAGE, IMAGE, {"levels": float("nan")}, "levels is nan, expected a whole"),
    "a window of no size": ("color_blur", IMAGE, IMAGE, {"size": float("nan")}, "size is nan, expected an odd number"),
    "half a level": ("color_cosine", IMAGE, IMAGE, {"levels": 1.5}, "levels is 1.5, expected a whole number"),
    "epsilon": ("color_cosine", IMAGE, IMAGE, {"epsilon": 0.0}, "epsilon is 0.0, expected a number above 0"),
    "sigma": ("color_blur", IMAGE, IMAGE, {"sigma": 0}, "sigma is 0, expected a number above 0"),
    "a window with no middle": ("color_blur", IMAGE, IMAGE, {"size": 4}, "size is 4, expected an odd number of pixels"),
    "too small": ("ssim", IMAGE[:, :10], IMAGE[:, :10], {}, "SSIM's window of 11x11 needs 11x11 pixels or more"),
    "too small for five scales": ("ms_ssim", IMAGE, IMAGE, {}, "5 scales of SSIM's window need 161x161 pixels or more"),
    "six scales": ("ms_ssim", IMAGE, IMAGE, {"scales": 6}, "scales is 6, expected 1 to 5; for more, give weights"),
    "a weight below 0": ("ms_ssim", IMAGE, IMAGE, {"weights": (1, -1)}, "expected a number from 0 up for each scale"),
    "SSIM of 255": ("ssim", IMAGE, IMAGE * 255, {}, r"target goes from 127.5 to 127.5, expected \[0, 1\]: divide by"),
    "SSIM of -1 to 1": ("reflectance", IMAGE, IMAGE - 1, {"kind": "ssim"}, "target goes from -0.5 to -0.5"),
    "probability above 1": ("binary_cross_entropy", IMAGE + 1, IMAGE, {}, "prediction goes from 1.5 to 1.5"),
    "truth below 0": ("binary_cross_entropy", IMAGE, -IMAGE, {"from_logits": True}, "target goes from -0.5"),
    "NaN": ("binary_cross_entropy", IMAGE * np.nan, IMAGE, {}, "prediction holds NaN"),
    "no shares": ("cross_entropy", SHARES * 2, SHARES, {}, "prediction sums to 2 to 2 over its classes, expected 1"),
    "no true shares": ("cross_entropy", SHARES, SHARES / 2, {"from_logits": True}, "target sums to 0.5 to 0.5"),
    "no axis of classes": ("cross_entropy", SHARES[0], SHARES[0], {}, r"expected \(n, .*classes.*\)"),
    "an image is no class": ("consistency", IMAGE, IMAGE, {"kind": "kl"}, "prediction sums to 1.5 to 1.5"),
    "no such kind": ("consistency", IMAGE, IMAGE, {"kind": "l3"}, "kind is 'l3', expected l2, l1 or kl"),
    "no such map": ("reflectance", IMAGE, IMAGE, {"kind": "mse"}, "kind is 'mse', expected l2, ssim or l1"),
    "reflectance of one channel": ("reflectance", LIGHT, LIGHT, {}, "reflectance has three channels"),
    "no such game": (
        "adversarial_discriminator", IMAGE, IMAGE, {"kind": "gan"}, "kind is 'gan', expected original, .* or least"),
    "no scores": ("adversarial_discriminator", IMAGE[:0], IMAGE, {}, "real has shape .*: there is nothing in it"),
    "all is dark": ("region", IMAGE, IMAGE, {"share": 1.0}, "share is 1.0, expected a number between 0 and 1"),
    "brightness of two": ("region", IMAGE[..., :2], IMAGE[..., :2], {}, "brightness is of one channel or three"),
}  # fmt: skip


@pytest.mark.parametrize("backend", ["tf", "torch"])
@pytest.mark.parametrize(("name", "a", "b", "options", "words"), WRONG.values(), ids=WRONG)
def test_what_is_refused(backend, name, a, b, options, words):
    losses, tensor = _framework(backend)
    with pytest.raises(KindlingError, match=words) as caught:
        getattr(losses, name)(tensor(a), tensor(b), **options)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("backend", ["tf", "torch"])
def test_weights_and_features_that_are_not_there(backend):
    losses, tensor = _framework(backend)
    a = tensor(IMAGE)
    with pytest.raises(KindlingError, match=r"weights holds nothing, .* a generator can be used only once"):
        losses.l1_regularised(a, a, (w for w in ()))
    with pytest.raises(KindlingError, match="factor is -1, expected a number from 0 up"):
        losses.l2_regularised(a, a, [a], factor=-1)
    with pytest.raises(KindlingError, match="features gave no map"):
        losses.perceptual(a, a, lambda x: [])
    with pytest.raises(KindlingError, match=r"dark has shape .* and target"):
        losses.region(a, a, dark=tensor(IMAGE[:, 1:]))


def test_a_graph_of_tensorflow_checks_shapes_and_not_values():
    """There are no values while it is traced, so a range is not refused, and nothing else changes."""
    import tensorflow as tf

    losses, tensor = _framework("tf")

    def several(a, b):
        return losses.ssim(a, b) + losses.laplacian(a, b) + losses.region(a, b) + losses.color_cosine(a, b)

    a, b = tensor(IMAGE * 0.9), tensor(IMAGE)
    any_size = [tf.TensorSpec([None, None, None, 3], tf.float64)] * 2
    for traced in (tf.function(several), tf.function(several, input_signature=any_size)):
        assert float(traced(a, b)) == pytest.approx(float(several(a, b)), rel=1e-12)
        assert np.isfinite(float(traced(a, b * 255)))
    with pytest.raises(KindlingError, match="they must be the same"):
        tf.function(several)(a, b[:, 1:])


def test_a_graph_of_pytorch_checks_shapes_and_not_values(monkeypatch):
    """The same, as far as it can be seen without a compiler."""
    import torch

    losses, tensor = _framework("torch")
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.isfinite(losses.ssim(tensor(IMAGE), tensor(IMAGE * 255)))
    with pytest.raises(KindlingError, match="they must be the same"):
        losses.ssim(tensor(IMAGE), tensor(IMAGE[:, 1:]))


def _framework(backend):
    """Its losses, and how an array becomes a tensor; what is no array stays what it is."""
    import importlib

    import tensorflow as tf

    from tests.support.losses import to_torch

    make = tf.constant if backend == "tf" else to_torch
    losses = importlib.import_module(f"kind_{backend}.losses")
    return losses, lambda x: make(x) if isinstance(x, np.ndarray) else x
