"""Every loss against somebody else's: torch.nn, tf.keras, tf.image, torchmetrics, scikit-image, scipy, or plain numpy.

Both frameworks, float64 unless the other side knows only float32 (tf.image). The tolerance is the last column of the
table, relative, and absolute for values below 1.
"""

from functools import partial

import numpy as np
import pytest
from scipy import ndimage, special

from kindling.losses.ssim import SCALES
from tests.support.losses import WEIGHTS, Case, images, run

pytestmark = [pytest.mark.tf, pytest.mark.torch]
RANDOM = np.random.default_rng(11)
A, B = images(33, 30)["random"]  # (2, 33, 30, 3)
NEAR, LARGE = images(33, 30)["near"][0], images(161, 167, 1)
P, Q = (x / x.sum(-1, keepdims=True) for x in (A, B))  # classes
LOGITS = RANDOM.standard_normal(A.shape) * 5


def tensors(*arrays):
    from tests.support.losses import to_torch

    return [to_torch(x) for x in arrays]


def torch_nn(name, a, b, **options):
    import torch

    return getattr(torch.nn, name)(**options)(*tensors(a, b)).item()


def keras(name, a, b, **options):
    """A loss of Keras takes the truth first; a mean over whatever is left."""
    import tensorflow as tf

    return float(tf.reduce_mean(getattr(tf.keras.losses, name)(tf.constant(b), tf.constant(a), **options)))


def skimage(name, a, b, **options):
    from skimage import metrics

    return np.mean([getattr(metrics, name)(x, y, data_range=1.0, **options) for x, y in zip(a, b, strict=True)])


def torchmetrics_ssim(a, b):
    """Its mean is over a reflected border too; the windows that fit are what we take."""
    pytest.importorskip("torchmetrics")
    from torchmetrics.functional.image import structural_similarity_index_measure

    _, every = structural_similarity_index_measure(*tensors(a, b), data_range=1.0, sigma=1.5, return_full_image=True)
    return every[..., 5:-5, 5:-5].mean().item()


def tf_image(name, a, b, **options):
    import tensorflow as tf

    return float(tf.reduce_mean(getattr(tf.image, name)(tf.constant(a), tf.constant(b), 1.0, **options)))


GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}


def scipy_ms_ssim(a, b, weights):
    """Wang's formula, image by image and channel by channel, with scipy's gaussian; sizes halve, rounding up."""
    total = []
    for x, y in zip(np.concatenate(np.moveaxis(a, 3, 0)), np.concatenate(np.moveaxis(b, 3, 0)), strict=True):
        product = 1.0
        for scale, weight in enumerate(weights):
            mx, my, xx, yy, xy = (
                ndimage.gaussian_filter(z, 1.5, radius=5)[5:-5, 5:-5] for z in (x, y, x * x, y * y, x * y)
            )
            cs = (2 * (xy - mx * my) + 0.0009) / (xx - mx**2 + yy - my**2 + 0.0009)
            light = (2 * mx * my + 0.0001) / (mx**2 + my**2 + 0.0001)
            product *= max(0, np.mean(light * cs if scale == len(weights) - 1 else cs)) ** weight
            x, y = (_halved(z) for z in (x, y))
        total.append(product)
    return np.mean(total)


def _halved(x):
    x = np.pad(x, [(0, size % 2) for size in x.shape], mode="edge")
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def scipy_pyramid(x, levels):
    """Burt and Adelson by scipy: blur with the binomial kernel and take every other pixel; put zeros between, blur."""
    kernel, pyramid = np.array([1, 4, 6, 4, 1]) / 16, []
    for _ in range(levels - 1):
        small, back = x, None
        for axis in (1, 2):
            small = ndimage.correlate1d(small, kernel, axis, mode="nearest")
            small = small[:, ::2] if axis == 1 else small[:, :, ::2]
        back = small
        for axis in (1, 2):
            edge = np.take(back, [0, *range(back.shape[axis]), back.shape[axis] - 1], axis)  # one pixel beyond
            shape = list(edge.shape)
            shape[axis] *= 2
            wide = np.zeros(shape)
            wide[(slice(None),) * axis + (slice(None, None, 2),)] = edge
            back = 2 * ndimage.correlate1d(wide, kernel, axis, mode="constant")
            back = np.take(back, range(2, 2 + x.shape[axis]), axis)
        pyramid.append(x - back)
        x = small
    return [*pyramid, x]


