"""The Laplacian pyramid of Burt and Adelson, 1983, and the loss between two of them.

Reduced by the binomial kernel (1, 4, 6, 4, 1) / 16 and every other pixel, odd sizes rounding up; expanded by the same
kernel. Beyond its border an image goes on as its last pixel, so there is a pyramid of any size, one pixel included.
The sums are written so that a constant image is kept to the last bit, and in the same order as in
kind_torch/losses/pyramid.py, the same file in PyTorch.
"""

import tensorflow as tf

from kind_tf.losses.tools import check_images, total, turned, with_edges
from kindling.core.checks import check_levels


def laplacian(prediction: tf.Tensor, target: tf.Tensor, levels: int = 5) -> tf.Tensor:
    """sum_i 2^(i - 1) * l1 between the i-th levels of the two Laplacian pyramids, i = 1 the finest.

    prediction, target: (n, h, w, c). Coarse levels count more: they have few pixels, and each speaks for many.
    The pyramid is Burt and Adelson's (1983), the sum Niklaus and Liu's (2018).
    """
    check_images(prediction, target)
    check_levels(levels)
    difference = laplacian_pyramid(prediction - target, levels)  # a pyramid is linear
    return total(2**i * tf.reduce_mean(tf.abs(level)) for i, level in enumerate(difference))


def laplacian_pyramid(x: tf.Tensor, levels: int = 5) -> list[tf.Tensor]:
    """What each of `levels` - 1 halvings of x (n, h, w, c) takes away, finest first, and what is left at the end.

    Sizes h, h/2, h/4, ..., rounded up. The levels, each expanded and added to the one before, give x again.
    """
    check_levels(levels)
    pyramid = []
    for _ in range(levels - 1):
        smaller = reduced(x)
        pyramid.append(x - expanded(smaller, x))
        x = smaller
    return [*pyramid, x]


def reduced(x: tf.Tensor) -> tf.Tensor:
    """(n, h, w, c) -> (n, h/2, w/2, c), rounded up"""
    return turned(_reduced_rows(turned(_reduced_rows(x))))


def expanded(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """(n, h/2, w/2, c) -> the size of `like`"""
    h, w = tf.unstack(tf.shape(like)[1:3])
    return turned(_expanded_rows(turned(_expanded_rows(x)[:, :h]))[:, :w])


def _reduced_rows(x: tf.Tensor) -> tf.Tensor:
    count = (tf.shape(x)[1] + 1) // 2
    padded = with_edges(x, 2, 2)
    a, b, c, d, e = (padded[:, k : k + 2 * count - 1 : 2] for k in range(5))
    return c + ((a + e - 2 * c) + 4 * (b + d - 2 * c)) / 16  # (a + 4b + 6c + 4d + e) / 16


def _expanded_rows(x: tf.Tensor) -> tf.Tensor:
    padded = with_edges(x, 1, 1)
    before, after = padded[:, :-2], padded[:, 2:]
    pairs = tf.stack([x + (before + after - 2 * x) / 8, (x + after) / 2], 2)  # (before + 6x + after) / 8, ...
    n, h, _, w, c = tf.unstack(tf.shape(pairs))
    return tf.reshape(pairs, [n, 2 * h, w, c])
