"""What the conversion of a file must know of the weights in it, whatever kind of weights they are.

Nets of a family (convert/conversion.py) and the VGG of a perceptual loss (convert/vgg.py) each say it for themselves,
so that a conversion reads the same for both, and for the next kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from .forms.registry import Checkpoint

__all__ = ["Carried", "Carry", "Write"]


class Write(Protocol):
    """Writes what is carried, checked by reading it back. dry: only see whether it could be written."""

    def __call__(self, metadata: Mapping[str, str], *, force: bool, dry: bool) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Sound weights on their way into another file."""

    family: str
    """The id that the file's metadata gets."""
    variables: dict[str, np.ndarray]
    nets: list[str]
    left_behind: list[str]
    """What the file holds beside them, by name."""
    files: list[Path]
    """What `write` writes."""
    write: Write


Carry = Callable[[Checkpoint, Mapping[str, np.ndarray], Path], Carried]
"""(what the file holds, its variables in float32, the file to be written) -> what is carried; KindlingError if it is
not sound."""
