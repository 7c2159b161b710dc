"""GLADNet (Wang, Wei, Yang, Liu, FG 2018), layer by layer as its authors' TensorFlow 1 graph, with seeded weights.

    python original.py        writes model/GLADNet: variables, Adam's slots and the step, as their training saves them

This is what a person who carries a net has already: a graph, a checkpoint, and a way to run them. tf.layers is gone
with Keras 3, so its names are spelled out: conv2d, conv2d_1, ..., in the order of their making.
"""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
CHECKPOINT = "model/GLADNet"


def glad(x, variable):
    """The net's layers by name, the picture last. variable: gives the one of a name and shape."""
    layers = {}

    def conv(name, x, channels, stride=1):
        scope = f"FG/conv2d_{len(layers)}" if layers else "FG/conv2d"
        kernel = variable(f"{scope}/kernel", (3, 3, x.shape[-1], channels))
        y = tf.nn.conv2d(x, kernel, stride, "SAME") + variable(f"{scope}/bias", (channels,))
        layers[name] = tf.nn.relu(y)
        return layers[name]

    def resized(x, size):
        return v1.image.resize_nearest_neighbor(x, size)

    down = [resized(x, (96, 96))]
    for k in range(1, 7):  # 48, 24, 12, 6, 3, 2
        down.append(conv(f"p_conv{k}", down[-1], 64, 2))
    y = down.pop()
    for k, skip in enumerate(reversed(down), start=1):  # up again, what was there on the way down added
        y = conv(f"p_deconv{k}", resized(y, tf.shape(skip)[1:3]), 64)
        y = y + skip if k < 6 else y
    y = tf.concat([resized(y, tf.shape(x)[1:3]), x], 3)
    for k, channels in enumerate((128, 128, 128, 128, 3), start=1):
        y = conv(f"a_conv{k}", y, channels)
    return layers


def save(seed=0):
    """A checkpoint as training leaves it, its weights drawn so that what goes through the net keeps its size."""
    with tf.Graph().as_default(), v1.Session() as session:
        rng = np.random.default_rng(seed)

        def variable(name, shape):
            size = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) == 4 else 0.1
            values = rng.standard_normal([int(n) for n in shape], np.float32) * np.float32(size)
            return v1.get_variable(name, initializer=values, use_resource=False)

        *_, picture = glad(v1.placeholder(tf.float32, [None, None, None, 3]), variable).values()
        step = v1.Variable(0, trainable=False, use_resource=False)
        v1.train.AdamOptimizer(name="AdamOptimizer").minimize(tf.reduce_mean(picture), global_step=step)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, CHECKPOINT)


def run(x):
    """The net on a picture (n, h, w, 3), in its precision: every layer by name, the picture last."""
    saved = tf.train.load_checkpoint(CHECKPOINT)
    with tf.Graph().as_default(), v1.Session() as session:
        layers = glad(tf.constant(x), lambda name, shape: tf.constant(saved.get_tensor(name).astype(x.dtype)))
        return session.run(layers)


if __name__ == "__main__":
    save()