def cosine(x, y):
    return (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))


def lengthened(x, epsilon):
    return np.concatenate([x, np.full_like(x[..., :1], epsilon)], -1)


def color_cosine(epsilon):
    levels = zip(scipy_pyramid(A, 3), scipy_pyramid(B, 3), strict=True)
    return sum(1 - cosine(lengthened(x, epsilon), lengthened(y, epsilon)).mean() for x, y in levels)


def region(a, b, dark):
    total = 0
    for x, y, shade in zip(a, b, dark @ np.array([0.2989, 0.587, 0.114]), strict=True):
        order = np.argsort(shade.ravel())
        error = np.abs(x - y).mean(-1).ravel()[order]
        count = int(0.4 * error.size)
        total += 4 * error[:count].mean() + error[count:].mean()
    return total / len(a)


def blurred(x):
    return ndimage.gaussian_filter(x, 3.0, mode="nearest", radius=10, axes=(1, 2))


def squares_of_tanh_maps(a, b):
    """The perceptual loss of tests/support/losses.py's two convolutions, by scipy."""
    from tests.support.losses import KERNELS

    total = 0.0
    maps = [a, b]
    for kernel in KERNELS:
        maps = [np.tanh(_convolved(x, kernel)) for x in maps]
        total += np.mean((maps[0] - maps[1]) ** 2)
    return total


def _convolved(x, kernel):
    """x (n, h, w, c) by a kernel (3, 3, c, out), zeros beyond the border."""
    out = np.zeros((*x.shape[:3], kernel.shape[3]))
    for c in range(kernel.shape[2]):
        for o in range(kernel.shape[3]):
            out[..., o] += ndimage.correlate(x[..., c], kernel[np.newaxis, :, :, c, o], mode="constant")
    return out


def softplus(x):
    return np.logaddexp(0, x)


def binary(y, p):
    return -(special.xlogy(y, p) + special.xlog1py(1 - y, -p)).mean()


