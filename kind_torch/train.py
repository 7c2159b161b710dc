"""One training step of each net, with the optimizer the authors trained with.

A step runs the net, takes its loss (kind_torch/losses.py), follows the gradient once and returns the terms as they
were before it. What is fed to it, in what order and for how long is kindling/training.py's. Tensors are NCHW in
[0, 1]. kind_tf/train.py is the same file in TensorFlow.
"""

import math

import torch

from kind_torch import losses

__all__ = ["Adam", "adjustment_step", "decomposition_step", "make_optimizer", "restoration_step"]

EPSILON = 1e-8


class Adam(torch.optim.Adam):
    """Adam as TensorFlow does it: epsilon is added to sqrt(v) itself, not to sqrt(v / (1 - beta2^t)) (epsilon hat).

    Where a gradient is around 1e-8 or smaller, and in the first thousand steps, the two differ.
    """

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            done = next((int(self.state[p]["step"]) for p in group["params"] if self.state[p]), 0)
            group["eps"] = EPSILON / math.sqrt(1 - group["betas"][1] ** (done + 1))  # undoes PyTorch's own division
        return super().step(closure)


def make_optimizer(params, lr):
    """Adam with TensorFlow's defaults and TensorFlow's arithmetic. params: an iterable of nn.Parameter."""
    return Adam(params, lr=lr, betas=(0.9, 0.999), eps=EPSILON, fused=True)


def decomposition_step(net, optimizer, low, high):
    """low, high: (n, 3, h, w), one scene dark and bright. Returns the terms of `decomposition_loss`."""
    R_low, L_low = net(low)
    R_high, L_high = net(high)
    return _descend(optimizer, losses.decomposition_loss(R_low, L_low, R_high, L_high, low, high))


def adjustment_step(net, optimizer, i, ratio, target):
    """i, ratio, target: (n, 1, h, w). Returns the terms of `adjustment_loss`."""
    return _descend(optimizer, losses.adjustment_loss(net(i, ratio), target))


def restoration_step(net, optimizer, r, i, target):
    """r, target: (n, 3, h, w); i: (n, 1, h, w). Returns the terms of `restoration_loss`."""
    return _descend(optimizer, losses.restoration_loss(net(r, i), target))


def _descend(optimizer, terms):
    optimizer.zero_grad()
    terms["total"].backward()
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}
