"""Writing so that a crash, a kill or a full disk never leaves half a file under the name that was asked for."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kindling.errors import KindlingError


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A hidden temporary folder inside `folder` (made if absent), so that moving out of it is one rename.

    What was not moved out is deleted, also on an error or Ctrl-C; after a SIGKILL a `.kindling-*` folder stays.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".kindling-", dir=folder))
    except OSError as error:
        raise KindlingError(f"{folder}: cannot be written to: {error.strerror}") from error
    try:
        yield temporary
    except OSError as error:
        if error.errno is None:
            raise
        raise KindlingError(f"{folder}: writing failed: {error.strerror}; nothing was changed") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_into_place(source: Path, target: Path) -> None:
    """Rename `source` to `target`, replacing a file that is there, in one step on the same file system."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def refuse_existing(targets: list[Path], force: bool) -> None:
    """Say which of `targets` are already there, unless `force`."""
    existing = [str(target) for target in targets if target.exists()]
    if existing and not force:
        raise KindlingError.of("the output exists already", existing, "give another name, or --force to overwrite")
