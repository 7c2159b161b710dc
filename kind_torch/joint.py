"""One step of training all nets together, on the picture that people get, and the weights' average along the way.

The three trainings of the original are kind_torch/train.py's and stay as they are; this one comes after them. Tensors
are NCHW in [0, 1]. kind_tf/joint.py is the same file in TensorFlow.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kind_torch import arrays, losses
from kind_torch.kind import KinD
from kind_torch.train import Adam, Precision, Trainer, _accelerator, cells, make_optimizer
from kindling.core.errors import KindlingError
from kindling.losses.expression import Objective
from kindling.training.joint import EPSILON, OwnTerms, kept_share

__all__ = ["JointTrainer", "joint_step"]


def joint_step(
    nets: Mapping[str, Callable[..., Any]],
    optimizer: Adam,
    low: Tensor,
    high: Tensor,
    target: Tensor,
    factor: Tensor,
    objective: Objective,
    own_terms: OwnTerms,
    features: losses.VGG | None = None,
    clip: float = inf,
) -> dict[str, Tensor]:
    """Follow the gradient once. Returns the terms of `objective` on the picture, what holds each net, and `total`.

    nets: DecomNet, Restoration_net and Illumination_adjust_net by their names. low, high: (n, 3, h, w), one scene dark
    and bright, as the nets see them; target: (n, 3, h, w), what the picture is to be; factor: (n, 1, 1, 1), by which
    each patch's own ratio is multiplied. What comes of the bright photo is a target, so no gradient goes there but
    by DecomNet's own loss. own_terms: the weights of these terms. clip: the gradient is made no longer than
    this.
    """
    R, L = nets["DecomNet"](torch.cat([low, high]))
    (R_low, R_high), (L_low, L_high) = R.chunk(2), L.chunk(2)
    ratio = (L_high / (L_low + EPSILON)).mean((1, 2, 3), keepdim=True).detach() * factor
    restored = nets["Restoration_net"](R_low, L_low)
    adjusted = nets["Illumination_adjust_net"](L_low, ratio.expand(L_low.shape))
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    terms = losses.objective_loss(objective, (restored * adjusted, target), weights, features)
    images = [cells(x, own_terms.cell) for x in (R_low, L_low, R_high, L_high, low, high)]
    own = {
        "adjust": losses.l1(adjusted, L_high.detach()),
        "decompose": losses.decomposition_loss(*images)["total"],
        "restore": losses.l1(restored, R_high.detach() ** 1.2),
    }
    total = terms.pop("total") + sum(getattr(own_terms, name) * term for name, term in own.items())
    optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()
    return {name: term.detach() for name, term in (terms | own | {"total": total}).items()}


class JointTrainer(Trainer):
    """All nets in training, between plain arrays, as kindling/training/loop.py drives a Trainer; in one process.

    `averaged` is a KinD whose weights are the mean of those along the way, the last ones counting most: `average` of
    what it was is kept at each step, less in the first steps. objective: of kindling/losses/expression.py, of the
    picture. decay: AdamW's (Loshchilov and Hutter 2019): before each step every weight loses lr * decay of itself.
    own_terms, features, clip: of `joint_step`.
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
        self.accelerator = _accelerator(precision, device)
        if self.accelerator.num_processes > 1:
            raise KindlingError("joint trains in one process; the original's three trainings run on several")
        self.kind, self.averaged = (
            KinD().to(self.accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for _ in range(2)
        )
        self.averaged.requires_grad_(False)
        names = [name for name, _ in self.kind.named_children()]
        optimizer = make_optimizer(self.kind.parameters(), 1e-4)
        *nets, self.optimizer = self.accelerator.prepare(*self.kind.children(), optimizer)
        self._net = dict(zip(names, nets, strict=True))
        self.average, self.decay, self.done = average, decay, 0
        vgg, own_terms = self._features(objective.perceptual, features), own_terms or OwnTerms()
        self._step = partial(joint_step, objective=objective, own_terms=own_terms, features=vgg, clip=clip)

    def step(self, batch: tuple[np.ndarray, ...], lr: float) -> dict[str, float]:
        """One step on NHWC arrays, in the order of `joint_step`. Returns the loss terms before it."""
        with torch.no_grad():
            torch._foreach_mul_(list(self.kind.parameters()), 1 - lr * self.decay)
        terms = super().step(batch, lr)
        self.done += 1
        kept = kept_share(self.average, self.done)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.kind.parameters()), 1 - kept)
        return terms

    def run(self, verb: str, *inputs: np.ndarray, **dials: float | np.ndarray) -> tuple[np.ndarray, ...]:
        """The nets with their averaged weights, which are those that are written, on NHWC arrays."""
        return arrays.run(self.averaged, verb, *inputs, **dials)

    def assign(self, state: Mapping[str, Mapping[str, np.ndarray]], steps: int) -> None:
        """Go on from a `state()` that was `steps` steps into its training."""
        super().assign(state, steps)
        self.done = steps

    def _parts(self) -> dict[str, dict[str, Tensor]]:
        return super()._parts() | {"ema": dict(self.averaged.named_parameters())}
