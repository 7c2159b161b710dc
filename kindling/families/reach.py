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

__all__ = ["Reach", "Spans", "Window", "reach_of"]

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
    def pooled(self) -> bool: ...
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

    @property
    def halo(self) -> int:
        """`exact`, rounded up to a step: the width of the margin of a tile."""
        return math.ceil(self.exact / self.step) * self.step

    def windows(self, core: Spans, size: Sequence[int]) -> tuple[list[Window], Spans]:
        """A window for each up-conv, deepest first, and where `core` lies in what the net then gives.

        core: the rows and columns that are wanted of a tile of `size` (height, width). Raises KindlingError if it is
        empty or lies outside.
        """
        ways = (self._one_way(span, length) for span, length in zip(core, size, strict=True))
        (*rows, row), (*columns, column) = ways
        pairs = zip(rows, columns, strict=True)
        return [Window((r[0], c[0]), (r[1], c[1])) for r, c in pairs], (row, column)

    def _one_way(self, core: slice, length: int) -> list[Any]:
        """Down the rows or along the columns: (below, skip) for each up-conv, deepest first, then the core's place."""
        if not 0 <= core.start < core.stop <= length:
            raise KindlingError(f"core is {core.start}:{core.stop}, expected a part of the tile's 0:{length}")
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


def reach_of(layers: Sequence[Row]) -> Reach:
    """Walks the layers backwards from one step of the deepest level, along what each of them reads.

    A conv looks size // 2 farther at its own level, a pool reads two pixels for one, an up-conv one for two.
    """
    step = 2 ** sum(layer.pooled for layer in layers)
    needed = {layer.name: (FAR, FAR + step - 1) for layer in layers if layer.gives}
    for layer in reversed(layers):
        low, high = needed[layer.name]
        sources = dict.fromkeys(layer.of, (low - layer.size // 2, high + layer.size // 2))
        if layer.pooled:
            sources = {name: (2 * low, 2 * high + 1) for name, (low, high) in sources.items()}
        if layer.kind == "up":
            below, skip = layer.of
            sources = {below: (low // 2, high // 2), skip: (low, high)}
        for name, (low, high) in sources.items():
            before = needed.get(name, (low, high))
            needed[name] = min(low, before[0]), max(high, before[1])
    inputs = [needed[name] for name in needed.keys() - {layer.name for layer in layers}]
    exact = max(max(FAR - low, high - (FAR + step - 1)) for low, high in inputs)
    return Reach(exact, step, _behind_each_up_conv(layers))


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
