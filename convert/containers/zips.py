"""Zip archives, which .npz and .pth are, opened with the doubts that a stranger's file deserves."""

import contextlib
import io
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kindling.core.errors import KindlingError

from .limits import refuse_bulk

END = b"PK\x05\x06"
END_SIZE = 22
LONGEST_COMMENT = 65_535


@contextlib.contextmanager
def opened(path: Path, data: bytes | None = None) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`, to be read member by member. data: its bytes, where they have been read already.

    Its beginning and its end must be the file's, no name may stand for two members, and what the members claim to
    unpack to must be within the limits. zipfile itself holds a member that is read whole against its checksum. Raises
    KindlingError.
    """
    with open(path, "rb") if data is None else io.BytesIO(data) as file, _understood(path, file) as archive:
        size = _check_end(path, file)
        names = [info.filename for info in archive.infolist()]
        twice = [f"{name} is in it {times} times" for name, times in Counter(names).items() if times > 1]
        if twice:
            raise KindlingError.of(f"{path}: damaged, or made to be misread", twice)
        first = min((info.header_offset for info in archive.infolist()), default=0)
        if first:
            raise KindlingError(f"{path}: is a zip archive behind {first:,} bytes of something else; it is not read")
        beyond = [i.filename for i in archive.infolist() if i.header_offset + i.compress_size > size]
        if beyond:  # zipfile would make room for it before it finds out
            raise KindlingError.of(f"{path}: damaged: it has members that go beyond its end", beyond)
        refuse_bulk(path, (info.file_size for info in archive.infolist()))
        yield archive


NOT_A_ZIP = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, struct.error)  # all that zipfile says of one


def _understood(path, file):
    try:
        return zipfile.ZipFile(file)
    except NOT_A_ZIP as error:
        raise KindlingError(
            f"{path}: is a zip archive, as .npz and .pth are, and damaged or cut off: {error}"
        ) from error


def _check_end(path, file):
    """The size of the file. zipfile overlooks a comment that is cut off, and bytes behind the end."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_SIZE - LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(END, 0, len(tail) - END_SIZE + len(END))
    (comment,) = struct.unpack("<H", tail[at + END_SIZE - 2 : at + END_SIZE])
    if at + END_SIZE + comment != len(tail):
        raise KindlingError(f"{path}: is a zip archive that is cut off, or has something behind its end")
    return size
