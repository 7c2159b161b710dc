"""The directories of a TIFF file, and so of EXIF, which is one: tags, their values, and where these lie.

Pillow reads and writes directories too. It does not say where a value lies, which is needed to change an orientation
in its place, and what it writes anew is not what it read: texts that are not ASCII get question marks, types change.
TIFF 6.0, section 2.
"""

import contextlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # the types that hold whole numbers
STARTS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
EXIF, GPS, INTEROP, SUB = 0x8769, 0x8825, 0xA005, 0x014A
UNITS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes that are swapped


class Unreadable(ValueError):
    """These bytes are no directory."""


@dataclass(frozen=True)
class Entry:
    """One tag. at: where the first byte of its value lies; size: bytes of all its values."""

    kind: int
    count: int
    at: int
    size: int


@dataclass(frozen=True)
class Value:
    """What a tag says: its type as TIFF numbers types, how many, and the bytes, little-endian."""

    kind: int
    count: int
    data: bytes


Tree = dict[int, "Value | Tree"]  # tag -> value, or the directory that it points to


class Tiff:
    """A file or a block of EXIF, as far as it is asked. data: bytes, or a file mapped into memory."""

    def __init__(self, data: Any):
        try:
            self.order, self.big = STARTS[bytes(data[:4])]
        except KeyError as error:
            raise Unreadable("it does not start as TIFF does") from error
        self.data = data
        self.first = self._number("Q", 8) if self.big else self._number("I", 4)

    def directory(self, at: int) -> tuple[dict[int, Entry], int]:
        """Tag -> entry of the directory at this place, and the place of the pointer to the next directory."""
        count = self._number("Q" if self.big else "H", at)
        step, start = (20, at + 8) if self.big else (12, at + 2)
        if count > 4096 or start + step * count > len(self.data):
            raise Unreadable("its directory is not whole")
        entries = {}
        for place in range(start, start + step * count, step):
            tag, kind = self._number("H", place), self._number("H", place + 2)
            number = self._number("Q" if self.big else "I", place + 4)
            size, inside = SIZES.get(kind, 1) * number, 8 if self.big else 4
            value = place + 4 + inside
            entries[tag] = Entry(kind, number, value if size <= inside else self._pointer(value), size)
        return entries, start + step * count

    def numbers(self, entry: Entry | None) -> Sequence[int]:
        """The whole numbers of an entry; none if it is missing, has other values, or lies beyond the end."""
        if entry is None or entry.kind not in NUMBERS or entry.at + entry.size > len(self.data):
            return ()
        return struct.unpack_from(f"{self.order}{entry.count}{NUMBERS[entry.kind]}", self.data, entry.at)

    def number(self, entry: Entry | None, default: int = 0) -> int:
        """The first of them."""
        return next(iter(self.numbers(entry)), default)

    def ratio(self, entry: Entry | None) -> float:
        """A fraction, 0 where there is none."""
        if entry is None or entry.kind != 5 or entry.at + 8 > len(self.data):
            return 0.0
        over, under = struct.unpack_from(f"{self.order}2I", self.data, entry.at)
        return over / under if under else 0.0

    def bytes(self, entry: Entry | None) -> bytes:
        """The bytes of an entry as they lie there, b"" if it is missing or not whole."""
        if entry is None or entry.at + entry.size > len(self.data):
            return b""
        return bytes(self.data[entry.at : entry.at + entry.size])

    def below(self, entries: dict[int, Entry], tags: Sequence[int] = (EXIF, GPS, INTEROP)) -> Iterator[dict]:
        """The directories that these entries point to, and those that these point to."""
        for tag in tags:
            for place in self.numbers(entries.get(tag))[:64]:
                inside, _ = self.directory(place)
                yield inside
                yield from self.below(inside, [t for t in tags if t != tag])

    def tree(self, at: int, keep: Sequence[int] = (), below: Sequence[int] = (EXIF, GPS, INTEROP)) -> Tree:
        """What the directory at this place says, or only the tags of `keep`; what is not whole is left out."""
        entries, _ = self.directory(at)
        tree: Tree = {}
        for tag, entry in entries.items():
            if tag in below and self.numbers(entry):
                with contextlib.suppress(Unreadable):
                    tree[tag] = self.tree(self.number(entry), (), [t for t in below if t != tag])
            elif entry.at + entry.size <= len(self.data) and entry.kind in SIZES and (not keep or tag in keep):
                tree[tag] = Value(entry.kind, entry.count, _turned(self.bytes(entry), entry.kind, self.order))
        return tree

    def next(self, pointer: int) -> int:
        """The place of the next directory, 0 for none."""
        return self._pointer(pointer) if pointer + (8 if self.big else 4) <= len(self.data) else 0

    def _pointer(self, at):
        return self._number("Q" if self.big else "I", at)

    def _number(self, letter, at):
        try:
            return struct.unpack_from(self.order + letter, self.data, at)[0]
        except struct.error as error:
            raise Unreadable("it ends too early") from error


def packed(tree: Tree, at: int) -> bytes:
    """A directory and all below it, little-endian, to be put at the even place `at` of a file; no directory follows it.

    >>> packed({0x0112: Value(3, 1, b"\\1\\0")}, 8).hex(" ", 2)
    '0100 1201 0300 0100 0000 0100 0000 0000 0000'
    """
    rows, after = [], b""
    start = at + 2 + 12 * len(tree) + 4
    for tag, value in sorted(tree.items()):
        kind, count = (4, 1) if isinstance(value, dict) else (value.kind, value.count)
        if isinstance(value, dict):
            data = struct.pack("<I", start + len(after))
            after += packed(value, start + len(after))
        elif len(value.data) <= 4:
            data = value.data.ljust(4, b"\0")
        else:
            data = struct.pack("<I", start + len(after))
            after += value.data + bytes(len(value.data) % 2)
        rows.append(struct.pack("<HHI", tag, kind, count) + data)
    return struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4) + after


def _turned(data, kind, order):
    unit = UNITS.get(kind, 1)
    return data if order == "<" or unit == 1 else np.frombuffer(data, f"u{unit}").byteswap().tobytes()
