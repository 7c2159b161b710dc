"""What a reader hands on: arrays under their names, and what else the file had to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from kindling.core.names import to_slim


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A file as it stands: nothing checked, nothing left out of what a checkpoint can hold."""

    variables: dict[str, np.ndarray]
    """Names with a slash between scopes, TF axis order."""
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What is particular about the file, besides its names."""
    beside: tuple[tuple[str, ...], ...] = ()
    """The way to each thing in the file that is no array."""
    hint: str = ""
    """The id of the family that keeps its checkpoints under names like those that were read."""
    left: tuple[str, ...] = ()
    """Arrays that were not handed on, in words."""


def plain(metadata: object) -> dict[str, str]:
    """Names and values as strings, which every form has room for. Anything else in their place is not ours: nothing."""
    if not isinstance(metadata, Mapping):
        return {}
    return {str(key): str(value).replace("\0", "") for key, value in metadata.items()}


def renamed(held: Contents) -> Contents:
    """What a file holds, under slim names and in TF's axis order."""
    return replace(held, variables=by_slim_names(held.variables))


def by_slim_names(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of a form in which people keep both: names with a slash are slim's, and with them TF's axis order;
    other ones are PyTorch's, whose axes are turned."""
    if any("/" in name for name in arrays):
        return dict(arrays)
    return to_slim(arrays)
