"""What several losses share: a look at what they are given, gray, gaussian means, and borders that go on.

kind_torch/losses/tools.py is the same file in PyTorch.
"""

import functools
import operator
from collections.abc import Iterable, Sequence

import ml_dtypes
import tensorflow as tf

from kindling.core import checks
from kindling.core.errors import KindlingError

GRAY = (0.2989, 0.587, 0.114)  # tf.image.rgb_to_grayscale
ROUNDING = 1e-3  # how far beyond [0, 1] a target may be: resizing overshoots by so much


def finfo(x: tf.Tensor) -> ml_dtypes.finfo:
    """The limits of its dtype; numpy's own function does not know bfloat16."""
    return ml_dtypes.finfo(x.dtype.as_numpy_dtype)


def check_pair(prediction: tf.Tensor, target: tf.Tensor, first: str = "prediction") -> None:
    """Refuse all but two tensors of floats, of one dtype and one shape. first: what the first one is called."""
    pair = {first: prediction, "target": target}
    for name, x in pair.items():
        if not tf.is_tensor(x):
            raise KindlingError(f"{name} is a {type(x).__name__}, expected a tf.Tensor: tf.convert_to_tensor makes one")
    checks.check_match(**{name: (x.shape, x.dtype.name) for name, x in pair.items()})


def check_images(
    prediction: tf.Tensor,
    target: tf.Tensor,
    channels: Sequence[int] = (),
    least: int = 1,
    why: str = "",
    first: str = "prediction",
) -> None:
    """Refuse all but two batches of images, (n, h, w, c), with so many channels (none: any) and pixels a side."""
    check_pair(prediction, target, first)
    checks.check_images("target", target.shape, "NHWC", channels, least, why)


def check_scores(**scores: tf.Tensor) -> None:
    """Refuse what a discriminator does not say: other than floats, or nothing at all."""
    for name, x in scores.items():
        checks.check_floats(name, x.dtype.name)
        if 0 in tuple(x.shape):
            raise KindlingError(f"{name} has shape {tuple(x.shape)}: there is nothing in it")


def check_range(name: str, x: tf.Tensor, slack: float = 0.0) -> None:
    """Refuse values beyond [0, 1]. While a graph is traced there are none yet, and nothing is refused."""
    if tf.executing_eagerly():
        checks.check_range(name, float(tf.reduce_min(x)), float(tf.reduce_max(x)), slack)


def check_classes(name: str, x: tf.Tensor) -> None:
    """Refuse what is not probabilities that sum to 1 along the last axis, its classes."""
    if len(x.shape) < 2:
        raise KindlingError(f"{name} has shape {tuple(x.shape)}, expected (n, ..., classes)")
    check_range(name, x)
    if tf.executing_eagerly():
        sums = tf.reduce_sum(x, -1)
        checks.check_sum(name, float(tf.reduce_min(sums)), float(tf.reduce_max(sums)))


def total(parts: Iterable[tf.Tensor]) -> tf.Tensor:
    """The sum of one or more tensors."""
    return functools.reduce(operator.add, parts)


def gray(x: tf.Tensor) -> tf.Tensor:
    """(n, h, w, 3) -> (n, h, w, 1)"""
    return tf.reduce_sum(x * tf.constant(GRAY, x.dtype), axis=3, keepdims=True)


def singly(x: tf.Tensor) -> tf.Tensor:
    """Every channel by itself: (n, h, w, c) -> (n c, h, w, 1)"""
    return tf.concat(tf.unstack(x[..., tf.newaxis], axis=3), 0)


def gaussian_mean(x: tf.Tensor, size: int, sigma: float) -> tf.Tensor:
    """The gaussian mean around every pixel whose window of size x size fits.

    x: (n, h, w, 1). Returns (n, h - size + 1, w - size + 1, 1).
    """
    offsets = tf.range(size, dtype=x.dtype) - size // 2
    kernel = tf.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / tf.reduce_sum(kernel)
    x = tf.nn.conv2d(x, tf.reshape(kernel, [-1, 1, 1, 1]), 1, "VALID")
    return tf.nn.conv2d(x, tf.reshape(kernel, [1, -1, 1, 1]), 1, "VALID")


def with_edges(x: tf.Tensor, before: int, after: int) -> tf.Tensor:
    """The first row of x (n, h, w, c) repeated `before` times in front of it, the last `after` times behind it."""
    return tf.concat([tf.tile(x[:, :1], [1, before, 1, 1]), x, tf.tile(x[:, -1:], [1, after, 1, 1])], 1)


def turned(x: tf.Tensor) -> tf.Tensor:
    """Rows as columns: (n, h, w, c) -> (n, w, h, c)"""
    return tf.transpose(x, [0, 2, 1, 3])


def floored_log(p: tf.Tensor, floor: float = 1e-7) -> tf.Tensor:
    """log(max(p, floor)) for p in [0, 1]; below the floor it keeps the slope it has there, so what is wrong learns."""
    return tf.math.log(p + tf.stop_gradient(tf.maximum(p, tf.constant(floor, p.dtype)) - p))


def root(x: tf.Tensor) -> tf.Tensor:
    """sqrt(x) for x >= 0, with the slope 0 at 0."""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, tf.ones_like(x))), tf.zeros_like(x))
