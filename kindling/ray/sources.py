"""Where photos come from: folders, patterns, lists of URLs, Parquet files and webdataset's tar files.

Only names are read here. A `Source` says where the bytes are, and the actor that enhances the photo fetches them.
"""

import glob
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kindling.core.errors import KindlingError
from kindling.photos.find import Found, find
from kindling.photos.kinds import SUFFIXES
from kindling.ray.places import filesystem, is_url, opened, parted

__all__ = ["PACKED", "Source", "Sources", "column_of", "gather"]

PACKED = (".parquet", ".tar")
NAMES = ("name", "path", "filename", "file_name", "key", "__key__")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One photo, and where it is."""

    label: str
    """The `in` of its row in the manifest: a path, a URL, or FILE#NAME of one that is packed."""
    found: Found
    """By what its pictures are named; of a packed photo no path that is there."""
    location: str
    """The file or URL that holds it."""
    kind: str = "file"
    """file, parquet or tar."""
    at: int = 0
    """Of a tar the byte at which it begins, of Parquet the row group."""
    size: int = 0
    """Of a tar its bytes, of Parquet the row in the group."""


@dataclass
class Sources:
    """The photos, and in words what was left out."""

    photos: list[Source] = field(default_factory=list)
    said: str = ""


def gather(inputs: Sequence[str], recursive: bool = False, out: str = "") -> Sources:
    """All photos that `inputs` name.

    inputs: files, folders and patterns as `kindling enhance` takes them; .txt files with a path or URL on each line;
    .parquet files with a column of bytes; .tar files; URLs of any of these, or of folders. A folder without photos
    stands for the Parquet and tar files in it. out: a folder that is left out. Raises KindlingError for an input that
    is not there or holds no photo.
    """
    gathered = Sources()
    plain: list[Path] = []
    for given in inputs:
        text = given.removeprefix("file://")
        if is_url(text):
            gathered.photos += _behind(text, recursive)
        elif Path(text).suffix.lower() == ".txt" and Path(text).is_file():
            gathered.photos += _listed(os.path.abspath(text))
        elif packed := _packed_in(text):
            gathered.photos += [source for file in packed for source in _unpacked(os.path.abspath(file))]
        else:
            plain.append(Path(text))
    if plain:
        findings = find(plain, recursive, Path(out) if out and Path(out).is_dir() else None)
        gathered.said = findings.said()
        gathered.photos += [
            Source(label=os.path.abspath(found.path), found=found, location=os.path.abspath(found.path))
            for found in findings.photos
        ]
    return gathered


def column_of(schema: Any, path: str) -> tuple[str, str | None]:
    """The columns of photos and of their names in a Parquet file: bytes, and name or path, or a struct of the two.

    A column of names holds text. Raises KindlingError where no column, or more than one, may be the photos.
    """
    import pyarrow.types as types

    def is_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def is_text(kind: Any) -> bool:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))

    for entry in schema:
        if types.is_struct(entry.type):
            inside = {part.name: part.type for part in entry.type}
            if "bytes" in inside and is_bytes(inside["bytes"]):
                return f"{entry.name}.bytes", f"{entry.name}.path" if is_text(inside.get("path")) else None
    binary = [entry.name for entry in schema if is_bytes(entry.type)]
    column = "bytes" if "bytes" in binary else binary[0] if len(binary) == 1 else None
    if column is None:
        raise KindlingError(f"{path}: expected a column `bytes`, or one of bytes in all; there are {schema.names}")
    texts = {entry.name for entry in schema if is_text(entry.type)}
    return column, next((name for name in NAMES if name in texts), None)


def _packed_in(text: str) -> list[str]:
    if Path(text).is_dir():
        files = sorted(path for path in Path(text).iterdir() if not path.name.startswith((".", "_")))
        if any(path.suffix.lower() in SUFFIXES for path in files):
            return []
        return [str(path) for path in files if path.suffix.lower() in PACKED]
    if Path(text).suffix.lower() not in PACKED:
        return []
    return [text] if Path(text).is_file() else sorted(glob.glob(text))


