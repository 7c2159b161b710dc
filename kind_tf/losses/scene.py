"""Losses made for scenes: dark regions apart, one reflectance under two lights, one prediction under two disturbances.

kind_torch/losses/scene.py is the same file in PyTorch.
"""

from typing import Literal

import tensorflow as tf

from kind_tf.losses.pixel import l1, l2
from kind_tf.losses.structure import ssim
from kind_tf.losses.tools import check_classes, check_images, check_pair, floored_log, gray, total
from kindling.core.checks import check_choice, check_share


def region(
    prediction: tf.Tensor,
    target: tf.Tensor,
    dark: tf.Tensor | None = None,
    share: float = 0.4,
    w_low: float = 4.0,
    w_high: float = 1.0,
) -> tf.Tensor:
    """w_low * mean |d| over the darkest pixels + w_high * mean |d| over the others, of each image, averaged.

    prediction, target: (n, h, w, 1 or 3). Lv et al. 2018 (MBLLEN). The darkest are the `share` of an image's pixels
    that have the least gray in `dark`, by default the target; all that are as dark as the last of them belong to them,
    so of a constant image all. Which they are is no matter of the slope.
    """
    check_images(prediction, target, [1, 3], why="brightness is of one channel or three")
    dark = target if dark is None else dark
    check_images(dark, target, first="dark")
    check_share(share)
    brightness = _rows(gray(dark) if dark.shape[3] == 3 else dark)
    count = tf.maximum(1, tf.cast(share * tf.cast(tf.shape(brightness)[1], tf.float64), tf.int32))
    low = brightness <= tf.sort(brightness)[:, count - 1, tf.newaxis]
    error = _rows(tf.reduce_mean(tf.abs(prediction - target), -1))
    parts = (_mean_where(side, error) for side in (low, ~low))
    return total(weight * part for weight, part in zip((w_low, w_high), parts, strict=True))


def reflectance(prediction: tf.Tensor, target: tf.Tensor, kind: Literal["l2", "ssim", "l1"] = "l2") -> tf.Tensor:
    """How far two reflectance maps of one scene are apart: "l2" (MSE), "ssim" (1 - SSIM), "l1" (KinD's equal_R).

    prediction, target: (n, h, w, 3).
    """
    check_choice("kind", kind, ("l2", "ssim", "l1"))
    check_images(prediction, target, [3], why="reflectance has three channels")
    return {"l2": l2, "ssim": ssim, "l1": l1}[kind](prediction, target)


def consistency(prediction: tf.Tensor, target: tf.Tensor, kind: Literal["l2", "l1", "kl"] = "l2") -> tf.Tensor:
    """How far a prediction is from the one under another disturbance of the input: "l2", "l1" or "kl".

    target: a constant, no gradient goes there. "kl" is sum_i y_i log(y_i / p_i) over classes as in cross_entropy,
    averaged; for the others any shape will do.
    """
    check_choice("kind", kind, ("l2", "l1", "kl"))
    check_pair(prediction, target)
    target = tf.stop_gradient(target)
    if kind != "kl":
        return {"l2": l2, "l1": l1}[kind](prediction, target)
    check_classes("prediction", prediction)
    check_classes("target", target)
    return tf.reduce_mean(tf.reduce_sum(target * (floored_log(target) - floored_log(prediction)), -1))


def _rows(x: tf.Tensor) -> tf.Tensor:
    """(n, h, w) or (n, h, w, 1) -> (n, h w)"""
    return tf.reshape(x, [tf.shape(x)[0], -1])


def _mean_where(side: tf.Tensor, error: tf.Tensor) -> tf.Tensor:
    """The mean of `error` where `side` is, of each image, averaged; 0 for an image where it is nowhere."""
    side = tf.cast(side, error.dtype)
    return tf.reduce_mean(tf.reduce_sum(side * error, 1) / tf.maximum(tf.reduce_sum(side, 1), 1))
