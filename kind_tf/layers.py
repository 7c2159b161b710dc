"""slim's layers in TensorFlow, as the original's model.py calls them.

kind_torch/layers.py is the same file in PyTorch, where SAME at odd sizes has to be made by hand.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_slim as slim

__all__ = ["concat", "conv2d", "conv2d_transpose", "max_pool2d"]

Activation = Callable[[tf.Tensor], tf.Tensor]


def concat(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """tensors, (n, h, w, c) each, one behind the other on channels: (n, h, w, sum of c)."""
    return tf.concat(list(tensors), 3)


def conv2d(x: tf.Tensor, outputs: int, size: int, scope: str, activation_fn: Activation | None = None) -> tf.Tensor:
    """slim's conv: stride 1, SAME, with bias, then `activation_fn`; initialised glorot-uniform and zeros.

    x: (n, h, w, inputs). Returns (n, h, w, outputs). size: of the square kernel. Its variables are `<scope>/weights`
    and `<scope>/biases`.
    """
    return slim.conv2d(x, outputs, [size, size], activation_fn=activation_fn, scope=scope)


def conv2d_transpose(x: tf.Tensor, weights: tf.Tensor, like: tf.Tensor, name: str) -> tf.Tensor:
    """A 2x2 transposed conv of stride 2, SAME, without bias, to the height and width of `like`.

    x: (n, ceil(h/2), ceil(w/2), inputs); weights: (2, 2, outputs, inputs); like: (n, h, w, c), which must have as many
    channels as there are outputs, as every skip of KinD has. Returns (n, h, w, outputs).
    """
    up = tf.nn.conv2d_transpose(x, weights, tf.shape(like), strides=[1, 2, 2, 1], name=name)
    up.set_shape([None, None, None, weights.shape[2]])
    return up


def max_pool2d(x: tf.Tensor) -> tf.Tensor:
    """slim's 2x2 pool, stride 2, SAME: an odd height or width rounds up.

    x: (n, h, w, c). Returns (n, ceil(h/2), ceil(w/2), c).
    """
    return slim.max_pool2d(x, [2, 2], stride=2, padding="SAME")
