"""TensorFlow's V2 checkpoint format, read and written with numpy alone.

A bundle is an index and data shards. The data are the tensors' bytes one after the other. The index is a sorted string
table (convert/containers/sstable.py): under the empty key stands a header, under every tensor's name an entry, both
small protocol buffers; an entry says dtype, shape, shard, offset, size and CRC32C. After
tensorflow/core/util/tensor_bundle and its tensor_bundle.proto, whose bytes `made` gives.
"""

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from kindling.core.errors import KindlingError

from .limits import refuse_bulk, whole
from .messages import Damaged, fields, made_varint, messages, number, read_varint, shape
from .sstable import made_table, masked_crc, read_table

MOST_AXES = 16  # TensorFlow has 254, numpy 64, and a weight has 4
SHARD = "data-00000-of-00001"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # under which an object-based checkpoint keeps whose its tensors are

# The numbers of tensorflow.DataType that hold plain numbers.
DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool"}
DTYPES |= {14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64"}
DTYPES |= {24: "float8_e5m2", 25: "float8_e4m3fn"}
NUMBERS = {name: number for number, name in DTYPES.items()}
STRING = 7
BIG_ENDIAN = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the index says of one tensor."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


@dataclass(frozen=True, kw_only=True)
class Index:
    """What an index says: how many data files there are, how their numbers are written, and every tensor's entry."""

    shards: int
    big_endian: bool
    entries: dict[str, Entry]


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle as it stands: its tensors by name, and whose they are, where objects were saved."""

    tensors: dict[str, np.ndarray]
    graph: bytes | None
    """The TrackableObjectGraph message of an object-based checkpoint."""
    big_endian: bool
    strings: tuple[str, ...]
    """Names under which an object-based checkpoint keeps no numbers."""


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Every tensor of the bundle at `prefix`, by name, checksums checked. Raises as `parse` does."""
    return parse(prefix, hashlib.sha256()).tensors


def parse(prefix: Path, digest: "hashlib._Hash") -> Bundle:
    """The bundle at `prefix`, checksums checked; the bytes of its files go through `digest`, the index last.

    Raises Damaged, or KindlingError for a form of tensor that is not read here (slices of partitioned variables,
    strings that are no object graph).
    """
    table = whole(part(prefix, "index"))
    index = _index(table, part(prefix, "index").name)
    entries = index.entries
    graph = entries.pop(GRAPH, None)
    strings = tuple(name for name, entry in entries.items() if graph and entry.dtype not in DTYPES)
    entries = {name: entry for name, entry in entries.items() if name not in strings}
    refuse_bulk(prefix, (entry.size for entry in entries.values()))
    dtypes = {name: _dtype(prefix, name, entry) for name, entry in entries.items()}
    for name, entry in entries.items():
        if len(entry.shape) > MOST_AXES:
            raise Damaged(f"{name} has {len(entry.shape)} axes")
        if math.prod(entry.shape) * dtypes[name].itemsize != entry.size:
            raise Damaged(f"{name} has shape {entry.shape} and {entry.size} bytes, which do not go together")
    shards = _shards(prefix, index, [*entries.values(), *([graph] if graph else [])])
    for data in shards.values():
        digest.update(data)
    digest.update(table)
    tensors = {}
    for name, entry in entries.items():
        stored = dtypes[name].newbyteorder(">") if index.big_endian else dtypes[name]
        raw = _data(prefix, name, entry, shards, index.shards)
        # A copy, which may be written to, unlike the bytes of the file.
        tensors[name] = np.frombuffer(raw, stored).astype(dtypes[name], copy=True).reshape(entry.shape)
    message = None
    if graph:
        message = _only_string(_data(prefix, GRAPH, graph, shards, index.shards, check=False), graph.crc)
    return Bundle(tensors=tensors, graph=message, big_endian=index.big_endian, strings=strings)


def read_index(path: Path) -> Index:
    """What the index at `path` says. Raises Damaged."""
    return _index(whole(path), path.name)


def made(name: str, tensors: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """The files of a bundle called `name`, one shard and the index: the bytes that TensorFlow's SaveV2 would write."""
    pairs = [(b"", b"\x08\x01\x1a\x02\x08\x01")]  # one shard, little-endian, version 1
    data = bytearray()
    for variable in sorted(tensors):
        array = np.asarray(tensors[variable])
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        pairs.append((variable.encode(), _made_entry(array, len(data), raw)))
        data += raw
    return {f"{name}.{SHARD}": bytes(data), f"{name}.index": made_table(pairs)}


def write(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write `tensors` as a bundle at `prefix`."""
    for name, data in made(prefix.name, tensors).items():
        (prefix.parent / name).write_bytes(data)


def part(prefix: Path, name: str) -> Path:
    """`model.ckpt` and `index` -> `model.ckpt.index`."""
    return prefix.parent / f"{prefix.name}.{name}"


# --- reading -----------------------------------------------------------------------------------------------------


def _index(table: bytes, name: str) -> Index:
    try:
        shards, big_endian, entries, of_slices = 1, False, {}, []
        for key, value in read_table(table):
            if key == b"":
                shards, big_endian = number(value, 1, otherwise=1), number(value, 2) == BIG_ENDIAN
            elif key.startswith(b"\0"):
                of_slices.append((key, value))
            else:
                entries[key.decode()] = _entry(value)
        if not any(entry.sliced for entry in entries.values()):  # or such a key holds one slice of a variable
            entries |= {key.decode(): _entry(value) for key, value in of_slices}
        return Index(shards=shards, big_endian=big_endian, entries=entries)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise Damaged(f"{name} is damaged: its bytes make no sense") from error


def _shards(prefix: Path, index: Index, entries: list[Entry]) -> dict[int, bytes]:
    """The bytes of every data file that an entry lies in. Sizes are held against the disk before anything is read."""
    files = {k: part(prefix, f"data-{k:05}-of-{index.shards:05}") for k in sorted({e.shard for e in entries})}
    if sum(e.size for e in entries) > sum(file.stat().st_size for file in files.values() if file.is_file()):
        missing = [file.name for file in files.values() if not file.is_file()]
        raise Damaged(f"{missing[0]} is missing" if missing else "its tensors are larger than its data files")
    refuse_bulk(prefix, (file.stat().st_size for file in files.values() if file.is_file()))
    return {k: whole(file) for k, file in files.items() if file.is_file()}


def _data(prefix: Path, name: str, entry: Entry, shards: Mapping[int, bytes], count: int, check: bool = True) -> bytes:
    """The bytes of one tensor, held against their checksum."""
    file = part(prefix, f"data-{entry.shard:05}-of-{count:05}").name
    if entry.shard not in shards:
        raise Damaged(f"{file} is missing")
    data = shards[entry.shard]
    if entry.offset + entry.size > len(data):
        raise Damaged(f"{file} ends before {name} does, at {len(data):,} bytes")
    raw = data[entry.offset : entry.offset + entry.size]
    if check and masked_crc(raw) != entry.crc:
        raise Damaged(f"{name} in {file} does not have the checksum that {prefix.name}.index says")
    return raw


def _only_string(raw: bytes, crc: int) -> bytes:
    """The one string of a tensor of strings: its length, the checksum of that, its letters.

    The checksum of the whole counts the length as four bytes, or as eight where it takes them.
    """
    try:
        length, at = read_varint(raw, 0)
    except IndexError as error:
        raise Damaged("its object graph is cut off") from error
    fixed = struct.pack("<I" if length < 2**32 else "<Q", length)
    if raw[at : at + 4] != struct.pack("<I", masked_crc(fixed)) or at + 4 + length != len(raw):
        raise Damaged("its object graph does not have the length that it says")
    if masked_crc(fixed + raw[at:]) != crc:
        raise Damaged("its object graph does not have its checksum")
    return raw[at + 4 :]


def _dtype(prefix: Path, name: str, entry: Entry) -> np.dtype:
    if entry.sliced:
        raise KindlingError(f"{prefix}: {name} is saved in slices of a partitioned variable, which is not read here")
    called = DTYPES.get(entry.dtype)
    if called is None:
        raise KindlingError(
            f"{prefix}: {name} holds no numbers (TensorFlow's dtype {entry.dtype}); weights are float32"
        )
    return np.dtype(getattr(ml_dtypes, called, called))


def _entry(message: bytes) -> Entry:
    numbers = {field: value for field, value in fields(message) if isinstance(value, int)}
    shapes = messages(message, 2)
    return Entry(
        dtype=numbers.get(1, 0),
        shape=shape(shapes[-1]) if shapes else (),
        shard=numbers.get(3, 0),
        offset=numbers.get(4, 0),
        size=numbers.get(5, 0),
        crc=numbers.get(6, 0),
        sliced=bool(messages(message, 7)),
    )


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
