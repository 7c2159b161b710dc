"""A photo that is no file: bytes from a pipe or a program, put into one for as long as it is read."""

from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.photos.kinds import kind_of

__all__ = ["as_file"]

START = 64  # bytes by which a kind is told


def as_file(data: bytes, folder: Path, source: str) -> Path:
    """`data` in a file of its own kind in `folder`. Raises KindlingError, naming `source`, if it is no photo."""
    kind = kind_of(data[:START].ljust(START, b"\0"), "")
    if not data or kind == "other":
        raise KindlingError(f"{source}: {'holds no photo that can be read' if data else 'is empty'}")
    path = folder / f"photo.{'dng' if kind == 'raw' else kind}"
    path.write_bytes(data)
    return path
