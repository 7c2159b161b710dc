"""One training step of each net, with the optimizer the authors trained with.

A step runs the net, takes its loss (kind_tf/losses), follows the gradient once and returns the terms as they
were before it. What is fed to it, in what order and for how long is kindling/training/loop.py's. Tensors are NHWC in
[0, 1]. kind_torch/train.py is the same file in PyTorch.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from kind_tf import arrays, losses
from kind_tf.kind import KinD
from kindling.core.errors import KindlingError
from kindling.families.vgg import name_of
from kindling.losses.expression import Objective, Term

__all__ = ["Adam", "Trainer", "adjustment_step", "cells", "decomposition_step", "make_optimizer", "restoration_step"]

EPSILON = 1e-8


class Adam(tf.Module):
    """tf.compat.v1.train.AdamOptimizer in eager TF2, by the same kernel: epsilon is added to sqrt(v) itself.

    `lr`, `beta1_power` and `beta2_power` are variables, `m` and `v` lists of them, one for each of `params`.
    """

    def __init__(self, params: Iterable[tf.Variable], lr: float) -> None:
        super().__init__(name="Adam")
        self.params = list(params)
        dtype = self.params[0].dtype
        self.lr, self.beta1_power, self.beta2_power = (tf.Variable(x, dtype=dtype) for x in (lr, 0.9, 0.999))
        self.m, self.v = ([tf.Variable(tf.zeros_like(p)) for p in self.params] for _ in "mv")

    def gradients(self, total: tf.Tensor, tape: tf.GradientTape) -> list[tf.Tensor]:
        """That of `total` for each of `params`, zeros for those that it leaves out.

        TensorFlow adds three tensors or more from whichever buffer is free first, so where several ops read one of
        them the sum rounds by chance, and a resumed training would not be the whole one. In a graph they are added
        two by two here, which rounds alike either way round. Within a net TensorFlow makes the gradient itself; no
        other op reads what is added up there. Eagerly one op follows another.
        """
        zero = tf.UnconnectedGradients.ZERO
        if tf.executing_eagerly():
            return tape.gradient(total, self.params, unconnected_gradients=zero)
        in_pairs = tf.AggregationMethod.EXPERIMENTAL_TREE
        return tf.gradients(total, self.params, unconnected_gradients=zero, aggregation_method=in_pairs)

    def step(self, gradients: Iterable[tf.Tensor]) -> None:
        """Move every parameter once; gradients: one for each of `params`, in their order."""
        beta1, beta2, epsilon = (tf.constant(x, self.lr.dtype) for x in (0.9, 0.999, EPSILON))
        for param, m, v, gradient in zip(self.params, self.m, self.v, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=param.handle, m=m.handle, v=v.handle, grad=gradient, lr=self.lr, epsilon=epsilon,
                beta1=beta1, beta2=beta2, beta1_power=self.beta1_power, beta2_power=self.beta2_power,
            )  # fmt: skip
        self.beta1_power.assign(self.beta1_power * beta1)
        self.beta2_power.assign(self.beta2_power * beta2)


def make_optimizer(params: Iterable[tf.Variable], lr: float) -> Adam:
    """Adam with TensorFlow's defaults and TensorFlow's arithmetic. params: a list of tf.Variable."""
    return Adam(params, lr)


def decomposition_step(
    net: Callable[..., Any],
    optimizer: Adam,
    low: tf.Tensor,
    high: tf.Tensor,
    cell: int | None = None,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
    **options: Any,
) -> dict[str, tf.Tensor]:
    """low, high: (n, h, w, 3), one scene dark and bright. Returns the terms of `decomposition_loss`.

    cell: take the loss in squares of this many pixels, by which h and w divide, each with its own zeros beyond its
    border. So patches larger than the original's 48 do not make L = 1, R = image cheap (docs/training.md).
    objective: of kindling/losses/expression.py, instead of `decomposition_loss`, with the features of its perceptual
    loss; its terms are returned then. options: of `decomposition_loss`.
    """
    with tf.GradientTape() as tape:
        R_low, L_low = net(low)
        R_high, L_high = net(high)
        images = [cells(x, cell) for x in (R_low, L_low, R_high, L_high, low, high)]
        if objective:
            terms = losses.objective_loss(objective, images, optimizer.params, features)
        else:
            terms = losses.decomposition_loss(*images, **options)
    return _descend(optimizer, terms, tape)


def adjustment_step(
    net: Callable[..., Any],
    optimizer: Adam,
    i: tf.Tensor,
    ratio: tf.Tensor,
    target: tf.Tensor,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
) -> dict[str, tf.Tensor]:
    """i, ratio, target: (n, h, w, 1). Returns the terms of `adjustment_loss`, or of `objective`."""
    with tf.GradientTape() as tape:
        out = net(i, ratio)
        if objective:
            terms = losses.objective_loss(objective, (out, target), optimizer.params, features)
        else:
            terms = losses.adjustment_loss(out, target)
    return _descend(optimizer, terms, tape)


def restoration_step(
    net: Callable[..., Any],
    optimizer: Adam,
    r: tf.Tensor,
    i: tf.Tensor,
    target: tf.Tensor,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
) -> dict[str, tf.Tensor]:
    """r, target: (n, h, w, 3); i: (n, h, w, 1). Returns the terms of `restoration_loss`, or of `objective`."""
    with tf.GradientTape() as tape:
        out = net(r, i)
        if objective:
            terms = losses.objective_loss(objective, (out, target), optimizer.params, features)
        else:
            terms = losses.restoration_loss(out, target)
    return _descend(optimizer, terms, tape)


Precision = Literal["float32", "bfloat16"]
STEPS: Mapping[str, Callable[..., Any]] = {
    "DecomNet": decomposition_step,
    "Illumination_adjust_net": adjustment_step,
    "Restoration_net": restoration_step,
}


class Trainer:
    """One net in training, between plain arrays: what kindling/training/loop.py drives, in either framework.

    net: "DecomNet", "Illumination_adjust_net" or "Restoration_net". Float32 in one process, as the original; for
    bfloat16, a chosen device and several processes there is kind_torch. objective: of kindling/losses/expression.py,
    instead of the original's loss. features: the weights of a VGG, by name, for its perceptual loss. options: of the
    step.
    """

    is_main = True  # of several processes the one that writes and shows; here there is one

    def __init__(
        self,
        net: str,
        precision: Precision = "float32",
        device: str = "auto",
        objective: Objective | None = None,
        features: Mapping[str, np.ndarray] | None = None,
        **options: Any,
    ) -> None:
        if precision != "float32":
            raise KindlingError(f"--runtime tf trains in float32, not in {precision}; --runtime torch does")
        self.kind = KinD([net], device=arrays.choose_device(device))
        self.optimizer = make_optimizer(self.kind.by_name.values(), 1e-4)
        function = getattr(self.kind, net)
        if objective:
            options |= {"objective": objective, "features": self._features(objective.perceptual, features)}
        self._step = tf.function(
            lambda *batch: STEPS[net](function, self.optimizer, *batch, **options), autograph=False
        )

    def agree(self, flag: bool) -> bool:
        """Whether any process says so; here there is one."""
        return flag

    def close(self) -> None:
        """Take leave of other processes; here there are none."""

    def run(self, verb: str, *inputs: np.ndarray, **dials: float | np.ndarray) -> tuple[np.ndarray, ...]:
        """The net as it is now, on NHWC arrays: what pictures of the training are made with."""
        return arrays.run(self.kind, verb, *inputs, **dials)

    def step(self, batch: tuple[np.ndarray, ...], lr: float) -> dict[str, float]:
        """One step on NHWC arrays, in the order of the step's arguments. Returns the loss terms before it."""
        self.optimizer.lr.assign(lr)
        with _graphs_as_written():
            terms = self._step(*(tf.constant(x) for x in batch))
        return {name: float(term) for name, term in terms.items()}

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Weights and Adam's two moments of each, under slim names and in TF axis order: `weights`, `m`, `v`."""
        names = list(self.kind.by_name)
        return {part: {n: x.numpy() for n, x in zip(names, xs, strict=True)} for part, xs in self._parts().items()}

    def assign(self, state: Mapping[str, Mapping[str, np.ndarray]], steps: int) -> None:
        """Go on from a `state()` that was `steps` steps into its training."""
        for part, variables in self._parts().items():
            for name, variable in zip(self.kind.by_name, variables, strict=True):
                variable.assign(state[part][name])
        # The powers are float32 products of as many factors, rounded after each, so they are multiplied out again.
        for power, beta in ((self.optimizer.beta1_power, 0.9), (self.optimizer.beta2_power, 0.999)):
            power.assign(np.multiply.accumulate(np.full(steps + 1, beta, np.float32))[-1])

    def _parts(self) -> dict[str, list[tf.Variable]]:
        """What `state` keeps and `assign` sets: part -> variables, in the order of their slim names."""
        return {"weights": self.optimizer.params, "m": self.optimizer.m, "v": self.optimizer.v}

    def _features(self, term: Term | None, weights: Mapping[str, np.ndarray] | None) -> losses.VGG | None:
        if term is None:
            return None
        if weights is None:
            raise KindlingError(f"{term.key} needs the weights of a VGG, and `features` holds none")
        options: dict[str, Any] = dict(term.options)
        return losses.VGG(name_of(weights), weights, **options)


def cells(x: tf.Tensor, size: int | None) -> tf.Tensor:
    """Cut into squares, or left as it is without a size: (n, h, w, c) -> (n h/size w/size, size, size, c)"""
    if not size:
        return x
    n, h, w, c = x.shape
    x = tf.reshape(x, [n, h // size, size, w // size, size, c])
    return tf.reshape(tf.transpose(x, [0, 1, 3, 2, 4, 5]), [-1, size, size, c])


def _descend(optimizer: Adam, terms: dict[str, tf.Tensor], tape: tf.GradientTape) -> dict[str, tf.Tensor]:
    optimizer.step(optimizer.gradients(terms["total"], tape))
    return terms


@contextlib.contextmanager
def _graphs_as_written() -> Iterator[None]:
    """TensorFlow leaves the graphs that are called in here as they are, in the whole process.

    Else it joins the sums of `Adam.gradients`, and those of large patches it takes in the order in which they are done.
    """
    name = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options().get(name, False)
    tf.config.optimizer.set_experimental_options({name: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})
