"""Sorted string tables as LevelDB defines them: the container of a TensorFlow checkpoint's index, and of all of an old
one (convert/containers/v1.py).

Keys in order, in blocks; within a block each key is stored as what differs from the one before. Every block has a
checksum. An index block says where the blocks lie, a footer where that lies. After LevelDB's doc/table_format.md and
tensorflow/core/lib/io, whose bytes `made_table` gives.
"""

import struct
from collections.abc import Iterator

import google_crc32c

from .messages import Damaged, made_varint, read_varint

MAGIC = 0xDB4775248B80FB57
FOOTER = 48  # two handles padded to 40 bytes, and the magic number
TRAILER = 5  # of a block: its compression, its checksum
BLOCK = 262_144  # bytes after which TensorFlow's writer starts a new block
LONGEST_KEY = 4096  # of a variable's name; a few bytes in a table can otherwise ask for gigabytes of keys
RESTART = 16  # every so many keys, one stands in full


def read_table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every key and value of a sorted string table, in order."""
    if len(table) < FOOTER or struct.unpack("<Q", table[-8:])[0] != MAGIC:
        raise Damaged("the index does not end as one does, so it is cut off or something else")
    _, at = _handle(table, len(table) - FOOTER)  # of the metaindex, which TensorFlow leaves empty
    index, _ = _handle(table, at)
    last, told = b"", 0
    for _, value in _block(table, index):
        handle, _ = _handle(value, 0)
        told += handle[1]
        if told > len(table):
            raise Damaged("the index says the same block again and again")
        for key, entry in _block(table, handle):
            if key < last or key == last != b"":
                raise Damaged("the names in the index are not in order")
            last = key
            yield key, entry


def _block(table: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    offset, size = handle
    end = offset + size
    if end + TRAILER > len(table):
        raise Damaged("the index points beyond its own end")
    compression, crc = table[end], struct.unpack("<I", table[end + 1 : end + TRAILER])[0]
    if masked_crc(table[offset : end + 1]) != crc:
        raise Damaged("a block of the index does not have its checksum")
    if compression:
        raise Damaged("the index is compressed, which TensorFlow's own are not")
    block = table[offset:end]
    restarts = struct.unpack("<I", block[-4:])[0]
    stop = len(block) - 4 * (restarts + 1)
    if stop < 0:
        raise Damaged("a block of the index is shorter than its own list")
    at, key = 0, b""
    while at < stop:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + unshared + length > stop or shared + unshared > LONGEST_KEY:
            raise Damaged("a key of the index is longer than its block, or than any name")
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + length]
        at += length


def _handle(data, at):
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return (offset, size), at


def masked_crc(data: bytes | bytearray | memoryview) -> int:
    """CRC32C, turned and shifted as LevelDB stores it, so that the checksum of a checksum is not a constant."""
    crc = google_crc32c.value(bytes(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class _Block:
    """A block of a sorted string table under way: keys in order, each stored as what differs from the one before."""

    def __init__(self, interval: int = RESTART):
        self.interval = interval
        self.body = bytearray()
        self.restarts = [0]
        self.count = 0
        self.last = b""

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self.count % self.interval:
            shared = _shared(self.last, key)
        elif self.count:
            self.restarts.append(len(self.body))
        self.body += made_varint(shared) + made_varint(len(key) - shared) + made_varint(len(value))
        self.body += key[shared:] + value
        self.last = key
        self.count += 1

    def __len__(self) -> int:
        return len(self.body) + 4 * (len(self.restarts) + 1)

    def append_to(self, table: bytearray) -> bytes:
        """Put the block with its trailer at the end of the table; returns its handle."""
        block = bytes(self.body) + struct.pack(f"<{len(self.restarts) + 1}I", *self.restarts, len(self.restarts))
        handle = made_varint(len(table)) + made_varint(len(block))
        table += block + b"\0" + struct.pack("<I", masked_crc(block + b"\0"))
        return handle


def made_table(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """The table of `pairs`, which are in the order of their keys."""
    table, index, block = bytearray(), _Block(interval=1), _Block()
    for (key, value), following in zip(pairs, [*pairs[1:], None], strict=True):
        block.add(key, value)
        if following is None or len(block) >= BLOCK:
            index.add(_separator(key, following and following[0]), block.append_to(table))
            block = _Block()
    handles = _Block().append_to(table) + index.append_to(table)  # the empty metaindex, the index
    return bytes(table) + handles.ljust(FOOTER - 8, b"\0") + struct.pack("<Q", MAGIC)


def _shared(a: bytes, b: bytes) -> int:
    """How many bytes two keys begin with alike."""
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _separator(key: bytes, following: bytes | None) -> bytes:
    """A short key not before `key` and before `following`, as LevelDB's bytewise comparator makes it."""
    if following is None:  # FindShortSuccessor: the first byte that can be raised, raised
        for k, byte in enumerate(key):
            if byte != 0xFF:
                return key[:k] + bytes([byte + 1])
        return key
    k = _shared(key, following)
    if k < min(len(key), len(following)) and key[k] < 0xFF and key[k] + 1 < following[k]:
        return key[:k] + bytes([key[k] + 1])
    return key
