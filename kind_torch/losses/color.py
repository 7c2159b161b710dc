"""Losses of colour: the angle between RGB vectors, its cosine over a pyramid, and what is left when texture is blurred.

kind_tf/losses/color.py is the same file in TensorFlow.
"""

import torch
from torch import Tensor

from kind_torch.losses.pyramid import laplacian_pyramid
from kind_torch.losses.tools import check_images, finfo, gaussian_mean, root, singly, total, turned, with_edges
from kindling.core.checks import check_levels, check_positive, check_window


def color_angle(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean over all pixels of the angle between the RGB vectors, in radians: hue and saturation, not brightness.

    prediction, target: (n, 3, h, w). Wang et al. 2019 (DeepUPE); some surveys print the sum over pixels.
    Computed as atan2(|p x t|, p . t), which is exact near 0, where acos is not. An angle with a black pixel is 0. The
    loss has a corner where colours are equal: there, within a few roundings, angle and slope are 0.
    """
    check_images(prediction, target, [3], why="a colour has three channels")
    normal = torch.linalg.cross(prediction, target, dim=1).square().sum(1)
    lengths = prediction.square().sum(1) * target.square().sum(1)
    apart = normal > (4 * finfo(target).eps) ** 2 * lengths
    sine = root(torch.where(apart, normal, 0))
    cosine = (prediction * target).sum(1)
    return torch.atan2(sine, torch.where(apart | (cosine < 0), cosine, 1)).mean()


def color_cosine(prediction: Tensor, target: Tensor, levels: int = 3, epsilon: float = 1e-3) -> Tensor:
    """sum_k (1 - mean_i cos(I_k(i), J_k(i))) over the pixels i of the levels k of two Laplacian pyramids.

    prediction, target: (n, 3, h, w). Lim and Kim 2021 (DSLR); some surveys print squared norms in the
    denominator, which is not a cosine. Flat regions have no direction in the fine levels, so each vector gets a fourth
    component, `epsilon` > 0 (a quarter of an 8-bit step): two zero vectors agree, and the loss is smooth everywhere.
    """
    check_images(prediction, target, [3], why="a colour has three channels")
    check_levels(levels)
    check_positive(epsilon=epsilon)
    losses = []
    for levels_of_both in zip(laplacian_pyramid(prediction, levels), laplacian_pyramid(target, levels), strict=True):
        x, y = (_unit(torch.cat([level, torch.full_like(level[:, :1], epsilon)], 1)) for level in levels_of_both)
        # For unit vectors this is 1 - cos, and it stays exact where that is near 0.
        losses.append((x - y).square().sum(1).mean() / 2)
    return total(losses)


def color_blur(prediction: Tensor, target: Tensor, sigma: float = 3.0, size: int = 21) -> Tensor:
    """MSE of the two images blurred by a gaussian, so that texture and small shifts cost nothing and colours stay.

    prediction, target: (n, c, h, w); size: of the window, odd. Ignatov et al. 2017 (DPED), who print the sum over
    pixels of a window that does not quite sum to 1. Beyond its border an image goes on as its last pixel.
    """
    check_images(prediction, target)
    check_positive(sigma=sigma)
    check_window(size)
    x = singly(prediction - target)  # a blur is linear
    for _ in "hw":
        x = turned(with_edges(x, size // 2, size // 2))
    return gaussian_mean(x, size, sigma).square().mean()


def _unit(x: Tensor) -> Tensor:
    """Every vector along axis 1 by its length, which is not 0."""
    return x / x.square().sum(1, keepdim=True).sqrt()
