"""TensorFlow's V1 checkpoint format, what every Saver wrote before 2017: one sorted string table, numbers and all.

Under the empty key stands the list of tensors, under every other a slice of one, both protocol buffers. After
tensorflow/core/util/tensor_slice_writer and saved_tensor_slice.proto. It can be read here, not written.
"""

import math
import struct
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError

from .limits import refuse_bulk
from .messages import Damaged, Value, fields, made_varint, messages, number, shape, text
from .sstable import FOOTER, MAGIC, read_table

MOST_PACKED = 10_000_000  # bytes; each number takes eight when it is unpacked
END = struct.pack("<Q", MAGIC)  # the last bytes of such a file
# tensorflow.DataType -> what numpy calls it, the field of a TensorProto that holds its numbers, how these are written.
KINDS = {
    1: ("float32", 5, "<f4"),
    2: ("float64", 6, "<f8"),
    3: ("int32", 7, "varint"),
    4: ("uint8", 7, "varint"),
    5: ("int16", 7, "varint"),
    6: ("int8", 7, "varint"),
    9: ("int64", 10, "varint"),
    10: ("bool", 11, "varint"),
    17: ("uint16", 7, "varint"),
    19: ("float16", 13, "half"),
}


def is_v1(data: bytes) -> bool:
    """Is this such a checkpoint, and not the index of a newer one, which is the same kind of table?"""
    if len(data) < FOOTER or data[-8:] != END:
        return False
    try:
        key, value = next(read_table(data))
        return key == b"" and bool(messages(value, 1))
    except (Damaged, IndexError, StopIteration, struct.error):
        return False


def read(path: Path, data: bytes) -> dict[str, np.ndarray]:
    """Every tensor of the V1 checkpoint whose bytes are `data`, by name.

    Raises Damaged, or KindlingError for a form of tensor that is not read here (slices of partitioned variables,
    strings).
    """
    refuse_bulk(path, [len(data)])
    try:
        listed: dict[str, tuple[int, tuple[int, ...]]] = {}
        tensors: dict[str, np.ndarray] = {}
        for key, value in read_table(data):
            if key == b"":
                listed = _listed(path, value)
                continue
            for slice_ in messages(value, 2):
                name = text(slice_, 1)
                if name not in listed:
                    raise Damaged(f"{name or 'a tensor'} is not in its list of tensors")
                if name in tensors:
                    raise Damaged(f"{name} is in it twice")
                tensors[name] = _array(name, *listed[name], messages(slice_, 3))
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise Damaged("its bytes make no sense") from error
    missing = [name for name in listed if name not in tensors]
    if missing:
        raise Damaged(f"it lists {missing[0]} and does not hold it")
    return tensors


def _listed(path: Path, value: bytes) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Name -> (dtype, shape), as the first entry says."""
    tensors = [tensor for meta in messages(value, 1) for tensor in messages(meta, 1)]
    listed = {}
    for tensor in tensors:
        name = text(tensor, 1)
        if any(number(extent, 2) for part in messages(tensor, 4) for extent in messages(part, 1)):
            raise KindlingError(f"{path}: {name} is saved in slices of a partitioned variable, which is not read here")
        if number(tensor, 3) not in KINDS:
            raise KindlingError(
                f"{path}: {name} holds no numbers (TensorFlow's dtype {number(tensor, 3)}); weights are float32"
            )
        shapes = messages(tensor, 2)
        listed[name] = number(tensor, 3), shape(shapes[-1]) if shapes else ()
    return listed


def _array(name: str, kind: int, sizes: tuple[int, ...], protos: list[bytes]) -> np.ndarray:
    """The numbers of a TensorProto. Their count is held against the bytes before anything is allocated."""
    dtype, field, written = KINDS[kind]
    values = [value for proto in protos for key, value in fields(proto) if key == field]
    count = math.prod(sizes)
    if written.startswith("<"):
        itemsize = int(written[2:])
        raw = b"".join(v if isinstance(v, bytes) else struct.pack(f"<{'IQ'[itemsize == 8]}", v) for v in values)
        if len(raw) != count * itemsize:
            raise Damaged(f"{name} has shape {sizes} and {len(raw)} bytes, which do not go together")
        return np.frombuffer(raw, written).astype(dtype, copy=True).reshape(sizes)
    numbers = _unpacked(name, values)
    if len(numbers) != count:
        raise Damaged(f"{name} has shape {sizes} and {len(numbers)} numbers, which do not go together")
    if written == "half":
        return numbers.astype(np.uint16).view(np.float16).reshape(sizes)
    return numbers.view(np.int64).astype(dtype).reshape(sizes)


def _unpacked(name: str, values: list[Value]) -> np.ndarray:
    """The numbers of a packed field, groups of seven bits, as 64 bits each."""
    packed = b"".join(made_varint(value) if isinstance(value, int) else value for value in values)
    if len(packed) > MOST_PACKED:
        raise Damaged(f"{name} holds {len(packed):,} bytes of whole numbers, and no weight of KinD does")
    data = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(data < 0x80) + 1
    if data.size and (not ends.size or ends[-1] != data.size):
        raise Damaged(f"{name} ends within a number")
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: ends.size]
    lengths = ends - begins
    if lengths.max(initial=0) > 10:
        raise Damaged(f"a number of {name} has no end")
    numbers = np.zeros(ends.size, np.uint64)
    for k in range(lengths.max(initial=0)):
        longer = lengths > k
        group = (data[begins[longer] + k] & 0x7F).astype(np.uint64)
        numbers[longer] |= group << np.uint64(7 * k)
    return numbers