REGULARISER = [sum(np.abs(w**k).sum() for w in WEIGHTS) for k in (1, 2)]
TABLE = {
    "l1, torch.nn": ("l1", {}, A, B, partial(torch_nn, "L1Loss"), 1e-13),
    "l1, tf.keras": ("l1", {}, A, B, partial(keras, "MAE"), 1e-13),
    "l2, torch.nn": ("l2", {}, A, B, partial(torch_nn, "MSELoss"), 1e-13),
    "l2, tf.keras": ("l2", {}, A, B, partial(keras, "MSE"), 1e-13),
    "l1_regularised, numpy": (
        "l1_regularised", {}, A, B, lambda a, b: np.abs(a - b).mean() + 0.01 * REGULARISER[0], 1e-13),
    "l2_regularised, numpy": (
        "l2_regularised", {}, A, B, lambda a, b: np.abs(a - b).mean() + 0.01 * REGULARISER[1], 1e-13),
    "smooth_l1, torch.nn": ("smooth_l1", {"beta": 0.3}, A, B, partial(torch_nn, "SmoothL1Loss", beta=0.3), 1e-13),
    "huber, torch.nn": ("huber", {"delta": 0.3}, A, B, partial(torch_nn, "HuberLoss", delta=0.3), 1e-13),
    "huber, tf.keras": ("huber", {"delta": 0.3}, A, B, partial(keras, "huber", delta=0.3), 1e-13),
    "huber, scipy": ("huber", {"delta": 0.3}, A, B, lambda a, b: special.huber(0.3, a - b).mean(), 1e-13),
    "log_mse, scikit-image": (
        "log_mse", {}, A[:1], B[:1], lambda a, b: -skimage("peak_signal_noise_ratio", a, b), 1e-13),
    "perceptual, scipy": ("perceptual", {}, A, B, squares_of_tanh_maps, 1e-12),
    "ssim, scikit-image": (
        "ssim", {}, NEAR, B, lambda a, b: 1 - skimage("structural_similarity", a, b, **GAUSSIAN), 1e-9),
    "ssim, torchmetrics": (
        "ssim", {}, A, B, lambda a, b: 1 - torchmetrics_ssim(a, b), 1e-9),
    "ssim, tf.image": ("ssim", {}, A, B, lambda a, b: 1 - tf_image("ssim", a, b), 1e-5),
    "ms_ssim, tf.image, odd sizes": (
        "ms_ssim", {}, LARGE["near"][0] * 0.8 + 0.1, LARGE["near"][1],
        lambda a, b: 1 - tf_image("ssim_multiscale", a, b), 1e-5),
    "ms_ssim, three scales of weight 1, tf.image": (
        "ms_ssim", {"weights": (1, 1, 1)}, LARGE["half as bright"][0], LARGE["half as bright"][1],
        lambda a, b: 1 - tf_image("ssim_multiscale", a, b, power_factors=(1, 1, 1)), 1e-5),
    "ms_ssim, scipy": (
        "ms_ssim", {}, *LARGE["half as bright"], lambda a, b: 1 - scipy_ms_ssim(a, b, SCALES), 1e-9),
    "ms_ssim, three scales of weight 1, scipy": (
        "ms_ssim", {"weights": (1, 1, 1)}, *LARGE["near"], lambda a, b: 1 - scipy_ms_ssim(a, b, (1, 1, 1)), 1e-9),
    "binary_cross_entropy, torch.nn": ("binary_cross_entropy", {}, A, B, partial(torch_nn, "BCELoss"), 1e-12),
    "binary_cross_entropy, tf.keras": (
        "binary_cross_entropy", {}, A, B, partial(keras, "binary_crossentropy"), 1e-6),  # adds 1e-7 inside its logs
    "binary_cross_entropy, scipy": ("binary_cross_entropy", {}, A, B, lambda p, y: binary(y, p), 1e-12),
    "binary_cross_entropy of logits, scipy": (
        "binary_cross_entropy", {"from_logits": True}, LOGITS, B, lambda x, y: binary(y, special.expit(x)), 1e-12),
    "cross_entropy, scipy": ("cross_entropy", {}, P, Q, lambda p, y: -special.xlogy(y, p).sum(-1).mean(), 1e-12),
    "cross_entropy, tf.keras": ("cross_entropy", {}, P, Q, partial(keras, "categorical_crossentropy"), 1e-12),
    "cross_entropy of logits, scipy": (
        "cross_entropy", {"from_logits": True}, LOGITS, Q,
        lambda x, y: -(y * special.log_softmax(x, -1)).sum(-1).mean(), 1e-12),
    "cross_entropy of logits, torch.nn": (
        "cross_entropy", {"from_logits": True}, LOGITS, Q, partial(torch_nn, "CrossEntropyLoss"), 1e-12),
    "adversarial_generator original, numpy": (
        "adversarial_generator", {"kind": "original"}, A, LOGITS, lambda _, s: -softplus(s).mean(), 1e-12),
    "adversarial_generator non_saturating, torch.nn": (
        "adversarial_generator", {"kind": "non_saturating"}, A, LOGITS,
        lambda _, s: torch_nn("BCEWithLogitsLoss", s, np.ones_like(s)), 1e-12),
    "adversarial_generator least_squares, numpy": (
        "adversarial_generator", {"kind": "least_squares"}, A, LOGITS, lambda _, s: ((s - 1) ** 2).mean() / 2, 1e-12),
    **{f"adversarial_discriminator {kind}, torch.nn": (
        "adversarial_discriminator", {"kind": kind}, A, LOGITS,
        lambda r, s: torch_nn("BCEWithLogitsLoss", r, np.ones_like(r))
        + torch_nn("BCEWithLogitsLoss", s, np.zeros_like(s)), 1e-12) for kind in ("original", "non_saturating")},
    "adversarial_discriminator least_squares, numpy": (
        "adversarial_discriminator", {"kind": "least_squares"}, A, LOGITS,
        lambda r, s: ((r - 1) ** 2).mean() / 2 + (s**2).mean() / 2, 1e-12),
    "region, numpy": ("region", {}, A, B, lambda a, b: region(a, b, b), 1e-12),
    "reflectance l2, torch.nn": ("reflectance", {}, A, B, partial(torch_nn, "MSELoss"), 1e-13),
    "reflectance l1, torch.nn": ("reflectance", {"kind": "l1"}, A, B, partial(torch_nn, "L1Loss"), 1e-13),
    "reflectance ssim, scikit-image": (
        "reflectance", {"kind": "ssim"}, A, B, lambda a, b: 1 - skimage("structural_similarity", a, b, **GAUSSIAN),
        1e-9),
    "consistency l2, torch.nn": ("consistency", {}, A, B, partial(torch_nn, "MSELoss"), 1e-13),
    "consistency l1, torch.nn": ("consistency", {"kind": "l1"}, A, B, partial(torch_nn, "L1Loss"), 1e-13),
    "consistency kl, scipy": (
        "consistency", {"kind": "kl"}, P, Q, lambda p, y: special.rel_entr(y, p).sum(-1).mean(), 1e-12),
    "consistency kl, tf.keras": ("consistency", {"kind": "kl"}, P, Q, partial(keras, "KLD"), 1e-12),
    "color_angle, numpy": ("color_angle", {}, A, B, lambda a, b: np.arccos(cosine(a, b)).mean(), 1e-12),
    "color_angle, torchmetrics": (
        "color_angle", {}, A, B,
        lambda a, b: np.deg2rad(_spectral_angle(a, b)), 1e-12),
    "color_cosine, scipy": ("color_cosine", {}, A, B, lambda *_: color_cosine(1e-3), 1e-12),
    "color_cosine with next to no fourth component, scipy": (
        "color_cosine", {"epsilon": 1e-9}, A, B, lambda *_: color_cosine(0.0), 1e-9),
    "color_blur, scipy": ("color_blur", {}, A, B, lambda a, b: ((blurred(a) - blurred(b)) ** 2).mean(), 1e-12),
    "laplacian, scipy": (
        "laplacian", {}, A, B,
        lambda a, b: sum(2**i * np.abs(x - y).mean() for i, (x, y) in enumerate(
            zip(scipy_pyramid(a, 5), scipy_pyramid(b, 5), strict=True))), 1e-12),
}  # fmt: skip


