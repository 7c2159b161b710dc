"""slim's and tf.layers' layers in TensorFlow, as the original's model.py calls them.

kind_torch/layers.py is the same file in PyTorch, where SAME at odd sizes has to be made by hand.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_slim as slim

__all__ = ["batch_norm", "concat", "conv2d", "conv2d_transpose", "deconv2d", "max_pool2d", "sigmoid"]

Activation = Callable[[tf.Tensor], tf.Tensor]
EPSILON, MOMENTUM = 1e-3, 0.99  # tf.layers.batch_normalization's


def concat(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """tensors, (n, h, w, c) each, one behind the other on channels: (n, h, w, sum of c)."""
    return tf.concat(list(tensors), 3)


def conv2d(x: tf.Tensor, outputs: int, size: int, scope: str, activation_fn: Activation | None = None) -> tf.Tensor:
    """slim's conv: stride 1, SAME, with bias, then `activation_fn`; initialised glorot-uniform and zeros.

    x: (n, h, w, inputs). Returns (n, h, w, outputs). size: of the square kernel. Its variables are `<scope>/weights`
    and `<scope>/biases`.
    """
    return slim.conv2d(x, outputs, [size, size], activation_fn=activation_fn, scope=scope)


def deconv2d(x: tf.Tensor, outputs: int, scope: str, activation_fn: Activation | None = None) -> tf.Tensor:
    """slim's 2x2 transposed conv of stride 2, SAME, with bias, then `activation_fn`: twice the height and width.

    x: (n, h, w, inputs). Returns (n, 2h, 2w, outputs). slim's own rests on tf.layers, which went with Keras 3. Its
    variables are `<scope>/weights` and `<scope>/biases`.
    """
    with tf.compat.v1.variable_scope(scope):
        weights = tf.compat.v1.get_variable("weights", [2, 2, outputs, x.shape[3]], x.dtype)
        biases = tf.compat.v1.get_variable("biases", [outputs], x.dtype, tf.compat.v1.zeros_initializer())
        n, h, w, _ = tf.unstack(tf.shape(x))
        up = tf.nn.conv2d_transpose(x, weights, tf.stack([n, 2 * h, 2 * w, outputs]), strides=2)
        up.set_shape([None, None, None, outputs])
        up = tf.nn.bias_add(up, biases, name="BiasAdd")
        return activation_fn(up) if activation_fn else up


def batch_norm(x: tf.Tensor, training: bool = False, scope: str = "batch_normalization") -> tf.Tensor:
    """tf.layers' batch normalization over channels: by the moving statistics, `training` by the batch's own.

    x: (n, h, w, channels). Returns the same. Epsilon is 1e-3 and momentum 0.99. What moves the statistics in training
    is added to the graph's UPDATE_OPS, as there. Its variables are gamma, beta, moving_mean and moving_variance.
    """
    ones, zeros, channels = tf.compat.v1.ones_initializer(), tf.compat.v1.zeros_initializer(), [x.shape[3]]
    with tf.compat.v1.variable_scope(scope):
        gamma = tf.compat.v1.get_variable("gamma", channels, x.dtype, ones)
        beta = tf.compat.v1.get_variable("beta", channels, x.dtype, zeros)
        mean = tf.compat.v1.get_variable("moving_mean", channels, x.dtype, zeros, trainable=False)
        variance = tf.compat.v1.get_variable("moving_variance", channels, x.dtype, ones, trainable=False)
        normal, moments = _normalised(x, gamma, beta, (mean, variance), training)
        if training:
            for moving, of_batch in zip((mean, variance), moments, strict=True):
                step = tf.compat.v1.assign_sub(moving, (moving - of_batch) * (1 - MOMENTUM))
                tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.UPDATE_OPS, step)
    return normal


def _normalised(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, moments: Sequence[tf.Tensor], training: bool
) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """The result, and mean and unbiased variance of the batch; TensorFlow's fused op knows no float64."""
    name = "FusedBatchNormV3"
    if x.dtype != tf.float64:
        given = {} if training else dict(zip(("mean", "variance"), moments, strict=True))
        settings = {"epsilon": EPSILON, "is_training": training, "name": name}
        normal, *of_batch = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, **given, **settings)
        return normal, of_batch
    mean, variance = tf.nn.moments(x, [0, 1, 2]) if training else moments
    normal = tf.add((x - mean) * (gamma * tf.math.rsqrt(variance + EPSILON)), beta, name=name)
    if not training:
        return normal, moments
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), x.dtype)
    return normal, (mean, variance * count / tf.maximum(count - 1, 1))


def conv2d_transpose(x: tf.Tensor, weights: tf.Tensor, like: tf.Tensor, name: str) -> tf.Tensor:
    """A 2x2 transposed conv of stride 2, SAME, without bias, to the height and width of `like`.

    x: (n, ceil(h/2), ceil(w/2), inputs); weights: (2, 2, outputs, inputs); like: (n, h, w, c), which must have as many
    channels as there are outputs, as every skip of KinD has. Returns (n, h, w, outputs).
    """
    up = tf.nn.conv2d_transpose(x, weights, tf.shape(like), strides=[1, 2, 2, 1], name=name)
    up.set_shape([None, None, None, weights.shape[2]])
    return up


def max_pool2d(x: tf.Tensor, size: int = 2, scope: str | None = None) -> tf.Tensor:
    """slim's pool, of `size` and a stride as long, SAME: an odd height or width rounds up.

    x: (n, h, w, c). Returns (n, ceil(h/size), ceil(w/size), c).
    """
    return slim.max_pool2d(x, [size, size], stride=size, padding="SAME", scope=scope)


def sigmoid(x: tf.Tensor, name: str | None = None) -> tf.Tensor:
    """1 / (1 + e^-x), of any shape. name: of the op, as the authors' graph has it."""
    return tf.sigmoid(x, name)
