"""How far the colours of a photo itself are believed, by the noise that is measured on it.

The protocol "blend" takes them where they are believed (kindling/families/kind/fusion.py), and a large
photo is looked at in strips, so that its noise costs no copy of the whole.
"""

import math

import numpy as np

from kindling.enhancing.tiles import Read
from kindling.families.kind import fusion
from kindling.families.registry import Family

__all__ = ["doubt"]

SEEN = 4e6  # pixels that noise is measured on, at most
STRIP = 64  # rows that are taken together for that


def doubt(read: Read, size: tuple[int, int], step: float, family: Family, grey: bool) -> float:
    """The light below which a photo's colours are not believed; infinite where a picture takes none of them.

    read: the stretched photo of (height, width), by rows and columns. step: what one level of its file is worth in it.
    """
    # Behind a wall a tile and the whole photo have other light in view, so that tiles would show.
    if grey or family.multiple > 1 or family.fuse_reach < fusion.COLOUR_RADIUS:
        return math.inf
    height, width = size
    strips = max(1, min(-(-height // STRIP), int(SEEN / (width * STRIP))))
    # Of a large photo as many strips as are enough, evenly apart; each begins and ends with a whole pair of rows.
    tops = np.linspace(0, max(0, height - STRIP), strips).astype(int)
    parts = [read(slice(top, min(top + STRIP, height)), slice(0, width)) for top in tops]
    return fusion.doubt(fusion.noise(np.concatenate([part[: len(part) // 2 * 2] for part in parts])), step)
