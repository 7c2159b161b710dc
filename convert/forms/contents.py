"""What a reader hands on: arrays under slim names, and what else the file had to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Contents:
    """A file as it stands: nothing checked, nothing left out."""

    variables: dict[str, np.ndarray]  # slim names, TF axis order
    metadata: dict[str, str] = field(default_factory=dict)
    unwrapped: tuple[str, ...] = ()  # what had to be taken off to find the variables
    beside: tuple[str, ...] = ()  # what lay beside them, of training


def plain(metadata) -> dict[str, str]:
    """Names and values as strings, which every form has room for. Anything else in their place is not ours: nothing."""
    if not isinstance(metadata, Mapping):
        return {}
    return {str(key): str(value).replace("\0", "") for key, value in metadata.items()}
