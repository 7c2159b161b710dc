"""What a reader hands on: arrays under their names, and what else the file had to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A file as it stands: nothing checked, nothing left out of what a checkpoint can hold."""

    variables: dict[str, np.ndarray]
    """By the names in the file, in its own axis order."""
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What is particular about the file, besides its names."""
    beside: tuple[tuple[str, ...], ...] = ()
    """The way to each thing in the file that is no array."""
    torch: bool = False
    """Whether names and axes can only be PyTorch's. In forms in which people keep both, names with a slash are slim's,
    and with them TF's axis order; other ones are PyTorch's."""
    hint: str = ""
    """The id of the family that keeps its checkpoints under names like those that were read."""
    left: tuple[str, ...] = ()
    """Arrays that were not handed on, in words."""


def plain(metadata: object) -> dict[str, str]:
    """Names and values as strings, which every form has room for. Anything else in their place is not ours: nothing."""
    if not isinstance(metadata, Mapping):
        return {}
    return {str(key): str(value).replace("\0", "") for key, value in metadata.items()}
