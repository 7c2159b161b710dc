"""Writing so that a crash, a kill or a full disk never leaves half a file under the name that was asked for."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kindling.core.errors import KindlingError

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
ASIDE = "aside"  # inside the staging folder: what stood in the way, until what replaces it is all in place


def reason(error: OSError) -> str:
    """Why writing failed, in words; a full disk, a quota and a limit on the size of files are all called so.

    >>> reason(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full (No space left on device)'
    """
    said = error.strerror or str(error)
    return f"the disk is full ({said})" if error.errno in FULL else said


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A hidden temporary folder inside `folder` (made if absent), so that moving out of it is one rename.

    What was not moved out is deleted, also on an error or Ctrl-C, and so are folders made for nothing. After a SIGKILL
    a `.kindling-*` folder stays, and what had been set aside is in it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".kindling-", dir=folder))
    except OSError as error:
        _take_back(made)
        raise KindlingError(f"{folder}: cannot be written to: {reason(error)}") from error
    try:
        yield temporary
    except BaseException as error:
        _delete(temporary)
        _take_back(made)
        if isinstance(error, OSError):
            raise KindlingError(f"{folder}: writing failed: {reason(error)}; nothing was changed") from error
        raise
    _delete(temporary)


def move_into_place(source: Path, target: Path) -> None:
    """Rename `source` to `target` in one step, replacing a file that is there; a link is replaced, not followed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def move_all_into_place(moves: Sequence[tuple[Path, Path]], temporary: Path) -> None:
    """Files, or folders, that belong together: all of them, or none, and never new ones beside old ones.

    What stands in the way is first moved aside, into `temporary`, the last of `moves` before the first; then the new
    files come in order. On any error everything is put back. So a checkpoint's index, without which it is none, goes
    first and comes after its data.
    """
    aside = temporary / ASIDE
    aside.mkdir()
    done: list[tuple[Path, Path]] = []  # (where a file is now, where it was)
    try:
        for k, (_, target) in reversed(list(enumerate(moves))):
            if os.path.lexists(target):
                os.replace(target, aside / str(k))
                done.append((aside / str(k), target))
        for source, target in moves:
            move_into_place(source, target)
            done.append((target, source))
    except BaseException:
        for now, before in reversed(done):
            os.replace(now, before)
        raise
    shutil.rmtree(aside)


def refuse_existing(targets: Sequence[Path], force: bool) -> None:
    """Say which of `targets` are already there, unless `force`; a folder is in the way even then."""
    folders = [str(target) for target in targets if target.is_dir()]
    if folders:
        raise KindlingError.of("a file is to be written, and there is a folder of that name", folders)
    existing = [str(target) for target in targets if os.path.lexists(target)]
    if existing and not force:
        raise KindlingError.of("the output exists already", existing, "give another name, or --force to overwrite")


def _take_back(made: Sequence[Path]) -> None:
    for path in made:
        with contextlib.suppress(OSError):  # never made, or not empty: something else was put there meanwhile
            path.rmdir()


def _delete(temporary: Path) -> None:
    """Unless something could not be put back: then it is still in there, and must stay."""
    if not any((temporary / ASIDE).glob("*")):
        shutil.rmtree(temporary, ignore_errors=True)
