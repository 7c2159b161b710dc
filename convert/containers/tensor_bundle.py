"""TensorFlow's V2 checkpoint format, read and written with numpy alone.

A bundle is an index and data shards. The data are the tensors' bytes one after the other. The index is a sorted string
table (convert/containers/sstable.py): under the empty key stands a header, under every tensor's name an entry, both
small protocol buffers; an entry says dtype, shape, shard, offset, size and CRC32C. After
tensorflow/core/util/tensor_bundle and its tensor_bundle.proto, whose bytes `write` gives.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError

from .limits import refuse_bulk
from .sstable import Damaged, made_table, made_varint, masked_crc, read_table, read_varint

MOST_AXES = 16  # TensorFlow has 254, numpy 64, and a weight has 4

# The numbers of tensorflow.DataType that hold plain numbers. 14 is bfloat16, which numpy knows only through ml_dtypes.
DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool"}
DTYPES |= {14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64"}
NUMBERS = {name: number for number, name in DTYPES.items()}


@dataclass(frozen=True)
class Entry:
    """What the index says of one tensor."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Every tensor of the bundle at `prefix`, by name, checksums checked. Raises Damaged, or KindlingError for a form
    of tensor that is not read here (slices of partitioned variables, strings)."""
    shards, entries = read_index(part(prefix, "index"))
    held = {}
    refuse_bulk(prefix, (entry.size for entry in entries.values()))
    files = {part(prefix, f"data-{k:05}-of-{shards:05}") for k in {entry.shard for entry in entries.values()}}
    if sum(e.size for e in entries.values()) > sum(file.stat().st_size for file in files if file.is_file()):
        missing = sorted(file.name for file in files if not file.is_file())
        raise Damaged(f"{missing[0]} is missing" if missing else "its tensors are larger than its data files")
    for name, entry in entries.items():
        dtype = _dtype(prefix, name, entry)
        if len(entry.shape) > MOST_AXES:
            raise Damaged(f"{name} has {len(entry.shape)} axes")
        if math.prod(entry.shape) * dtype.itemsize != entry.size:
            raise Damaged(f"{name} has shape {entry.shape} and {entry.size} bytes, which do not go together")
        held[name] = _data(prefix, name, entry, shards).view(dtype).reshape(entry.shape)
    return held


def read_index(path: Path) -> tuple[int, dict[str, Entry]]:
    """The number of shards and the entry of every tensor. Raises Damaged."""
    refuse_bulk(path, [path.stat().st_size])
    table = path.read_bytes()
    try:
        header, entries, of_slices = 1, {}, []
        for key, value in read_table(table):
            if key == b"":
                header = _header(value)
            elif key.startswith(b"\0"):
                of_slices.append((key, value))
            else:
                entries[key.decode()] = _entry(value)
        if not any(entry.sliced for entry in entries.values()):  # or such a key holds one slice of a variable
            entries |= {key.decode(): _entry(value) for key, value in of_slices}
        return header, entries
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise Damaged(f"{path.name} is damaged: its bytes make no sense") from error


def write(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write `tensors` as a bundle of one shard: the bytes that TensorFlow's SaveV2 would write."""
    pairs = [(b"", b"\x08\x01\x1a\x02\x08\x01")]  # one shard, little-endian, version 1
    offset = 0
    with open(part(prefix, "data-00000-of-00001"), "wb") as data:
        for name in sorted(tensors):
            array = np.asarray(tensors[name])
            raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
            data.write(raw)
            pairs.append((name.encode(), _made_entry(array, offset, raw)))
            offset += len(raw)
    part(prefix, "index").write_bytes(made_table(pairs))


def part(prefix: Path, name: str) -> Path:
    """`model.ckpt` and `index` -> `model.ckpt.index`."""
    return prefix.parent / f"{prefix.name}.{name}"


# --- reading -----------------------------------------------------------------------------------------------------


def _data(prefix, name, entry, shards):
    """The bytes of one tensor. Sizes are held against the file before anything is allocated."""
    file = part(prefix, f"data-{entry.shard:05}-of-{shards:05}")
    if not file.is_file():
        raise Damaged(f"{file.name} is missing")
    if entry.offset + entry.size > file.stat().st_size:
        raise Damaged(f"{file.name} ends before {name} does, at {file.stat().st_size:,} bytes")
    raw = np.fromfile(file, np.uint8, entry.size, offset=entry.offset)
    if masked_crc(raw) != entry.crc:
        raise Damaged(f"{name} in {file.name} does not have the checksum that {prefix.name}.index says")
    return raw


def _dtype(prefix, name, entry):
    if entry.sliced:
        raise KindlingError(f"{prefix}: {name} is saved in slices of a partitioned variable, which is not read here")
    called = DTYPES.get(entry.dtype)
    if called == "bfloat16":
        try:
            import ml_dtypes
        except ModuleNotFoundError as error:
            raise KindlingError(
                f"{prefix}: {name} is bfloat16, which needs ml_dtypes: pip install ml_dtypes"
            ) from error
        return np.dtype(ml_dtypes.bfloat16)
    if called is None:
        raise KindlingError(
            f"{prefix}: {name} holds no numbers (TensorFlow's dtype {entry.dtype}); weights are float32"
        )
    return np.dtype(called)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protocol buffer: integers, and bytes for strings and messages inside."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = read_varint(message, at)
        elif wire == 2:
            length, at = read_varint(message, at)
            if at + length > len(message):
                raise Damaged("a message in the index is cut off")
            value, at = message[at : at + length], at + length
        elif wire == 5:
            value, at = struct.unpack("<I", message[at : at + 4])[0], at + 4
        elif wire == 1:
            value, at = struct.unpack("<Q", message[at : at + 8])[0], at + 8
        else:
            raise Damaged("a message in the index has a field of no known kind")
        yield tag >> 3, value


def _header(message: bytes) -> int:
    fields = dict(_fields(message))
    if fields.get(2, 0):
        raise Damaged("the checkpoint was written on a big-endian machine")
    return fields.get(1, 1)


def _entry(message: bytes) -> Entry:
    number = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    shape, sliced = (), False
    for field, value in _fields(message):
        if field in number and isinstance(value, int):
            number[field] = value
        elif field == 2 and isinstance(value, bytes):
            shape = tuple(dict(_fields(dim)).get(1, 0) for inner, dim in _fields(value) if inner == 2)
        elif field == 7:
            sliced = True
    return Entry(number[1], shape, number[3], number[4], number[5], number[6], sliced)


# --- writing -----------------------------------------------------------------------------------------------------


def _made_entry(array: np.ndarray, offset: int, raw: bytes) -> bytes:
    dims = b"".join(_bytes(2, _number(1, size)) for size in array.shape)
    entry = _number(1, NUMBERS[array.dtype.name]) + _bytes(2, dims)
    return entry + _number(4, offset) + _number(5, len(raw)) + b"\x35" + struct.pack("<I", masked_crc(raw))


def _number(field: int, value: int) -> bytes:
    """A protocol buffer leaves zeros out."""
    return made_varint(field << 3) + made_varint(value) if value else b""


def _bytes(field: int, value: bytes) -> bytes:
    return made_varint(field << 3 | 2) + made_varint(len(value)) + value
