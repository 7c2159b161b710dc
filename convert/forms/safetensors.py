"""The form of Hugging Face's safetensors: PyTorch's keys and axis order, metadata in the header.

The format has no pickle and its own library holds every size against the file before it reads. It has no checksum
either, so what we write says the fingerprint of its weights, and reading compares (convert/forms/registry.py).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kindling.core.names import to_slim, to_torch

from ..containers.limits import refuse_bulk
from .contents import Contents, plain


def read(path: Path) -> Contents:
    """Every tensor in the file, by its slim name."""
    from safetensors import safe_open

    refuse_bulk(path, [path.stat().st_size])
    with safe_open(path, framework="numpy") as file:
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
        return Contents(to_slim(state), plain(file.metadata()))


def write(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    from safetensors.numpy import save

    path.write_bytes(save(to_torch(variables), dict(metadata)))  # its own save_file makes a file no one else may read
