"""TensorFlow's V1 checkpoints, made without TensorFlow: what its Saver wrote before 2017, message by message."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convert.containers.messages import made_varint
from convert.containers.sstable import made_table

FIELDS = {
    "float32": (1, 5),
    "float64": (2, 6),
    "int32": (3, 7),
    "int64": (9, 10),
    "bool": (10, 11),
    "float16": (19, 13),
}


def made(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]] | None = None) -> bytes:
    """The file that holds `tensors`. shapes: what it says that some of them have, though they have not."""
    metas, pairs = b"", []
    for name, array in sorted(tensors.items()):
        number, field = FIELDS[array.dtype.name]
        whole = b"".join(_message(1, b"") for _ in array.shape)  # every axis from end to end
        listed = (shapes or {}).get(name, array.shape)
        shape = b"".join(_message(2, _number(1, size)) for size in listed)
        metas += _message(1, _message(1, name.encode()) + _message(2, shape) + _number(3, number) + _message(4, whole))
        data = _message(1, name.encode()) + _message(2, whole) + _message(3, _message(field, _packed(array)))
        key = b"\0" + name.encode() + b"\0\x01" + b"\x01" + bytes([array.ndim]) + b"\x80\x7f" * array.ndim
        pairs.append((key, _message(2, data)))
    return made_table([(b"", _message(1, metas)), *pairs])


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """One file at `path`."""
    path.write_bytes(made(tensors))


def _packed(array: np.ndarray) -> bytes:
    if array.dtype in (np.float32, np.float64, np.bool_):
        return array.tobytes()
    numbers = array.view(np.uint16) if array.dtype == np.float16 else array.astype(np.int64).view(np.uint64)
    return b"".join(made_varint(int(n)) for n in numbers.reshape(-1))


def _message(field: int, value: bytes) -> bytes:
    return made_varint(field << 3 | 2) + made_varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return made_varint(field << 3) + made_varint(value)
