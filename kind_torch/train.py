"""One training step of each net, with the optimizer the authors trained with.

A step runs the net, takes its loss (kind_torch/losses), follows the gradient once and returns the terms as they
were before it. What is fed to it, in what order and for how long is kindling/training/loop.py's. Tensors are NCHW in
[0, 1]. kind_tf/train.py is the same file in TensorFlow.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kind_torch import arrays, losses
from kind_torch.kind import KinD
from kindling.core.errors import KindlingError
from kindling.core.names import to_slim, to_torch
from kindling.core.optional import import_framework
from kindling.families.vgg import name_of
from kindling.losses.expression import Objective, Term

__all__ = ["Adam", "Trainer", "adjustment_step", "cells", "decomposition_step", "make_optimizer", "restoration_step"]

EPSILON = 1e-8


class Adam(torch.optim.Adam):
    """Adam as TensorFlow does it: epsilon is added to sqrt(v) itself, not to sqrt(v / (1 - beta2^t)) (epsilon hat).

    Where a gradient is around 1e-8 or smaller, and in the first thousand steps, the two differ.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        for group in self.param_groups:
            done = next((int(self.state[p]["step"]) for p in group["params"] if self.state[p]), 0)
            group["eps"] = EPSILON / math.sqrt(1 - group["betas"][1] ** (done + 1))  # undoes PyTorch's own division
        return super().step(closure)


def make_optimizer(params: Iterable[torch.nn.Parameter], lr: float) -> Adam:
    """Adam with TensorFlow's defaults and TensorFlow's arithmetic. params: an iterable of nn.Parameter."""
    return Adam(params, lr=lr, betas=(0.9, 0.999), eps=EPSILON, fused=True)


def decomposition_step(
    net: Callable[..., Any],
    optimizer: Adam,
    low: Tensor,
    high: Tensor,
    cell: int | None = None,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
    **options: Any,
) -> dict[str, Tensor]:
    """low, high: (n, 3, h, w), one scene dark and bright. Returns the terms of `decomposition_loss`.

    cell: take the loss in squares of this many pixels, by which h and w divide, each with its own zeros beyond its
    border. So patches larger than the original's 48 do not make L = 1, R = image cheap (docs/training.md).
    objective: of kindling/losses/expression.py, instead of `decomposition_loss`, with the features of its perceptual
    loss; its terms are returned then. options: of `decomposition_loss`.
    """
    R_low, L_low = net(low)
    R_high, L_high = net(high)
    images = [cells(x, cell) for x in (R_low, L_low, R_high, L_high, low, high)]
    if objective:
        return _descend(optimizer, _objective(objective, images, optimizer, features))
    return _descend(optimizer, losses.decomposition_loss(*images, **options))


def adjustment_step(
    net: Callable[..., Any],
    optimizer: Adam,
    i: Tensor,
    ratio: Tensor,
    target: Tensor,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
) -> dict[str, Tensor]:
    """i, ratio, target: (n, 1, h, w). Returns the terms of `adjustment_loss`, or of `objective`."""
    out = net(i, ratio)
    if objective:
        return _descend(optimizer, _objective(objective, (out, target), optimizer, features))
    return _descend(optimizer, losses.adjustment_loss(out, target))


def restoration_step(
    net: Callable[..., Any],
    optimizer: Adam,
    r: Tensor,
    i: Tensor,
    target: Tensor,
    objective: Objective | None = None,
    features: losses.VGG | None = None,
) -> dict[str, Tensor]:
    """r, target: (n, 3, h, w); i: (n, 1, h, w). Returns the terms of `restoration_loss`, or of `objective`."""
    out = net(r, i)
    if objective:
        return _descend(optimizer, _objective(objective, (out, target), optimizer, features))
    return _descend(optimizer, losses.restoration_loss(out, target))


Precision = Literal["float32", "bfloat16"]
STEPS: Mapping[str, Callable[..., Any]] = {
    "DecomNet": decomposition_step,
    "Illumination_adjust_net": adjustment_step,
    "Restoration_net": restoration_step,
}


def _accelerator(precision: str, device: str) -> Any:
    """accelerate.Accelerator in "float32" or "bfloat16", on "auto", which takes a GPU, "cpu", "cuda", "cuda:1", "mps".

    Raises KindlingError if accelerate is not installed or PyTorch sees no such device.
    """
    accelerate = import_framework("accelerate", "training with PyTorch")
    place = arrays.choose_device(device)
    if place.type == "cuda" and place.index is not None:
        torch.cuda.set_device(place)  # Accelerator takes the current one
    mixed = {"float32": "no", "bfloat16": "bf16"}[precision]
    return accelerate.Accelerator(mixed_precision=mixed, cpu=place.type == "cpu")