def _unpacked(location: str) -> Iterator[Source]:
    return _in_a_tar(location) if location.lower().endswith(".tar") else _in_parquet(location)


def _in_a_tar(location):
    with opened(location) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    name = PurePosixPath(member.name)
                    if member.isfile() and name.suffix.lower() in SUFFIXES and not name.name.startswith("."):
                        yield _packed(location, member.name, "tar", member.offset_data, member.size, member.offset)
        except tarfile.TarError as error:
            raise KindlingError(f"{location}: not a tar file that can be read, or a compressed one: {error}") from error


def _in_parquet(location):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    with opened(location) as file:
        try:
            table = parquet.ParquetFile(file)
            _, named = column_of(table.schema_arrow, location)
            first = 0
            for group in range(table.num_row_groups):
                rows = table.metadata.row_group(group).num_rows
                names = _names(table, group, named) if named else [None] * rows
                for row, name in enumerate(names):
                    called = name or f"{Path(location).stem}-{first + row:06d}"
                    yield _packed(location, called, "parquet", group, row, first + row)
                first += rows
        except pa.ArrowException as error:
            raise KindlingError(f"{location}: not a Parquet file that can be read: {error}") from error


def _names(table, group, named):
    column = table.read_row_group(group, columns=[named]).column(0).to_pylist()
    return [value.get("path") if isinstance(value, dict) else value for value in column]


def _packed(location, name, kind, at, size, number):
    """number: tells apart two that have one name, which are then refused, not taken for one."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    found = Found(Path(f"{location}#{number}", *parts), Path(*parts[:-1]))
    return Source(label=f"{location}#{name}", found=found, location=location, kind=kind, at=at, size=size)


def _behind(url: str, recursive: bool) -> Iterable[Source]:
    """What a URL names: a photo, a packed file, a list, or a folder of photos."""
    suffix = PurePosixPath(url).suffix.lower()
    if suffix in PACKED:
        return list(_unpacked(url))
    if suffix in SUFFIXES:
        return [_remote(url, Path())]
    if suffix == ".txt":
        return _listed(url)
    from pyarrow import fs

    system, root = filesystem(url.rstrip("/"))
    try:
        files = system.get_file_info(fs.FileSelector(root, recursive=recursive))
    except OSError as error:
        raise KindlingError(f"{url}: cannot be listed: {error}") from error
    names = sorted(info.path[len(root) :].lstrip("/") for info in files if info.is_file)
    names = [name for name in names if not any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)]
    photos = [name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES]
    if photos:
        return [_remote(f"{url.rstrip('/')}/{name}", Path(name).parent) for name in photos]
    packed = [name for name in names if PurePosixPath(name).suffix.lower() in PACKED]
    if not packed:
        raise KindlingError(f"{url}: there is no photo, and no .parquet or .tar, in this folder")
    return [source for name in packed for source in _unpacked(f"{url.rstrip('/')}/{name}")]


def _remote(url: str, below: Path) -> Source:
    return Source(label=url, found=Found(Path(url), below), location=url)


def _listed(url: str) -> Iterable[Source]:
    """A list: photos keep the folders that they do not have in common."""
    with opened(url) as file:
        try:
            text = bytes(file.read()).decode("utf-8")
        except UnicodeDecodeError as error:
            raise KindlingError(f"{url}: is not text in UTF-8: {error}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise KindlingError(f"{url}: there is no path or URL in this list")
    urls = [line if is_url(line) else os.path.abspath(line.removeprefix("file://")) for line in lines]
    if any(PurePosixPath(url).suffix.lower() in PACKED for url in urls):
        return [source for url in urls for source in _unpacked(url)]
    folders = [parted(url)[0] for url in urls]
    schemes = {url.partition("://")[0] if is_url(url) else "" for url in urls}
    common = os.path.commonpath(folders) if len(schemes) == 1 else ""
    return [
        _remote(url, Path(os.path.relpath(folder, common)) if common else Path())
        for url, folder in zip(urls, folders, strict=True)
    ]
