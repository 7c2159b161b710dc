"""Ways to break a file, each drawn from a seeded generator: what happens on disks, in downloads, and on purpose."""

import struct
import zipfile
from pathlib import Path
from random import Random

from convert.containers.sstable import masked_crc

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
EDGE = 6000  # bytes at either end, where structures are densest


def mutated(random: Random, whole: bytes, donor: bytes) -> bytes:
    """One to three of the changes below, one after the other. donor: another file of the same form."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        whole = random.choice(CHANGES)(random, whole, donor)
    return whole


def _place(random, whole):
    """Half of the time anywhere, else near an end."""
    if not whole:
        return 0
    near = min(EDGE, len(whole))
    anywhere = random.randrange(len(whole))
    return random.choice((anywhere, anywhere, random.randrange(near), len(whole) - 1 - random.randrange(near)))


def _block(random, whole):
    at = _place(random, whole)
    return at, at + random.choice((1, 2, 4, 8, 64, 512, 4096))


def _flip(random, whole, donor):
    if not whole:
        return whole
    broken, at = bytearray(whole), _place(random, whole)
    broken[at] ^= 1 << random.randrange(8)
    return bytes(broken)


def _flips(random, whole, donor):
    for _ in range(random.randrange(2, 20)):
        whole = _flip(random, whole, donor)
    return whole


def _noise(random, whole, donor):
    begin, end = _block(random, whole)
    return whole[:begin] + random.randbytes(end - begin) + whole[end:]


def _zeros(random, whole, donor):
    begin, end = _block(random, whole)
    return whole[:begin] + bytes(end - begin) + whole[end:]


def _truncate(random, whole, donor):
    return whole[: _place(random, whole)]


def _extend(random, whole, donor):
    return whole + random.choice((bytes(random.randrange(1, 5000)), random.randbytes(random.randrange(1, 5000)), donor))


def _delete(random, whole, donor):
    begin, end = _block(random, whole)
    return whole[:begin] + whole[end:]


def _duplicate(random, whole, donor):
    begin, end = _block(random, whole)
    return whole[:end] + whole[begin:end] + whole[end:]


def _splice(random, whole, donor):
    """A block of another file, at its own place or at any."""
    begin, end = _block(random, donor)
    at = random.choice((begin, _place(random, whole)))
    return whole[:at] + donor[begin:end] + whole[at + end - begin :]


def _exchange(random, whole, donor):
    """Two blocks change places."""
    (a, b), (c, d) = sorted((_block(random, whole), _block(random, whole)))
    b = min(b, c)
    return whole[:a] + whole[c:d] + whole[b:c] + whole[a:b] + whole[d:]


def _number(random, whole, donor):
    """A field of some width is set to a number at the edge of what it holds, or moved by one."""
    code = random.choice("BHIQ")
    width, at, order = struct.calcsize(code), _place(random, whole), random.choice("<>")
    if at + width > len(whole):
        return whole
    (now,) = struct.unpack_from(order + code, whole, at)
    value = random.choice((*EXTREMES, now + 1, now - 1, now * 2, len(whole), len(whole) + 1)) % 2 ** (8 * width)
    return whole[:at] + struct.pack(order + code, value) + whole[at + width :]


CHANGES = (_flip, _flip, _flips, _noise, _zeros, _truncate, _extend, _delete, _duplicate, _splice, _exchange, _number, _number)  # fmt: skip  # noqa: E501


# --- changes behind the checksums: what somebody does who can compute them ---------------------------------------


def repacked(random: Random, source: Path, target: Path, donor: bytes) -> None:
    """One member of a zip is changed, and the archive made anew around it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        small = [name for name in names if old.getinfo(name).file_size < 10_000]
        which = random.choice(small)
        for name in names:
            data = old.read(name)
            new.writestr(name, mutated(random, data, donor) if name == which else data)
        new.comment = old.comment


def rechecked(random: Random, table: bytes) -> bytes:
    """The first block of an index is changed, in place, and its checksum made right again."""
    end = table.index(b"\x00\x00\x00\x00\x01\x00\x00\x00") + 8  # of the block's list of restarts
    block = table[:end]
    for _ in range(20):
        changed = random.choice((_flip, _flips, _number, _number))(random, block, block)
        if changed != block:
            break
    return changed + b"\0" + struct.pack("<I", masked_crc(changed + b"\0")) + table[end + 5 :]
