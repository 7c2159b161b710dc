"""The form of Hugging Face's safetensors: PyTorch's keys and axis order, metadata in the header.

The format has no pickle and its own library holds every size against the file before it reads. It has no checksum
either, so what we write says the fingerprint of its weights, and reading compares (convert/forms/registry.py).
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.names import to_torch

from .contents import Contents, plain

DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2, "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8,
    "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def read(path: Path, data: bytes) -> Contents:
    """Every tensor in the file; KindlingError for tensors whose numbers are of no known kind."""
    from safetensors import deserialize

    tensors = dict(deserialize(data))
    strange = [f"{name} is {tensor['dtype']}" for name, tensor in tensors.items() if tensor["dtype"] not in DTYPES]
    if strange:
        raise KindlingError.of(str(path), strange, "these numbers are not read here; save them as float32")
    arrays = {
        name: np.frombuffer(tensor["data"], DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
        for name, tensor in tensors.items()
    }
    (length,) = struct.unpack("<Q", data[:8])  # of the header; the library above has held it against the file
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__")
    return Contents(variables=arrays, metadata=plain(metadata))


def made(variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    from safetensors.numpy import save

    return save(to_torch(variables), dict(metadata))
