"""What the rest of the house knows of a loaded model: two protocols, and nothing of any framework.

Tiles, ratio, rendering, evaluating and previews take a `Model`; parity also looks inside, at a `Layered` one.
kindling/runtimes.py opens them, and kind_torch/runtime.py and kind_tf/runtime.py are what it gets.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Array", "Layered", "Model", "Place"]

Array = np.ndarray[Any, np.dtype[Any]]
Core = tuple[slice, slice]  # rows, columns
Dial = Any  # a number, an Array, a Place


class Place(NamedTuple):
    """Where in a photo a tile lies, for nets whose pixels hang on that."""

    rows: slice
    columns: slice
    height: int
    """Of the photo."""
    width: int


class Model(Protocol):
    """Loaded weights that run on NHWC arrays of floats in [0, 1]."""

    family: Any
    """The row of kindling/families/registry.py that says which nets there are, and how their results are fused."""
    runtime: str
    """The name of its row in kindling/runtimes.py."""
    device: str
    """Where it runs, as its framework calls the place: cpu, cuda:0."""
    precision: str
    """float32, float64, bfloat16 or float16."""
    nets: frozenset[str]
    """The scopes of the nets that have weights."""
    said: Mapping[str, str]
    """What the file of its weights says beside them, such as how a ratio is guessed."""

    def run(self, verb: str, *arrays: Array, core: Core | None = None, **dials: Dial) -> tuple[Array, ...]:
        """One net, or "enhance", the whole chain. arrays: its inputs, (n, h, w, c). Returns its results, alike.

        core: the rows and columns that are wanted of `restore`; the rest of the tile is halo. dials: `ratio`, a number
        or a map (n, h, w, 1), and `place`, of a tile, where the family's row asks for them. Raises KindlingError if a
        net has no weights, OutOfMemory if there is no room for it.
        """
        ...

    def bytes_per_pixel(self) -> int:
        """What the nets take, at most, for each pixel of a tile, as benchmarks/enhance.py measures it."""
        ...

    def free_bytes(self) -> int:
        """What is left where it runs."""
        ...

    def rest(self) -> None:
        """Give back what is kept for the next tile: the next photo has another size."""
        ...


class Layered(Model, Protocol):
    """A model that shows what happens inside."""

    def layers(self, net: str, *arrays: Array) -> Iterator[tuple[str, Array]]:
        """Every layer of one net in the order it runs: its op name in the authors' graph, its result (n, h, w, c)."""
        ...
