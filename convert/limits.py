"""How much a checkpoint may hold: judged by what it says of itself, before anything is allocated for it.

A file of a kilobyte can claim 2^40 elements, and a compressed one can inflate a thousandfold. KinD has 8 million
weights, 32 MB; with both slots of Adam, in float64, it is 192 MB. What claims more is no checkpoint of KinD.
"""

import math
from collections.abc import Iterable

from kindling.errors import KindlingError

MOST_BYTES = 2**28  # of numbers in one file or folder, unpacked
LARGEST_FILE = 2**30  # of a file that is looked at as a whole


def refuse_bulk(path, sizes: Iterable[int]) -> None:
    """KindlingError if the arrays of these sizes, in bytes, are more together than a checkpoint of KinD can be."""
    total = sum(sizes)
    if total > MOST_BYTES:
        raise KindlingError(
            f"{path}: it claims to hold {total:,} bytes of numbers, and KinD with all that training keeps beside it is "
            f"under {MOST_BYTES:,}; refused"
        )


def nbytes(shape: Iterable[int], itemsize: int) -> int:
    """What an array takes, counted without end: a product of shapes does not wrap around here."""
    return math.prod(int(size) for size in shape) * itemsize
