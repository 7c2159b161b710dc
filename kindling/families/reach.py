"""How far a net looks beyond a pixel, and what of each level the middle of a tile needs; both read off its layers.

A tile's halo is as wide as the deepest level looks, where a pixel stands for 16 of the photo's. On the way up a net
looks less and less far, at full resolution three pixels beyond what is wanted. Cutting each level down to that spares
a large part of a tile's work and memory, and what is wanted comes out the same: where a conv sees zeros at the cut
instead of the halo, nothing is used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from kindling.core.errors import KindlingError

__all__ = ["Reach", "Spans", "Window", "check_core", "reach_of"]

Spans = tuple[slice, slice]  # rows, columns
FAR = 1 << 20  # a multiple of any step, and farther from 0 than any net looks


class Row(Protocol):
    """What of a layer's row (kindling/families/table.py) is needed here."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def of(self) -> tuple[str, ...]: ...
    @property
    def pool(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def factor(self) -> int: ...
    @property
    def gives(self) -> str: ...


class Window(NamedTuple):
    """What an up-conv still needs of its two inputs, in the pixels of the arrays that it is given."""

    below: Spans
    skip: Spans


@dataclass(frozen=True)
class Reach:
    """What a tile must hold of a photo, in pixels."""

    exact: int
    """How far beyond a step of the pools an output looks, at most."""
    step: int
    """The stride of the deepest level. A tile begins on a multiple of it, or the pools would pair other pixels."""
    convs: tuple[int, ...]
    """How far the convs look behind each up-conv, in pixels of its own level, full resolution first."""
    placed: bool = False
    """Whether what a pixel reads hangs on where in the photo it lies. TensorFlow pads a strided conv by whether a side
    is even, and a resize counts from the photo's first pixel: a tile must end as the photo does, and say where it is.
    """

    @property
    def halo(self) -> int:
        """`exact`, rounded up to a step: the width of the margin of a tile."""
        return math.ceil(self.exact / self.step) * self.step

    def windows(self, core: Spans, size: Sequence[int]) -> tuple[list[Window], Spans]:
        """A window for each up-conv, deepest first, and where `core` lies in what the net then gives.

        core: the rows and columns that are wanted of a tile of `size` (height, width). Raises KindlingError if it is
        empty or lies outside.
        """
        check_core(core, size)
        ways = (self._one_way(span, length) for span, length in zip(core, size, strict=True))
        (*rows, row), (*columns, column) = ways
        pairs = zip(rows, columns, strict=True)
        return [Window((r[0], c[0]), (r[1], c[1])) for r, c in pairs], (row, column)

    def _one_way(self, core: slice, length: int) -> list[Any]:
        """Down the rows or along the columns: (below, skip) for each up-conv, deepest first, then the core's place."""
        skips, span, last = [], core, length
        for convs in self.convs:
            # an up-conv makes two pixels of one, so it begins on an even one; an odd end is the tile's own
            span = slice(max(span.start - convs, 0) // 2 * 2, min(_even(span.stop + convs), last))
            skips.append(span)
            span, last = slice(span.start // 2, _even(span.stop) // 2), _even(last) // 2
        pairs = [(span, skips[-1])]  # the deepest level is there as a whole
        for deeper, skip in zip(skips[:0:-1], skips[-2::-1], strict=True):
            pairs.append((slice(skip.start // 2 - deeper.start, _even(skip.stop) // 2 - deeper.start), skip))
        return [*pairs, slice(core.start - skips[0].start, core.stop - skips[0].start)]


def check_core(core: Spans, size: Sequence[int]) -> None:
    """Refuse rows and columns that are empty, or lie outside of a tile of `size` (height, width)."""
    for span, length in zip(core, size, strict=True):
        if not 0 <= span.start < span.stop <= length:
            raise KindlingError(f"core is {span.start}:{span.stop}, expected a part of the tile's 0:{length}")


def reach_of(layers: Sequence[Row]) -> Reach:
    """Walks the layers backwards from one step of the deepest level, along what each of them reads.

    A conv looks size // 2 farther at its own level, and at stride s reads s pixels for one, one of them beyond. A pool
    reads as many for one as its side is long; an up-conv one for two, and a resize one for its factor, or the next.
    """
    step = max(_scales(layers).values())
    needed = {layer.name: (FAR, FAR + step - 1) for layer in layers if layer.gives}
    for layer in reversed(layers):
        low, high = needed[layer.name]
        margin, last = layer.size // 2 if layer.kind == "conv" else 0, layer.stride - 1
        source = layer.stride * low - margin, layer.stride * high + last + margin
        if layer.kind in ("up", "deconv"):
            source = low // 2, high // 2
        elif layer.kind == "resize":
            source = low // layer.factor, high // layer.factor + 1
        source = layer.pool * source[0], layer.pool * source[1] + layer.pool - 1
        sources = dict.fromkeys(layer.of, source)
        if layer.kind == "up":
            sources[layer.of[1]] = low, high
        for name, (low, high) in sources.items():
            before = needed.get(name, (low, high))
            needed[name] = min(low, before[0]), max(high, before[1])
    inputs = [needed[name] for name in needed.keys() - {layer.name for layer in layers}]
    exact = max(max(FAR - low, high - (FAR + step - 1)) for low, high in inputs)
    placed = any(layer.kind == "resize" or layer.stride > 1 for layer in layers)
    return Reach(exact, step, _behind_each_up_conv(layers), placed)


def _scales(layers: Sequence[Row]) -> dict[str, int]:
    """For each layer how many of the photo's pixels one of its own stands for, down a side."""
    scales: dict[str, int] = {}
    for layer in layers:
        halved = 2 if layer.kind in ("up", "deconv") else layer.factor
        scales[layer.name] = scales.get(layer.of[0], 1) * layer.pool * layer.stride // halved
    return scales


def _behind_each_up_conv(layers: Sequence[Row]) -> tuple[int, ...]:
    """Full resolution first, so from the last layer to the first."""
    reaches, behind = [], 0
    for layer in reversed(layers):
        if layer.kind == "up":
            reaches.append(behind)
            behind = 0
        else:
            behind += layer.size // 2
    return tuple(reaches)


def _even(size: int) -> int:
    return size + size % 2
