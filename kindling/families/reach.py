"""What of each level of the restoration net the middle of a tile hangs on, on the net's way up.

A tile's halo is as wide as the deepest level looks, where a pixel stands for 16 of the photo's. On the way up the net
looks less and less far, at full resolution three pixels beyond what is wanted. Cutting each level down to that spares
a large part of a tile's work and memory, and what is wanted comes out the same: where a conv sees zeros at the cut
instead of the halo, nothing is used.
"""

from collections.abc import Sequence
from typing import NamedTuple

from kindling.core.errors import KindlingError

CONVS = (
    3,
    2,
    2,
    2,
)  # 3x3 convs behind each up-conv of Restoration_net, full resolution first; each looks one pixel far

Spans = tuple[slice, slice]  # rows, columns


class Window(NamedTuple):
    """What an up-conv still needs of its two inputs, in the pixels of the arrays that it is given."""

    below: Spans
    skip: Spans


def windows(core: Spans, size: Sequence[int]) -> tuple[list[Window], Spans]:
    """A window for each up-conv, deepest first, and where `core` lies in what the net then gives.

    core: the rows and columns that are wanted of a tile of `size` (height, width). Raises KindlingError if it is empty
    or lies outside.
    """
    (*rows, row), (*columns, column) = (_one_way(span, length) for span, length in zip(core, size, strict=True))
    pairs = zip(rows, columns, strict=True)
    return [Window((r[0], c[0]), (r[1], c[1])) for r, c in pairs], (row, column)


def _one_way(core, length):
    """Down the rows or along the columns: (below, skip) for each up-conv, deepest first, and then the core's place."""
    if not 0 <= core.start < core.stop <= length:
        raise KindlingError(f"core is {core.start}:{core.stop}, expected a part of the tile's 0:{length}")
    skips, span, last = [], core, length
    for convs in CONVS:
        # an up-conv makes two pixels of one, so it begins on an even one; an odd end is the tile's own
        span = slice(max(span.start - convs, 0) // 2 * 2, min(_even(span.stop + convs), last))
        skips.append(span)
        span, last = slice(span.start // 2, _even(span.stop) // 2), _even(last) // 2
    pairs = [(span, skips[-1])]  # the deepest level is there as a whole
    for deeper, skip in zip(skips[:0:-1], skips[-2::-1], strict=True):
        pairs.append((slice(skip.start // 2 - deeper.start, _even(skip.stop) // 2 - deeper.start), skip))
    return [*pairs, slice(core.start - skips[0].start, core.stop - skips[0].start)]


def _even(size):
    return size + size % 2
