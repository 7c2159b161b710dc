"""Photos that come through a pipe: kept in a temporary file while they are read, since readers look back and forth."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kindling.core.errors import KindlingError
from kindling.core.files import reason

NAME = "standard input"  # how messages about it call the photo


@contextlib.contextmanager
def received(stream: BinaryIO) -> Iterator[Path]:
    """All of `stream` as a file, gone afterwards. Raises KindlingError if there is nothing in it, or no room for it."""
    with tempfile.TemporaryDirectory(prefix="kindling-") as folder:
        path = Path(folder) / NAME
        try:
            with open(path, "wb") as file:
                shutil.copyfileobj(stream, file)
            size = path.stat().st_size
        except OSError as error:
            raise KindlingError(f"{NAME}: cannot be kept in {folder}: {reason(error)}") from error
        if not size:
            raise KindlingError(f"{NAME}: there is nothing in it")
        yield path
