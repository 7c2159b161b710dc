"""Protocol buffers, as far as TensorFlow's checkpoints need them: numbers, and fields one after the other.

A message is read as (field number, value) without its schema; who reads it knows which number means what.
"""

import struct
from collections.abc import Iterator

from kindling.core.errors import KindlingError

Value = int | bytes


class Damaged(KindlingError):
    """The bytes are not what they should be, or no longer."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, position after it)."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Damaged("a number in the index has no end")


def made_varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """(field number, value) of a message: integers, and bytes for strings and messages inside."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        wire = tag & 7
        value: Value
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


def number(message: bytes, field: int, otherwise: int = 0) -> int:
    """A number in a message; a protocol buffer leaves out what is 0."""
    found = [value for key, value in fields(message) if key == field and isinstance(value, int)]
    return found[-1] if found else otherwise


def messages(message: bytes, field: int) -> list[bytes]:
    """The messages or strings inside a message under one field, in order."""
    return [value for key, value in fields(message) if key == field and isinstance(value, bytes)]


def text(message: bytes, field: int) -> str:
    """A string in a message, empty where there is none."""
    found = messages(message, field)
    return found[-1].decode() if found else ""


def shape(message: bytes) -> tuple[int, ...]:
    """The sizes that a TensorShapeProto lists."""
    return tuple(number(axis, 1) for axis in messages(message, 2))
