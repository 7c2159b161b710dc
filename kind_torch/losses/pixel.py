"""Losses that compare element by element; any two tensors of one shape will do.

d is prediction - target. Where a loss has a corner its slope is PyTorch's and TensorFlow's own: that of |d| at 0 is 0.
kind_tf/losses/pixel.py is the same file in TensorFlow.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from kind_torch.losses.tools import check_pair, finfo, total
from kindling.core.checks import check_positive
from kindling.core.errors import KindlingError


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """mean |d|. Pays an outlier in proportion to it."""
    check_pair(prediction, target)
    return F.l1_loss(prediction, target)


def l2(prediction: Tensor, target: Tensor) -> Tensor:
    """mean d^2, the MSE (some surveys label it L1). One pixel that is far off outweighs a hundred near ones."""
    check_pair(prediction, target)
    return F.mse_loss(prediction, target)


def l1_regularised(prediction: Tensor, target: Tensor, weights: Iterable[Tensor], factor: float = 1e-4) -> Tensor:
    """l1 + factor * sum |w| over all trainable weights. Pulls small weights to exactly 0.

    weights: an iterable of tensors, such as `net.parameters()`.
    """
    return l1(prediction, target) + factor * total(w.abs().sum() for w in _whole(weights, factor))


def l2_regularised(prediction: Tensor, target: Tensor, weights: Iterable[Tensor], factor: float = 1e-4) -> Tensor:
    """l1 + factor * sum w^2 over all trainable weights; the data term is l1, as some surveys print it.

    In plain gradient descent it is a weight decay of 2 * factor. weights: an iterable of tensors.
    """
    return l1(prediction, target) + factor * total(w.square().sum() for w in _whole(weights, factor))


def smooth_l1(prediction: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """mean of d^2 / (2 beta) where |d| < beta, of |d| - beta / 2 elsewhere. beta > 0.

    Girshick, Fast R-CNN, 2015, with beta 1. Some surveys print norms of vectors; elements are meant.
    """
    check_pair(prediction, target)
    check_positive(beta=beta)
    return F.smooth_l1_loss(prediction, target, beta=beta)


def huber(prediction: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """mean of d^2 / 2 where |d| < delta, of delta (|d| - delta / 2) elsewhere. delta > 0.

    Huber 1964. It is delta * smooth_l1(beta=delta), and so the same at 1.
    """
    check_pair(prediction, target)
    check_positive(delta=delta)
    return F.huber_loss(prediction, target, delta=delta)


def log_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """10 log10(mean d^2), in dB: the negative of PSNR for images in [0, 1].

    Equal tensors would give -inf, so the mean is floored at the dtype's smallest normal number (-379.3 dB in float32,
    -3076.5 in float64). Below four times that the slope is 0: the true one would overflow.
    """
    check_pair(prediction, target)
    mean, tiny = F.mse_loss(prediction, target), finfo(target).tiny
    steep = mean.clamp(min=4 * tiny).log10()
    return 10 * torch.where(mean > 4 * tiny, steep, mean.detach().clamp(min=tiny).log10())


def _whole(weights: Iterable[Tensor], factor: float) -> list[Tensor]:
    weights = list(weights)
    if not weights:
        raise KindlingError("weights holds nothing, expected the trainable weights; a generator can be used only once")
    if not 0 <= factor < float("inf"):
        raise KindlingError(f"factor is {factor}, expected a number from 0 up")
    return weights
