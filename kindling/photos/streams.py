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
def received(stream: BinaryIO, name: str = NAME) -> Iterator[Path]:
    """All of `stream` as a file called `name`, gone afterwards. Raises KindlingError if it is empty, or has no room."""
    with tempfile.TemporaryDirectory(prefix="kindling-") as folder:
        path = Path(folder) / name
        try:
            with open(path, "wb") as file:
                shutil.copyfileobj(stream, file)
            size = path.stat().st_size
        except OSError as error:
            raise KindlingError(f"{name}: cannot be kept in {folder}: {reason(error)}") from error
        if not size:
            raise KindlingError(f"{name}: there is nothing in it")
        yield path