class Trainer:
    """One net in training, between plain arrays: what kindling/training/loop.py drives, in either framework.

    net: "DecomNet", "Illumination_adjust_net" or "Restoration_net". precision: "float32", or "bfloat16" for the
    arithmetic inside the net; weights, loss and optimizer stay float32. On a GPU, or on several processes of
    `accelerate launch`, each of which is then given the whole batch and computes its share. objective: of
    kindling/losses/expression.py, instead of the original's loss. features: the weights of a VGG, by name, for its
    perceptual loss. options: of the net's step.
    """

    def __init__(
        self,
        net: str,
        precision: Precision = "float32",
        device: str = "auto",
        objective: Objective | None = None,
        features: Mapping[str, np.ndarray] | None = None,
        **options: Any,
    ) -> None:
        self.accelerator = _accelerator(precision, device)
        self.kind = KinD([net]).to(self.accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = make_optimizer(self.kind.parameters(), 1e-4)
        prepared, self.optimizer = self.accelerator.prepare(getattr(self.kind, net), optimizer)
        self._net = _Shared(prepared, self.accelerator) if self.accelerator.num_processes > 1 else prepared
        if objective:
            options |= {"objective": objective, "features": self._features(objective.perceptual, features)}
        self._step = partial(STEPS[net], **options)

    @property
    def is_main(self) -> bool:
        """Whether this is the process, of possibly several, that writes and shows."""
        return self.accelerator.is_main_process

    def agree(self, flag: bool) -> bool:
        """Whether any process says so; each must ask, and all are told the same."""
        if self.accelerator.num_processes == 1:
            return flag
        return bool(self.accelerator.gather(torch.tensor([flag], device=self.accelerator.device)).any())

    def close(self) -> None:
        """Take leave of the other processes; one that just ends may be aborted while another still talks to it."""
        self.accelerator.end_training()

    def run(self, verb: str, *inputs: np.ndarray, **dials: float | np.ndarray) -> tuple[np.ndarray, ...]:
        """The net as it is now, on NHWC arrays: what pictures of the training are made with."""
        return arrays.run(self.kind, verb, *inputs, **dials)

    def step(self, batch: tuple[np.ndarray, ...], lr: float) -> dict[str, float]:
        """One step on NHWC arrays, in the order of the step's arguments. Returns the loss terms before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        terms = self._step(self._net, self.optimizer, *(self._tensor(x) for x in batch))
        return dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """Weights and Adam's two moments of each, under slim names and in TF axis order: `weights`, `m`, `v`."""

        parts = {part: {k: x.cpu().numpy().copy() for k, x in xs.items()} for part, xs in self._parts().items()}
        return {part: to_slim(named) for part, named in parts.items()}

    def assign(self, state: Mapping[str, Mapping[str, np.ndarray]], steps: int) -> None:
        """Go on from a `state()` that was `steps` steps into its training."""

        with torch.no_grad():
            for p in self.kind.parameters():
                moments = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                self.optimizer.state[p] = {"step": torch.tensor(float(steps), device=p.device), **moments}
            for part, tensors in self._parts().items():
                numbers = to_torch(state[part])
                for name, tensor in tensors.items():
                    tensor.copy_(torch.from_numpy(numbers[name]))

    def _parts(self) -> dict[str, dict[str, Tensor]]:
        """What `state` keeps and `assign` sets: part -> torch name -> tensor."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "m": {}, "v": {}}
        for name, p in self.kind.named_parameters():
            slots = self.optimizer.state.get(p) or {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
            for part, tensor in zip(parts, (p.detach(), slots["exp_avg"], slots["exp_avg_sq"]), strict=True):
                parts[part][name] = tensor
        return parts

    def _features(self, term: Term | None, weights: Mapping[str, np.ndarray] | None) -> losses.VGG | None:
        if term is None:
            return None
        if weights is None:
            raise KindlingError(f"{term.key} needs the weights of a VGG, and `features` holds none")
        options: dict[str, Any] = dict(term.options)
        return losses.VGG(name_of(weights), weights, **options).to(self.accelerator.device)

    def _tensor(self, array: np.ndarray) -> Tensor:
        """NHWC array -> NCHW tensor on the device, in the channels-last order that it then is in memory already."""
        return torch.from_numpy(array).permute(0, 3, 1, 2).to(self.accelerator.device)


class _Shared:
    """A net over several processes: each runs its share of the batch, and all see the whole result.

    So the loss, whose minimum and maximum are of the whole batch, is the one a single process would have had.
    """

    def __init__(self, net: torch.nn.Module, accelerator: Any) -> None:
        self.net, self.accelerator = net, accelerator

    def __call__(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        processes, own = self.accelerator.num_processes, self.accelerator.process_index
        if len(inputs[0]) % processes:
            raise KindlingError(f"a batch of {len(inputs[0])} cannot be shared equally by {processes} processes")
        outputs = self.net(*(x.chunk(processes)[own] for x in inputs))
        single = torch.is_tensor(outputs)
        whole = tuple(self._whole(out, processes, own) for out in ((outputs,) if single else outputs))
        return whole[0] if single else whole

    def _whole(self, out: Tensor, processes: int, own: int) -> Tensor:
        """The results of all processes, one after the other; only our own is differentiable."""
        parts = list(self.accelerator.gather(out.detach().contiguous()).chunk(processes))
        # The processes' gradients, each of its own share, are averaged later; what is wanted is their sum.
        parts[own] = parts[own] + (out - out.detach()) * processes
        return torch.cat(parts)


def cells(x: Tensor, size: int | None) -> Tensor:
    """Cut into squares, or left as it is without a size: (n, c, h, w) -> (n h/size w/size, c, size, size)"""
    if not size:
        return x
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // size, size, w // size, size)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(-1, c, size, size)


def _objective(
    objective: Objective, images: Sequence[Tensor], optimizer: Adam, features: losses.VGG | None
) -> dict[str, Tensor]:
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    terms = losses.objective_loss(objective, images, weights, features)
    # An output that no term looks at has the gradient 0, and not none, or processes would wait for each other's.
    idle = sum(x.sum() for x in images if x.requires_grad)
    return terms | {"total": terms["total"] + 0 * idle}


def _descend(optimizer: Adam, terms: dict[str, Tensor]) -> dict[str, Tensor]:
    optimizer.zero_grad()
    terms["total"].backward()
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}
