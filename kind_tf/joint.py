"""One step of training all nets together, on the picture that people get, and the weights' average along the way.

The three trainings of the original are kind_tf/train.py's and stay as they are; this one comes after them. Tensors
are NHWC in [0, 1]. kind_torch/joint.py is the same file in PyTorch.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import numpy as np
import tensorflow as tf

from kind_tf import arrays, losses
from kind_tf.kind import KinD
from kind_tf.train import Adam, Precision, Trainer, cells, make_optimizer
from kindling.core.errors import KindlingError
from kindling.losses.expression import Objective
from kindling.training.joint import EPSILON, OwnTerms, kept_share

__all__ = ["JointTrainer", "joint_step"]


def joint_step(
    nets: Mapping[str, Callable[..., Any]],
    optimizer: Adam,
    low: tf.Tensor,
    high: tf.Tensor,
    target: tf.Tensor,
    factor: tf.Tensor,
    objective: Objective,
    own_terms: OwnTerms,
    features: losses.VGG | None = None,
    clip: float = inf,
) -> dict[str, tf.Tensor]:
    """Follow the gradient once. Returns the terms of `objective` on the picture, what holds each net, and `total`.

    nets: DecomNet, Restoration_net and Illumination_adjust_net by their names. low, high: (n, h, w, 3), one scene dark
    and bright, as the nets see them; target: (n, h, w, 3), what the picture is to be; factor: (n, 1, 1, 1), by which
    each patch's own ratio is multiplied. What comes of the bright photo is a target, so no gradient goes there but
    by DecomNet's own loss. own_terms: the weights of these terms. clip: the gradient is made no longer than
    this.
    """
    with tf.GradientTape() as tape:
        R, L = nets["DecomNet"](tf.concat([low, high], 0))
        (R_low, R_high), (L_low, L_high) = tf.split(R, 2), tf.split(L, 2)
        ratio = tf.stop_gradient(tf.reduce_mean(L_high / (L_low + EPSILON), [1, 2, 3], keepdims=True)) * factor
        restored = nets["Restoration_net"](R_low, L_low)
        adjusted = nets["Illumination_adjust_net"](L_low, tf.broadcast_to(ratio, tf.shape(L_low)))
        terms = losses.objective_loss(objective, (restored * adjusted, target), optimizer.params, features)
        images = [cells(x, own_terms.cell) for x in (R_low, L_low, R_high, L_high, low, high)]
        own = {
            "adjust": losses.l1(adjusted, tf.stop_gradient(L_high)),
            "decompose": losses.decomposition_loss(*images)["total"],
            "restore": losses.l1(restored, tf.stop_gradient(R_high) ** 1.2),
        }
        total = terms.pop("total") + sum(getattr(own_terms, name) * term for name, term in own.items())
    gradients = optimizer.gradients(total, tape)
    if clip < inf:  # by infinity it would multiply 0
        gradients, _ = tf.clip_by_global_norm(gradients, clip)
    optimizer.step(gradients)
    return terms | own | {"total": total}


class JointTrainer(Trainer):
    """All nets in training, between plain arrays, as kindling/training/loop.py drives a Trainer; in one process.

    `averaged` is a KinD whose weights are the mean of those along the way, the last ones counting most: `average` of
    what it was is kept at each step, less in the first steps. Float32, as Trainer. objective: of
    kindling/losses/expression.py, of the picture. decay: AdamW's (Loshchilov and Hutter 2019): before each step every
    weight loses lr * decay of itself. own_terms, features, clip: of `joint_step`.
    """

    def __init__(
        self,
        objective: Objective,
        precision: Precision = "float32",
        device: str = "auto",
        decay: float = 0.0,
        average: float = 0.999,
        features: Mapping[str, np.ndarray] | None = None,
        own_terms: OwnTerms | None = None,
        clip: float = inf,
    ) -> None:
        if precision != "float32":
            raise KindlingError(f"--runtime tf trains in float32, not in {precision}; --runtime torch does")
        self.kind, self.averaged = (KinD(device=arrays.choose_device(device)) for _ in range(2))
        self.optimizer = make_optimizer(self.kind.by_name.values(), 1e-4)
        self.average, self.decay, self.done, own_terms = average, decay, 0, own_terms or OwnTerms()
        vgg = self._features(objective.perceptual, features)
        options: dict[str, Any] = {"objective": objective, "own_terms": own_terms, "features": vgg, "clip": clip}
        self._step = tf.function(
            lambda *batch: joint_step(self.kind.nets, self.optimizer, *batch, **options), autograph=False
        )

    def step(self, batch: tuple[np.ndarray, ...], lr: float) -> dict[str, float]:
        """One step on NHWC arrays, in the order of `joint_step`. Returns the loss terms before it."""
        for variable in self.optimizer.params if self.decay else ():  # within the step it would race with the gradient
            variable.assign(variable * (1 - lr * self.decay))
        terms = super().step(batch, lr)
        self.done += 1
        kept = kept_share(self.average, self.done)
        for name, variable in self.averaged.by_name.items():
            variable.assign_add((self.kind.by_name[name] - variable) * (1 - kept))
        return terms

    def run(self, verb: str, *inputs: np.ndarray, **dials: float | np.ndarray) -> tuple[np.ndarray, ...]:
        """The nets with their averaged weights, which are those that are written, on NHWC arrays."""
        return arrays.run(self.averaged, verb, *inputs, **dials)

    def assign(self, state: Mapping[str, Mapping[str, np.ndarray]], steps: int) -> None:
        """Go on from a `state()` that was `steps` steps into its training."""
        super().assign(state, steps)
        self.done = steps

    def _parts(self) -> dict[str, list[tf.Variable]]:
        return super()._parts() | {"ema": [self.averaged.by_name[name] for name in self.kind.by_name]}
