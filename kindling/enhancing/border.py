"""A border of the photo's own reflection around it, which the nets see and the picture leaves out.

Beyond a photo the nets' convs see zeros, and answer with a frame of lighter or darker pixels along its edge. The
default weights are therefore run with such a border (docs/lol.md has what it brings); the authors' are not, since their
programs have none.
"""

from collections.abc import Sequence

import numpy as np

from kindling.core.model import Array
from kindling.enhancing.kept import Kept
from kindling.enhancing.tiles import Read

__all__ = ["Inside", "bordered", "cut", "inner"]


def bordered(read: Read, size: Sequence[int], width: int) -> Read:
    """The reader of the photo with a border of `width` pixels. read, size: of the photo, its height and width."""
    if not width:
        return read
    # Of each row and column, the one of the photo that is seen there; a photo smaller than the border is seen again
    # and again.
    rows, columns = (np.pad(np.arange(length), width, mode="reflect") for length in size)

    def reflected(down: slice, across: slice) -> Array:
        r, c = rows[down], columns[across]
        part = read(slice(int(r.min()), int(r.max()) + 1), slice(int(c.min()), int(c.max()) + 1))
        if part.shape[:2] == (len(r), len(c)) and r[0] <= r[-1] and c[0] <= c[-1]:
            return part  # nothing of the border is in it
        return part[r - r.min()][:, c - c.min()]

    return reflected


def cut(array: Array, width: int) -> Array:
    """A picture (h, w, c) without its border."""
    return array[width : array.shape[0] - width, width : array.shape[1] - width]


def inner(span: slice, width: int, length: int) -> tuple[slice, slice] | None:
    """What of `span`, rows or columns with the border, lies in a photo of `length`: there, and within the span."""
    start, stop = max(span.start - width, 0), min(span.stop - width, length)
    if start >= stop:
        return None
    first = start + width - span.start
    return slice(start, stop), slice(first, first + stop - start)


class Inside:
    """R and L of a photo without its border, out of those that are kept with it."""

    def __init__(self, kept: Kept, width: int):
        self._kept, self._width = kept, width

    def get(self, rows: slice) -> tuple[Array, Array]:
        """R (h, w, 3) and L (h, w, 1) of these rows of the photo."""
        R, L = self._kept.get(slice(rows.start + self._width, rows.stop + self._width))
        columns = slice(self._width, R.shape[1] - self._width)
        return R[:, columns], L[:, columns]
