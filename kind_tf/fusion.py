"""evaluate.py's fusion on TensorFlow tensors: batches in, gradients through.

The numpy original of it, and what each step is for, is kindling/families/kind/fusion.py; kind_torch/fusion.py is the
mirror.
"""

import tensorflow as tf

from kindling.families.kind.fusion import GRAY, RADIUS, gaussian_kernel

__all__ = ["blur", "fuse", "mask"]


def fuse(image: tf.Tensor, R: tf.Tensor, L: tf.Tensor, restored: tf.Tensor, adjusted: tf.Tensor) -> tf.Tensor:
    """image, R, restored: (n, h, w, 3); L, adjusted: (n, h, w, 1); all in [0, 1]. Returns (n, h, w, 3) in [0, 1]."""
    fused = restored * mask(R) * adjusted
    return L * image + (1 - L) * fused


def mask(R: tf.Tensor) -> tf.Tensor:
    """min(sqrt(2 g), 1), g the blurred gray of R (n, h, w, 3). Returns (n, h, w, 1).

    Its gradient is infinite where 25x25 pixels of R are exactly 0, which the sigmoid that R comes from does not reach.
    """
    gray = tf.reduce_sum(R * tf.constant(GRAY, R.dtype), axis=3, keepdims=True)
    return tf.minimum(tf.sqrt(blur(gray) * 2), 1)


def blur(x: tf.Tensor) -> tf.Tensor:
    """A gaussian of sigma 3 along height, then width; outside the image its edge goes on. x: (n, h, w, 1)."""
    kernel = tf.constant(gaussian_kernel(), x.dtype)
    x = tf.nn.conv2d(_extend(x, axis=1), tf.reshape(kernel, [-1, 1, 1, 1]), strides=1, padding="VALID")
    return tf.nn.conv2d(_extend(x, axis=2), tf.reshape(kernel, [1, -1, 1, 1]), strides=1, padding="VALID")


def _extend(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Repeat the first and last row or column RADIUS times, which tf.pad has no mode for."""
    size = tf.shape(x)[axis]
    return tf.gather(x, tf.clip_by_value(tf.range(-RADIUS, size + RADIUS), 0, size - 1), axis=axis)
