"""One training step of each net, with the optimizer the authors trained with.

A step runs the net, takes its loss (kind_tf/losses.py), follows the gradient once and returns the terms as they
were before it. What is fed to it, in what order and for how long is kindling/training.py's. Tensors are NHWC in
[0, 1]. kind_torch/train.py is the same file in PyTorch.
"""

import tensorflow as tf

from kind_tf import losses

__all__ = ["Adam", "adjustment_step", "decomposition_step", "make_optimizer", "restoration_step"]

EPSILON = 1e-8


class Adam(tf.Module):
    """tf.compat.v1.train.AdamOptimizer in eager TF2, by the same kernel: epsilon is added to sqrt(v) itself.

    `lr`, `beta1_power` and `beta2_power` are variables, `m` and `v` lists of them, one for each of `params`.
    """

    def __init__(self, params, lr):
        super().__init__(name="Adam")
        self.params = list(params)
        dtype = self.params[0].dtype
        self.lr, self.beta1_power, self.beta2_power = (tf.Variable(x, dtype=dtype) for x in (lr, 0.9, 0.999))
        self.m, self.v = ([tf.Variable(tf.zeros_like(p)) for p in self.params] for _ in "mv")

    def step(self, gradients):
        """Move every parameter once; gradients: one for each of `params`, in their order."""
        beta1, beta2, epsilon = (tf.constant(x, self.lr.dtype) for x in (0.9, 0.999, EPSILON))
        for param, m, v, gradient in zip(self.params, self.m, self.v, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=param.handle, m=m.handle, v=v.handle, grad=gradient, lr=self.lr, epsilon=epsilon,
                beta1=beta1, beta2=beta2, beta1_power=self.beta1_power, beta2_power=self.beta2_power,
            )  # fmt: skip
        self.beta1_power.assign(self.beta1_power * beta1)
        self.beta2_power.assign(self.beta2_power * beta2)


def make_optimizer(params, lr):
    """Adam with TensorFlow's defaults and TensorFlow's arithmetic. params: a list of tf.Variable."""
    return Adam(params, lr)


def decomposition_step(net, optimizer, low, high):
    """low, high: (n, h, w, 3), one scene dark and bright. Returns the terms of `decomposition_loss`."""
    with tf.GradientTape() as tape:
        R_low, L_low = net(low)
        R_high, L_high = net(high)
        terms = losses.decomposition_loss(R_low, L_low, R_high, L_high, low, high)
    return _descend(optimizer, terms, tape)


def adjustment_step(net, optimizer, i, ratio, target):
    """i, ratio, target: (n, h, w, 1). Returns the terms of `adjustment_loss`."""
    with tf.GradientTape() as tape:
        terms = losses.adjustment_loss(net(i, ratio), target)
    return _descend(optimizer, terms, tape)


def restoration_step(net, optimizer, r, i, target):
    """r, target: (n, h, w, 3); i: (n, h, w, 1). Returns the terms of `restoration_loss`."""
    with tf.GradientTape() as tape:
        terms = losses.restoration_loss(net(r, i), target)
    return _descend(optimizer, terms, tape)


def _descend(optimizer, terms, tape):
    optimizer.step(tape.gradient(terms["total"], optimizer.params))
    return terms
