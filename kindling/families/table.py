"""How a net is written down: one row a layer, from which names, shapes, counts, reach, docs and drawings are derived.

Nothing here is of one family: kindling/families/kind/nets.py is KinD's table, and each other family has its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kindling.families.reach import Reach, reach_of

__all__ = ["LAYERS", "SLIM", "Layer", "Net", "conv", "deconv", "join", "norm", "resize", "up"]

SLIM = ("weights", "biases")  # what tf.contrib.slim calls the variables of a conv
LAYERS = ("kernel", "bias")  # what tf.layers calls them
MOMENTS = ("gamma", "beta", "moving_mean", "moving_variance")  # of a batch norm of tf.layers


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer under the name of its scope, or one step without weights that others read."""

    name: str
    kind: Literal["conv", "up", "deconv", "norm", "join", "resize"]
    """conv: SAME. up: 2x2 transposed conv, stride 2, no bias, then concat with the skip. deconv: the same conv with a
    bias and nothing behind it. norm: batch norm. join: concat, product or sum. resize: to the nearest neighbour."""
    of: tuple[str, ...]
    """What it reads. Two names are concatenated in this order; for an "up" they are what lies below, and the skip."""
    size: int = 1
    """Side of the square kernel."""
    inputs: int = 0
    """Channels that are read."""
    outputs: int = 0
    """Channels that the kernel makes; an "up" hands on its skip's too."""
    after: str = ""
    """What is applied to the result: "lrelu", "sigmoid", "lrelu, sigmoid", "concat"."""
    why: str = ""
    """What the layer is there for, as docs/architecture.md prints it."""
    pool: int = 1
    """Side and stride of the max pool that stands before it; 1 for none."""
    stride: int = 1
    factor: int = 1
    """How many times a "resize" makes height and width larger."""
    leaves: tuple[str, ...] = SLIM
    """What its kernel and, if it has one, its bias are called."""
    gives: str = ""
    """The output of the net that ends in this layer."""

    @property
    def pooled(self) -> bool:
        """Whether a max pool stands before it."""
        return self.pool > 1

    @property
    def variables(self) -> dict[str, tuple[int, ...]]:
        """Variable name under the layer's scope -> shape, in TF axis order."""
        if self.kind in ("join", "resize"):
            return {}
        if self.kind == "norm":
            return dict.fromkeys(MOMENTS, (self.outputs,))
        ends = (self.inputs, self.outputs) if self.kind == "conv" else (self.outputs, self.inputs)
        shapes: tuple[tuple[int, ...], ...] = ((self.size, self.size, *ends), (self.outputs,))
        return dict(zip(self.leaves, shapes, strict=False))  # without a bias there is one leaf


@dataclass(frozen=True, kw_only=True)
class Net:
    """All that is known of one net. Whatever else names a net, a verb, a task or a halo derives it from this row."""

    scope: str
    """Its variable scope, by which files and errors name it: DecomNet."""
    verb: str
    """What a model calls it when it runs: decompose, restore or adjust."""
    task: str
    """What `kindling train` calls it: decomposition."""
    folder: str
    """Where the original keeps its checkpoint: decom_net_train."""
    function: str
    """The original's function in model.py: DecomNet_simple."""
    inputs: Mapping[str, int]
    """Argument -> channels."""
    outputs: Mapping[str, int]
    """Result -> channels."""
    reads: tuple[str, ...]
    """What each input is among "image", "R", "L" and "ratio"."""
    parts: tuple[str, ...]
    """What each result is called in pictures and reports: R, L."""
    layers: tuple[Layer, ...]
    prefix: str = "model.ckpt"
    """What the checkpoint in that folder is called."""
    unreleased: str = ""
    """Why its authors' weights are not to be had, where they are not."""

    @cached_property
    def variables(self) -> Mapping[str, tuple[int, ...]]:
        """Slim variable name (`DecomNet/g_conv1_1/weights`) -> shape, in the order the original creates them."""
        return {f"{self.scope}/{a.name}/{v}": shape for a in self.layers for v, shape in a.variables.items()}

    @property
    def parameters(self) -> int:
        """How many numbers its variables hold."""
        return sum(math.prod(shape) for shape in self.variables.values())

    @cached_property
    def reach(self) -> Reach:
        """How far its outputs look beyond themselves, and the steps on which tiles must begin."""
        return reach_of(self.layers)


def conv(
    name: str,
    inputs: int,
    outputs: int,
    of: str | tuple[str, ...],
    why: str = "",
    *,
    size: int = 3,
    after: str = "lrelu",
    pool: int = 1,
    stride: int = 1,
    leaves: tuple[str, ...] = SLIM,
    gives: str = "",
) -> Layer:
    """A row for a conv, SAME, with a bias unless `leaves` names a kernel alone."""
    return Layer(
        name=name, kind="conv", size=size, inputs=inputs, outputs=outputs, after=after, of=_names(of), why=why,
        pool=pool, stride=stride, leaves=leaves, gives=gives,
    )  # fmt: skip


def up(name: str, inputs: int, outputs: int, below: str, skip: str, why: str) -> Layer:
    """A row for a transposed conv that doubles the resolution of `below` to that of `skip`, which is put behind it."""
    return Layer(
        name=name, kind="up", size=2, inputs=inputs, outputs=outputs, after="concat", of=(below, skip), why=why,
        leaves=SLIM[:1],
    )  # fmt: skip


def deconv(name: str, channels: int, of: str, *, after: str = "relu") -> Layer:
    """A row for slim's 2x2 transposed conv of stride 2 with a bias, which doubles the resolution."""
    return Layer(name=name, kind="deconv", size=2, inputs=channels, outputs=channels, of=(of,), after=after)


def norm(name: str, channels: int, of: str, *, after: str = "relu") -> Layer:
    """A row for a batch norm of tf.layers."""
    return Layer(name=name, kind="norm", inputs=channels, outputs=channels, of=(of,), after=after)


def join(name: str, how: str, *of: str) -> Layer:
    """A row for what is made of several results without weights. how: "concat", "times", "plus"."""
    return Layer(name=name, kind="join", of=of, after=how)


def resize(name: str, of: str, factor: int) -> Layer:
    """A row for a resize to the nearest neighbour, to about `factor` times the size."""
    return Layer(name=name, kind="resize", of=(of,), factor=factor)


def _names(of: str | tuple[str, ...]) -> tuple[str, ...]:
    return (of,) if isinstance(of, str) else of
