"""Structural similarity on one scale and on several: 1 - SSIM and 1 - MS-SSIM.

Wang et al., "Image quality assessment", 2004, and "Multi-scale structural similarity", 2003; as losses Zhao et al.,
"Loss functions for image restoration", 2017. A gaussian window of 11x11, sigma 1.5, wholly inside the image; K1 0.01,
K2 0.03, dynamic range 1. kind_tf/losses/structure.py is the same file in TensorFlow.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kind_torch.losses.tools import ROUNDING, check_images, check_range, finfo, gaussian_mean, singly
from kindling.losses.ssim import C1, C2, SIGMA, WINDOW, least_side, scale_weights


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - mean SSIM: 0 for equal images, at most 2. Every channel by itself.

    prediction, target: (n, c, h, w) in [0, 1], at least 11x11. KinD's restoration term is this function.
    """
    check_images(prediction, target, least=WINDOW, why=f"SSIM's window of {WINDOW}x{WINDOW} needs")
    check_range("target", target, ROUNDING)
    luminance, structure = _similarity(singly(prediction), singly(target))
    return 1 - (luminance * structure).mean()


def ms_ssim(prediction: Tensor, target: Tensor, scales: int = 5, weights: Sequence[float] | None = None) -> Tensor:
    """1 - l_M^w_M prod_j cs_j^w_j, for each image and channel, averaged: contrast on every scale, light on the last.

    prediction, target: (n, c, h, w) in [0, 1]; every scale has half the pixels a side (odd sizes round up), and the
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
    product = x.new_ones(len(x))
    for scale, weight in enumerate(weights, 1):
        luminance, contrast = _similarity(x, y)
        if scale == len(weights):
            contrast = luminance * contrast  # their means taken together, as in Wang's own code
        if weight:  # 0 leaves a scale out, also one whose contrast is below 0
            product = product * _power(contrast.mean((1, 2, 3)), weight)
        x, y = (F.avg_pool2d(image, 2, ceil_mode=True) for image in (x, y))
    return 1 - product.mean()


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure around every pixel whose window fits. x, y: (n, 1, h, w)."""
    mean_x, mean_y, xx, yy, xy = gaussian_mean(torch.cat([x, y, x * x, y * y, x * y]), WINDOW, SIGMA).chunk(5)
    luminance = (2 * (mean_x * mean_y) + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    variances = (xx - mean_x * mean_x) + (yy - mean_y * mean_y)
    structure = (2 * (xy - mean_x * mean_y) + C2) / (variances + C2)
    return luminance, structure


def _power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent, and 0 with the slope 0 for x <= 0."""
    positive = x.clamp(min=finfo(x).tiny) ** exponent
    return torch.where(x > 0, positive, torch.zeros_like(x))
