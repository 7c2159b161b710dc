"""The authors' weights, from the authors: into a folder in the original's layout, every byte checked.

What has a sha256 is held against it; the restoration's data, which nobody has published one of, tensor by tensor
against the checksums in the authors' index. A copy at hand, a zip or a folder, is looked through by size and content,
so its names do not matter; nothing is unpacked anywhere but under our own names.
"""

import hashlib
import logging
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zipfile import ZipInfo

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, staging
from kindling.families.originals import Archive, Original
from kindling.families.registry import KIND, Family

from ..containers import tensor_bundle, zips
from ..forms import bundles
from ..forms.finding import PART, STATE, prefix_of
from .downloading import Downloader, NotServed

PARTIAL = ".partial"
Show = Callable[[str, int, int], None]  # file, bytes so far, of how many


@dataclass(frozen=True)
class Fetched:
    """One file that is now in the folder, and how it got there: "downloaded", "copied" or "there already"."""

    path: Path
    how: str


def default_folder(family: Family = KIND) -> Path:
    """Where a family's fetched weights go by default: the platform's folder for caches."""
    import pooch

    return Path(pooch.os_cache("kindling")) / ("originals" if family is KIND else f"originals-{family.id}")


def fetch(
    to: Path, source: Path | None = None, show: Show = lambda file, done, total: None,
    originals: Sequence[Original] | None = None, archive: Archive | None = None, family: Family = KIND, **download: Any,
) -> list[Fetched]:  # fmt: skip
    """Every original of a family, or those that are named, into the folder `to`, from `source` (a zip, a folder, a
    file) where it is in there, else from the authors. download: options of convert.originals.downloading.Downloader.

    Raises KindlingError if something cannot be had or is not the authors'; what was had before stays, and counts.
    """
    to = Path(to)
    assert family.originals  # of every family that can run
    archive = archive or family.originals.archive
    copies = _copies(source)
    done = []
    for original in family.originals.files if originals is None else originals:
        try:
            done.append(Fetched(to / original.path, _one(original, to, copies, show, archive, download)))
        except NotServed as error:
            raise KindlingError(f"{error}; {_by_hand(original, to, done, archive, source)}") from error
        if PART.search(original.path) and not original.path.endswith(".index"):
            _say_where(to / original.path)
    shutil.rmtree(to / PARTIAL, ignore_errors=True)
    return done


def _one(original, to, copies, show, archive, download):
    """How it got there."""
    target = to / original.path
    if target.exists():
        if not _is(original, target):
            raise KindlingError(
                f"{target}: is there, and is not the authors' file, by its content; move it away, or fetch to another "
                "folder"
            )
        return "there already"
    with staging(target.parent) as folder:
        for data in copies(original.size):
            (folder / target.name).write_bytes(data)
            if _is(original, folder / target.name, index=target.parent):
                move_into_place(folder / target.name, target)
                return "copied"
        if original.url:
            return _download(original, to, show, download)
        _download_archive(archive, to, folder / "archive.zip", show, download)
        for data in _members(folder / "archive.zip")(original.size):
            (folder / target.name).write_bytes(data)
            if _is(original, folder / target.name, index=target.parent):
                move_into_place(folder / target.name, target)
                return "downloaded"
    raise NotServed(
        f"the archive at {archive.url} holds no file of {original.size:,} bytes with the checksums that the authors' "
        "index says"
    )


def _is(original: Original, file: Path, index: Path | None = None) -> bool:
    """Is this the authors' file? By sha256, or by the checksum of every tensor; `index`: the folder of its index."""
    if file.stat().st_size != original.size:
        return False
    if original.sha256:
        return hashlib.sha256(file.read_bytes()).hexdigest() == original.sha256
    prefix = file.parent / "model.ckpt"
    beside = tensor_bundle.part(prefix, "index")
    try:
        if index and index != file.parent:
            beside.write_bytes(tensor_bundle.part(index / "model.ckpt", "index").read_bytes())
        tensor_bundle.read(prefix)
    except KindlingError:
        return False
    return True


