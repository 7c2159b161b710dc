"""How much a checkpoint may hold: judged by what it says of itself, before anything is allocated for it.

A file of a kilobyte can claim 2^40 elements, and a compressed one can inflate a thousandfold. KinD has 8 million
weights, 32 MB; with both slots of Adam, in float64, it is 192 MB. The VGG19 of a perceptual loss, its top included, is
575 MB. What claims more is neither.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path

from kindling.core.errors import KindlingError

MOST_NAMES = 100_000  # of tensors; KinD with its training has some hundred
MOST_SCOPES = 64  # in one name
MOST_BYTES = 600_000_000  # of numbers in one file or folder, unpacked


def refuse_bulk(path: Path, sizes: Iterable[int]) -> None:
    """KindlingError if the arrays of these sizes, in bytes, are more together than a checkpoint of KinD can be."""
    total = sum(sizes)
    if total > MOST_BYTES:
        raise KindlingError(
            f"{path}: it claims to hold {total:,} bytes of numbers, and no checkpoint that is read here is beyond "
            f"{MOST_BYTES:,}; refused"
        )


def refuse_crowds(path: Path, names: Iterable[tuple[str, ...]]) -> None:
    """KindlingError if there are more names, each given by its scopes, or longer ones than a checkpoint of KinD has."""
    names = list(names)
    longest = max(map(len, names), default=0)
    if len(names) > MOST_NAMES:
        raise KindlingError(f"{path}: it holds {len(names):,} tensors, and no checkpoint of KinD does; refused")
    if longest > MOST_SCOPES:
        raise KindlingError(f"{path}: a name in it has {longest:,} parts, and no variable of KinD does; refused")


def nbytes(shape: Iterable[int], itemsize: int) -> int:
    """What an array takes, counted without end: a product of shapes does not wrap around here."""
    return math.prod(int(size) for size in shape) * itemsize


def whole(path: Path) -> bytes:
    """Every byte of a file, read once: what is parsed is then what is hashed, whoever writes to the file meanwhile."""
    with open(path, "rb") as file:
        refuse_bulk(path, [os.fstat(file.fileno()).st_size])
        return file.read()
