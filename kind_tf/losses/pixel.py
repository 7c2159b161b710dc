"""Losses that compare element by element; any two tensors of one shape will do.

d is prediction - target. Where a loss has a corner its slope is TensorFlow's and PyTorch's own: that of |d| at 0 is 0.
kind_torch/losses/pixel.py is the same file in PyTorch.
"""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from kind_tf.losses.tools import check_pair, finfo, total
from kindling.core.checks import check_positive
from kindling.core.errors import KindlingError


def l1(prediction: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """mean |d|. Pays an outlier in proportion to it."""
    check_pair(prediction, target)
    return tf.reduce_mean(tf.abs(prediction - target))


def l2(prediction: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """mean d^2, the MSE (some surveys label it L1). One pixel that is far off outweighs a hundred near ones."""
    check_pair(prediction, target)
    return tf.reduce_mean(tf.square(prediction - target))


def l1_regularised(
    prediction: tf.Tensor, target: tf.Tensor, weights: Iterable[tf.Tensor], factor: float = 1e-4
) -> tf.Tensor:
    """l1 + factor * sum |w| over all trainable weights. Pulls small weights to exactly 0.

    weights: an iterable of tensors, such as `model.trainable_variables`.
    """
    return l1(prediction, target) + factor * total(tf.reduce_sum(tf.abs(w)) for w in _whole(weights, factor))


def l2_regularised(
    prediction: tf.Tensor, target: tf.Tensor, weights: Iterable[tf.Tensor], factor: float = 1e-4
) -> tf.Tensor:
    """l1 + factor * sum w^2 over all trainable weights; the data term is l1, as some surveys print it.

    In plain gradient descent it is a weight decay of 2 * factor. weights: an iterable of tensors.
    """
    return l1(prediction, target) + factor * total(tf.reduce_sum(tf.square(w)) for w in _whole(weights, factor))


def smooth_l1(prediction: tf.Tensor, target: tf.Tensor, beta: float = 1.0) -> tf.Tensor:
    """mean of d^2 / (2 beta) where |d| < beta, of |d| - beta / 2 elsewhere. beta > 0.

    Girshick, Fast R-CNN, 2015, with beta 1. Some surveys print norms of vectors; elements are meant.
    """
    check_pair(prediction, target)
    check_positive(beta=beta)
    d = tf.abs(prediction - target)
    return tf.reduce_mean(tf.where(d < beta, d * d / (2 * beta), d - beta / 2))


def huber(prediction: tf.Tensor, target: tf.Tensor, delta: float = 1.0) -> tf.Tensor:
    """mean of d^2 / 2 where |d| < delta, of delta (|d| - delta / 2) elsewhere. delta > 0.

    Huber 1964. It is delta * smooth_l1(beta=delta), and so the same at 1.
    """
    check_pair(prediction, target)
    check_positive(delta=delta)
    d = tf.abs(prediction - target)
    return tf.reduce_mean(tf.where(d < delta, d * d / 2, delta * (d - delta / 2)))


def log_mse(prediction: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """10 log10(mean d^2), in dB: the negative of PSNR for images in [0, 1].

    Equal tensors would give -inf, so the mean is floored at the dtype's smallest normal number (-379.3 dB in float32,
    -3076.5 in float64). Below four times that the slope is 0: the true one would overflow.
    """
    check_pair(prediction, target)
    mean = tf.reduce_mean(tf.square(prediction - target))
    tiny = finfo(mean).tiny
    steep = _log10(tf.maximum(mean, 4 * tiny))
    return 10 * tf.where(mean > 4 * tiny, steep, _log10(tf.maximum(tf.stop_gradient(mean), tiny)))


def _log10(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log(x) / np.log(10)


def _whole(weights: Iterable[tf.Tensor], factor: float) -> list[tf.Tensor]:
    weights = list(weights)
    if not weights:
        raise KindlingError("weights holds nothing, expected the trainable weights; a generator can be used only once")
    if not 0 <= factor < float("inf"):
        raise KindlingError(f"factor is {factor}, expected a number from 0 up")
    return weights
