"""Folders and files on this machine or behind a URL, read and written so that nothing half-written has its name.

pyarrow knows file, s3, gs, hdfs and abfs; whatever else fsspec has a file system for is asked of that.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, reason, staging

__all__ = ["Place", "fetch", "is_url", "opened", "parted", "sha256"]

ATTEMPTS = 4  # of a request that may fail for no lasting reason
PAUSE = 0.5  # seconds before the second attempt, doubled before each further one
AT_ONCE = {"s3", "gs", "gcs", "abfs", "abfss", "az"}  # there an object is seen only when all of it is written
# What os.link says where a file system has no hard links, or not this one.
NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK)
LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
Result = TypeVar("Result")


def is_url(text: str) -> bool:
    """True for scheme://..., but for file://, which is a path."""
    return "://" in text and not text.startswith("file://")


def parted(url: str) -> tuple[str, str]:
    """The folder and the name of a URL or path."""
    folder, _, name = url.rstrip("/").rpartition("/")
    return folder, name


@lru_cache(maxsize=256)
def filesystem(url: str) -> tuple[Any, str]:
    """The pyarrow file system of a URL or path, and the path in it. Raises KindlingError if there is none."""
    from pyarrow import fs

    try:
        if "://" not in url:
            return fs.LocalFileSystem(), os.path.abspath(url)
        return fs.FileSystem.from_uri(url)
    except (ValueError, OSError) as error:
        import fsspec

        try:
            found, path = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as other:
            raise KindlingError(f"{url}: cannot be reached: {error}; {other}") from other
        return fs.PyFileSystem(fs.FSSpecHandler(found)), path


@contextlib.contextmanager
def opened(url: str) -> Iterator[Any]:
    """A file to read and seek in. Raises KindlingError if it cannot be read."""
    folder, name = parted(url)
    system, root = filesystem(folder or "/")
    try:
        with system.open_input_file(f"{root.rstrip('/')}/{name}") as file:
            yield file
    except OSError as error:
        raise KindlingError(f"{url}: cannot be read: {reason(error)}") from error


def fetch(url: str, target: Path) -> None:
    """Copy what is behind a URL into a file, in several attempts. Raises KindlingError if all of them fail."""

    def copy() -> None:
        folder, name = parted(url)
        system, root = filesystem(folder)
        with system.open_input_stream(f"{root.rstrip('/')}/{name}") as source, open(target, "wb") as file:
            while block := source.read(1 << 20):
                file.write(block)

    _in_attempts(url, "read", copy)


def sha256(path: Path) -> str:
    """Of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Place:
    """A folder that is written to. Names in it have / between their parts."""

    def __init__(self, where: str):
        """where: a path, or a URL. Nothing is made or asked for yet."""
        self.where = where.removeprefix("file://")
        self.remote = is_url(where)
        self.path = Path() if self.remote else Path(os.path.abspath(self.where))
        if not self.remote:
            self.where = str(self.path)

    def filled(self, names: Iterable[str]) -> set[str]:
        """Those that are there and not empty; a link counts, wherever it leads. Behind a URL all of it is listed once.

        For a few names of many `filled_one` is quicker.
        """
        if not self.remote:
            return {name for name in names if _is_filled(self.path / name)}
        there = self._listed("", True)
        return {name for name in names if there.get(name)}

    def names(self, folder: str = "") -> list[str]:
        """The files that lie in a folder of it, in order; none if there is no such folder."""
        if not self.remote:
            below = self.path / folder
            return sorted(path.name for path in below.iterdir() if path.is_file()) if below.is_dir() else []
        return sorted(name.rpartition("/")[2] for name in self._listed(folder, False))

    def read(self, name: str) -> bytes:
        """The content of a file. Raises KindlingError if it cannot be read."""
        with opened(f"{self.where}/{name}") as file:
            return bytes(file.read())

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file, whole or not at all. Raises KindlingError if that fails."""
        if not self.remote:
            target = self.path / name
            with staging(target.parent) as folder:
                (folder / target.name).write_bytes(data)
                move_into_place(folder / target.name, target)
            return
        _in_attempts(f"{self.where}/{name}", "written", lambda: self._send(name, data))

    def claim(self, name: str, source: Path, force: bool = False) -> bool:
        """Give a finished file its name here. False if something is there already, which then stays, unless `force`."""
        target = self.path / name
        if self.remote:
            if not force and self.filled_one(name):
                return False
            self.write(name, source.read_bytes())
        elif force or (target.is_file() and not target.stat().st_size):  # an empty file is no picture
            move_into_place(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)  # unlike a rename, this fails where something is
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if os.path.lexists(target):
                    return False
                move_into_place(source, target)
        return True

    def filled_one(self, name: str) -> bool:
        """True if a file is there and not empty."""
        if not self.remote:
            return _is_filled(self.path / name)
        system, root = filesystem(self.where)
        found = _in_attempts(self.where, "read", lambda: system.get_file_info(f"{root.rstrip('/')}/{name}"))
        return bool(found.size)

    def digest(self, name: str) -> str:
        """The SHA-256 of a file in it."""
        if not self.remote:
            return sha256(self.path / name)
        with opened(f"{self.where}/{name}") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; one that is gone already is no matter."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                if self.remote:
                    system, root = filesystem(self.where)
                    system.delete_file(f"{root.rstrip('/')}/{name}")
                else:
                    (self.path / name).unlink()

    def clear(self, folder: str) -> None:
        """Delete a folder and all that is in it; what cannot be deleted stays, and is no more than in the way."""
        if not self.remote:
            shutil.rmtree(self.path / folder, ignore_errors=True)
            return
        system, root = filesystem(self.where)
        with contextlib.suppress(OSError):
            system.delete_dir(f"{root.rstrip('/')}/{folder}")

    def forget(self, folder: str) -> None:
        """Delete a folder that was made for nothing, and this one too, if they are empty."""
        for path in () if self.remote else (self.path / folder, self.path):
            with contextlib.suppress(OSError):
                path.rmdir()

    def _send(self, name, data):
        system, root = filesystem(self.where)
        path = f"{root.rstrip('/')}/{name}"
        at_once = self.where.partition("://")[0] in AT_ONCE
        draft = path if at_once else f"{parted(path)[0]}/.kindling-{os.getpid()}-{parted(path)[1]}"
        if not at_once:
            system.create_dir(parted(path)[0], recursive=True)
        with system.open_output_stream(draft) as file:
            file.write(data)
        if not at_once:
            system.move(draft, path)

    def _listed(self, folder, recursive):
        """Name -> bytes of what lies there."""
        from pyarrow import fs

        system, root = filesystem(self.where)
        base = f"{root.rstrip('/')}/{folder}".rstrip("/")
        selector = fs.FileSelector(base, allow_not_found=True, recursive=recursive)
        found = _in_attempts(self.where, "listed", lambda: system.get_file_info(selector))
        return {info.path[len(base) :].lstrip("/"): info.size for info in found if info.is_file}


def _is_filled(target: Path) -> bool:
    return os.path.lexists(target) and not (target.is_file() and not target.stat().st_size)


def _in_attempts(what: str, done: str, work: Any) -> Any:
    """Do it, and again after a pause where it may have been the network's fault."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except OSError as error:
            if isinstance(error, LASTING) or attempt == ATTEMPTS:
                raise KindlingError(f"{what}: cannot be {done}: {reason(error)}") from error
        time.sleep(PAUSE * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")
