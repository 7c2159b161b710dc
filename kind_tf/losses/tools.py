"""What several losses share: a look at what they are given, gray, gaussian means, and borders that go on.

kind_torch/losses/tools.py is the same file in PyTorch.
"""

import ml_dtypes
import tensorflow as tf

from kindling.core import checks
from kindling.core.errors import KindlingError

GRAY = (0.2989, 0.587, 0.114)  # tf.image.rgb_to_grayscale
ROUNDING = 1e-3  # how far beyond [0, 1] a target may be: resizing overshoots by so much


def finfo(x):
    """The limits of its dtype; numpy's own function does not know bfloat16."""
    return ml_dtypes.finfo(x.dtype.as_numpy_dtype)


def check_pair(prediction, target, first="prediction"):
    """Refuse all but two tensors of floats, of one dtype and one shape. first: what the first one is called."""
    pair = {first: prediction, "target": target}
    for name, x in pair.items():
        if not tf.is_tensor(x):
            raise KindlingError(f"{name} is a {type(x).__name__}, expected a tf.Tensor: tf.convert_to_tensor makes one")
    checks.check_match(**{name: (x.shape, x.dtype.name) for name, x in pair.items()})


def check_images(prediction, target, channels=(), least=1, why="", first="prediction"):
    """Refuse all but two batches of images, (n, h, w, c), with so many channels (none: any) and pixels a side."""
    check_pair(prediction, target, first)
    checks.check_images("target", target.shape, "NHWC", channels, least, why)


def check_scores(**scores):
    """Refuse what a discriminator does not say: other than floats, or nothing at all."""
    for name, x in scores.items():
        checks.check_floats(name, x.dtype.name)
        if 0 in tuple(x.shape):
            raise KindlingError(f"{name} has shape {tuple(x.shape)}: there is nothing in it")


def check_range(name, x, slack=0.0):
    """Refuse values beyond [0, 1]. While a graph is traced there are none yet, and nothing is refused."""
    if tf.executing_eagerly():
        checks.check_range(name, float(tf.reduce_min(x)), float(tf.reduce_max(x)), slack)


def check_classes(name, x):
    """Refuse what is not probabilities that sum to 1 along the last axis, its classes."""
    if len(x.shape) < 2:
        raise KindlingError(f"{name} has shape {tuple(x.shape)}, expected (n, ..., classes)")
    check_range(name, x)
    if tf.executing_eagerly():
        total = tf.reduce_sum(x, -1)
        checks.check_sum(name, float(tf.reduce_min(total)), float(tf.reduce_max(total)))


def gray(x):
    """(n, h, w, 3) -> (n, h, w, 1)"""
    return tf.reduce_sum(x * tf.constant(GRAY, x.dtype), axis=3, keepdims=True)


def singly(x):
    """Every channel by itself: (n, h, w, c) -> (n c, h, w, 1)"""
    return tf.concat(tf.unstack(x[..., tf.newaxis], axis=3), 0)


def gaussian_mean(x, size, sigma):
    """The gaussian mean around every pixel whose window of size x size fits.

    x: (n, h, w, 1). Returns (n, h - size + 1, w - size + 1, 1).
    """
    offsets = tf.range(size, dtype=x.dtype) - size // 2
    kernel = tf.exp(-(offsets**2) / (2 * sigma**2))
    kernel = kernel / tf.reduce_sum(kernel)
    x = tf.nn.conv2d(x, tf.reshape(kernel, [-1, 1, 1, 1]), 1, "VALID")
    return tf.nn.conv2d(x, tf.reshape(kernel, [1, -1, 1, 1]), 1, "VALID")


def with_edges(x, before, after):
    """The first row of x (n, h, w, c) repeated `before` times in front of it, the last `after` times behind it."""
    return tf.concat([tf.tile(x[:, :1], [1, before, 1, 1]), x, tf.tile(x[:, -1:], [1, after, 1, 1])], 1)


def turned(x):
    """Rows as columns: (n, h, w, c) -> (n, w, h, c)"""
    return tf.transpose(x, [0, 2, 1, 3])


def floored_log(p, floor=1e-7):
    """log(max(p, floor)) for p in [0, 1]; below the floor it keeps the slope it has there, so what is wrong learns."""
    return tf.math.log(p + tf.stop_gradient(tf.maximum(p, tf.constant(floor, p.dtype)) - p))


def root(x):
    """sqrt(x) for x >= 0, with the slope 0 at 0."""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, tf.ones_like(x))), tf.zeros_like(x))
