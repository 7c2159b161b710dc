"""How a net is written down: one row a layer, from which names, shapes, counts, reach, docs and drawings are derived.

Nothing here is of one family: kindling/families/kind/nets.py is KinD's table, and another family has its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kindling.families.reach import Reach, reach_of

__all__ = ["Layer", "Net", "conv", "up"]


@dataclass(frozen=True)
class Layer:
    """One layer that has weights, under the name of its slim scope."""

    name: str
    kind: Literal["conv", "up"]
    """conv: stride 1, SAME, with a bias. up: 2x2 transposed conv, stride 2, no bias, then concat with the skip."""
    size: int
    """Side of the square kernel."""
    inputs: int
    """Channels that are read."""
    outputs: int
    """Channels that the kernel makes; an "up" hands on its skip's too."""
    after: str
    """What is applied to the result: "lrelu", "sigmoid", "lrelu, sigmoid", "concat"."""
    of: tuple[str, ...]
    """What it reads. Two names are concatenated in this order; for an "up" they are what lies below, and the skip."""
    why: str
    """What the layer is there for, as docs/architecture.md prints it."""
    pooled: bool = False
    """Whether a 2x2 max pool stands before it."""
    gives: str = ""
    """The output of the net that ends in this layer."""

    @property
    def variables(self) -> dict[str, tuple[int, ...]]:
        """Variable name under the layer's scope -> shape, in TF axis order."""
        if self.kind == "up":
            return {"weights": (self.size, self.size, self.outputs, self.inputs)}  # kh, kw, out, in
        return {"weights": (self.size, self.size, self.inputs, self.outputs), "biases": (self.outputs,)}


@dataclass(frozen=True, kw_only=True)
class Net:
    """All that is known of one net. Whatever else names a net, a verb, a task or a halo derives it from this row."""

    scope: str
    """Its variable scope, by which files and errors name it: DecomNet."""
    verb: str
    """What the class KinD calls it when it runs: decompose."""
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
    parts: tuple[str, ...]
    """What each result is called in pictures and reports: R, L."""
    layers: tuple[Layer, ...]

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
    why: str,
    *,
    size: int = 3,
    after: str = "lrelu",
    pooled: bool = False,
    gives: str = "",
) -> Layer:
    """A row for a conv of stride 1, SAME, with a bias."""
    return Layer(name, "conv", size, inputs, outputs, after, (of,) if isinstance(of, str) else of, why, pooled, gives)


def up(name: str, inputs: int, outputs: int, below: str, skip: str, why: str) -> Layer:
    """A row for a transposed conv that doubles the resolution of `below` to that of `skip`, which is put behind it."""
    return Layer(name, "up", 2, inputs, outputs, "concat", (below, skip), why)
