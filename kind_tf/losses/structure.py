"""Structural similarity on one scale and on several: 1 - SSIM and 1 - MS-SSIM.

Wang et al., "Image quality assessment", 2004, and "Multi-scale structural similarity", 2003; as losses Zhao et al.,
"Loss functions for image restoration", 2017. A gaussian window of 11x11, sigma 1.5, wholly inside the image; K1 0.01,
K2 0.03, dynamic range 1. kind_torch/losses/structure.py is the same file in PyTorch.
"""

from collections.abc import Sequence

import tensorflow as tf

from kind_tf.losses.tools import ROUNDING, check_images, check_range, finfo, gaussian_mean, singly
from kindling.losses.ssim import C1, C2, SIGMA, WINDOW, least_side, scale_weights


def ssim(prediction: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """1 - mean SSIM: 0 for equal images, at most 2. Every channel by itself.

    prediction, target: (n, h, w, c) in [0, 1], at least 11x11. KinD's restoration term is this function.
    """
    check_images(prediction, target, least=WINDOW, why=f"SSIM's window of {WINDOW}x{WINDOW} needs")
    check_range("target", target, ROUNDING)
    luminance, structure = _similarity(singly(prediction), singly(target))
    return 1 - tf.reduce_mean(luminance * structure)


def ms_ssim(
    prediction: tf.Tensor, target: tf.Tensor, scales: int = 5, weights: Sequence[float] | None = None
) -> tf.Tensor:
    """1 - l_M^w_M prod_j cs_j^w_j, for each image and channel, averaged: contrast on every scale, light on the last.

    prediction, target: (n, h, w, c) in [0, 1]; every scale has half the pixels a side (odd sizes round up), and the
    last must hold the window: 161x161 or more for five scales, 41x41 for three.
    weights: one a scale, fine to coarse; by default Wang's (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), of fewer scales
    the first, scaled to the same sum. Some surveys set all to 1: weights=(1, 1, 1, 1, 1).
    A mean contrast below 0, of an image against its negative, counts as 0 (tf.image's way), and there the slope is 0:
    Zhao et al. add l1 for good reasons.
    """
    weights = scale_weights(scales, weights)
    least = least_side(len(weights))
    check_images(prediction, target, least=least, why=f"{len(weights)} scales of SSIM's window need")
    check_range("target", target, ROUNDING)
    x, y = singly(prediction), singly(target)
    product = tf.ones(tf.shape(x)[:1], x.dtype)
    for scale, weight in enumerate(weights, 1):
        luminance, contrast = _similarity(x, y)
        if scale == len(weights):
            contrast = luminance * contrast  # their means taken together, as in Wang's own code
        if weight:  # 0 leaves a scale out, also one whose contrast is below 0
            product = product * _power(tf.reduce_mean(contrast, (1, 2, 3)), weight)
        x, y = (tf.nn.avg_pool2d(image, 2, 2, "SAME") for image in (x, y))  # means of what is there
    return 1 - tf.reduce_mean(product)


def _similarity(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Luminance and contrast-structure around every pixel whose window fits. x, y: (n, h, w, 1)."""
    stack = tf.concat([x, y, x * x, y * y, x * y], 0)
    mean_x, mean_y, xx, yy, xy = tf.split(gaussian_mean(stack, WINDOW, SIGMA), 5)
    luminance = (2 * (mean_x * mean_y) + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    variances = (xx - mean_x * mean_x) + (yy - mean_y * mean_y)
    structure = (2 * (xy - mean_x * mean_y) + C2) / (variances + C2)
    return luminance, structure


def _power(x: tf.Tensor, exponent: float) -> tf.Tensor:
    """x^exponent, and 0 with the slope 0 for x <= 0."""
    positive = tf.maximum(x, finfo(x).tiny) ** exponent
    return tf.where(x > 0, positive, tf.zeros_like(x))