def _spectral_angle(a, b):
    """torchmetrics' mean spectral angle, which it gives in radians, as degrees."""
    pytest.importorskip("torchmetrics")
    from torchmetrics.functional.image import spectral_angle_mapper

    return np.rad2deg(spectral_angle_mapper(*tensors(a, b)).item())


@pytest.mark.parametrize("backend", ["tf", "torch"])
@pytest.mark.parametrize(("name", "options", "a", "b", "theirs", "tolerance"), TABLE.values(), ids=TABLE)
def test_against_others(backend, name, options, a, b, theirs, tolerance):
    ours, _ = run(backend, Case(name, options=options), a, b)
    assert ours == pytest.approx(theirs(a, b), rel=tolerance, abs=tolerance)


def test_the_pyramid_comes_together_again():
    """Each level expanded and added to the next finer one gives the image back, at any size."""
    from kind_torch.losses import laplacian_pyramid
    from kind_torch.losses.pyramid import expanded
    from tests.support.losses import to_torch

    for size in ((1, 1), (2, 3), (17, 24), (31, 33)):
        x = to_torch(images(*size)["random"][0])
        *fine, rest = laplacian_pyramid(x, 5)
        for level in reversed(fine):
            rest = level + expanded(rest, level)
        np.testing.assert_allclose(rest.numpy(), x.numpy(), atol=1e-15)


def test_no_gradient_goes_to_the_side_that_is_held():
    for backend in ("tf", "torch"):
        for kind, pair in {"l2": (A, B), "l1": (A, B), "kl": (P, Q)}.items():
            _, (to_prediction, to_target) = run(backend, Case("consistency", options={"kind": kind}), *pair)
            assert np.abs(to_prediction).max() > 0
            assert np.abs(to_target).max() == 0


def test_region_by_another_image():
    """`dark` decides which pixels count four times."""
    import tensorflow as tf

    from kind_tf import losses as tf_losses
    from kind_torch import losses as torch_losses

    expected = region(A, B, P)
    assert float(tf_losses.region(*map(tf.constant, (A, B)), dark=tf.constant(P))) == pytest.approx(expected, rel=1e-12)
    a, b, p = tensors(A, B, P)
    assert torch_losses.region(a, b, dark=p).item() == pytest.approx(expected, rel=1e-12)