def _download(original, to, show, download):
    import pooch

    _quiet()
    downloader = Downloader(to / PARTIAL, original.size, True, _named(show, original.path), **download)
    registry, urls = {original.path: f"sha256:{original.sha256}"}, {original.path: original.url}
    shelf = pooch.create(path=to, base_url="", registry=registry, urls=urls)
    for last in (False, True):
        try:
            shelf.fetch(original.path, downloader=downloader)
            return "downloaded"
        except KindlingError:  # a ValueError too
            raise
        except ValueError as error:  # pooch's word for another sha256; what was resumed may not have belonged together
            if last:
                raise NotServed(f"{original.url} is not what it was: its sha256 is another") from error


def _download_archive(archive, to, target, show, download):
    import pooch

    _quiet()
    downloader = Downloader(to / PARTIAL, archive.largest, False, _named(show, "the archive"), **download)
    pooch.retrieve(archive.url, None, fname=target.name, path=target.parent, downloader=downloader)


def _named(show, name):
    return lambda done, total: show(name, done, total)


def _quiet():
    """pooch tells of every file; we do that ourselves."""
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)


def _say_where(data):
    """The text file that the original's Saver looks for, and that we look for too."""
    state = data.parent / STATE
    if not state.exists():
        state.write_text(bundles.state_file(prefix_of(data).name), encoding="utf-8")


# --- copies at hand ----------------------------------------------------------------------------------------------


def _copies(source: str | Path | None) -> Callable[[int], Iterator[bytes]]:
    """What is at hand in a zip, a folder or a file, asked for by size: the bytes of each that has it."""
    if source is None:
        return lambda size: iter(())
    source = Path(source)
    if not source.exists():
        raise KindlingError(f"{source}: no such file or folder")
    if source.is_dir():
        return _files(source)
    with open(source, "rb") as file:
        is_zip = file.read(2) == b"PK"
    return _members(source) if is_zip else _files(source)


def _files(source):
    found = [source] if source.is_file() else [path for path in sorted(source.rglob("*")) if path.is_file()]
    return lambda size: (path.read_bytes() for path in found if path.stat().st_size == size)


def _members(source):
    """Members of a zip by size. An archive with a member that would lie outside of it is refused as a whole."""

    def of(size: int) -> Iterator[bytes]:
        with zips.opened(source) as archive:
            escapes = [info.filename for info in archive.infolist() if _escapes(info)]
            if escapes:
                raise KindlingError.of(f"{source}: it was made to write outside of its folder; refused", escapes)
            for info in archive.infolist():
                if info.file_size == size:
                    yield _read_member(source, archive, info)

    return of


def _read_member(source, archive, info):
    try:
        return archive.read(info)
    except Exception as error:
        raise KindlingError(f"{source}: {info.filename} in it cannot be read: {error}") from error


def _escapes(info: ZipInfo) -> bool:
    name, windows = PurePosixPath(info.filename), PureWindowsPath(info.filename)
    link = stat.S_ISLNK(info.external_attr >> 16)
    return link or ".." in windows.parts or name.is_absolute() or bool(windows.anchor)


def _by_hand(original, to, done, archive, source):
    """What a person can do: exactly what to download, and where it goes."""
    kept = sorted(
        {
            fetched.path.parent.name
            for fetched in done
            if PART.search(fetched.path.name) and fetched.path.suffix != ".index"
        }
    )
    so_far = f" ({', '.join(kept)} in {to} can be used as they are)" if kept else ""
    if original.url:
        return (
            f"by hand: download {original.url} and put it at {to / original.path}; or, with a copy of the authors' "
            f"files: kindling fetch --from FILE.zip --to {to}{so_far}"
        )
    found = f"{source} does not hold it either; " if source else ""
    return (
        f"{found}by hand: open {archive.page} in a browser, download the zip that holds the {original.size:,} bytes of "
        f"{original.path}, then run: kindling fetch --from FILE.zip --to {to}{so_far}"
    )
