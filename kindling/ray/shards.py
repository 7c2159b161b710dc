"""Photos packed into Parquet and webdataset's tar files: the bytes of some of them, and files of pictures."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kindling.core.errors import KindlingError
from kindling.ray.places import opened
from kindling.ray.sources import column_of

__all__ = ["contents", "is_ours", "name_of", "name_of_all", "packed"]

ENDS = {"parquet": "parquet", "webdataset": "tar"}
PREFIX = "kindling-"
DIGITS = 16


def contents(tasks: Sequence[Mapping[str, Any]], batch: int) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Each row with its photo's bytes; None where the photo is a file, and a KindlingError where it cannot be had.

    tasks: of Parquet all of one row group, ascending; it is gone through once, `batch` rows in memory at a time.
    """
    if tasks and tasks[0]["kind"] == "parquet":
        yield from _of_a_row_group(tasks, batch)
        return
    for task in tasks:
        if task["kind"] == "file":
            yield task, None
            continue
        try:
            with opened(task["location"]) as file:
                file.seek(task["at"])
                yield task, bytes(file.read(task["size"]))
        except KindlingError as error:
            yield task, error


def name_of(labels: Sequence[str], to: str) -> str:
    """The name of the file of these photos' pictures: the same for the same photos, so that a retry replaces it."""
    digest = hashlib.sha256("\n".join(labels).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{PREFIX}{digest[:DIGITS]}.{ENDS[to]}"


def name_of_all(tasks: Iterable[Mapping[str, Any]], to: str) -> str:
    """The name of the file of the pictures of rows of `kindling.ray.run.TASK`, known before any of them is made."""
    return name_of([f"{task['in']}\n{out}" for task in tasks for out in task["outs"] if out], to)


def is_ours(name: str) -> bool:
    """True for a name that `name_of` gives.

    >>> is_ours("kindling-0123456789abcdef.tar"), is_ours("kindling-notes.tar")
    (True, False)
    """
    stem, _, end = name.removeprefix(PREFIX).partition(".")
    return (
        name.startswith(PREFIX)
        and end in ENDS.values()
        and len(stem) == DIGITS
        and not set(stem) - set("0123456789abcdef")
    )


def packed(pictures: Sequence[tuple[Mapping[str, Any], bytes]], to: str) -> bytes:
    """A file of pictures. pictures: a row of the manifest each, and the bytes.

    Parquet gets the columns name, bytes, in and sha256; a tar is webdataset's, without times or owners, so that the
    same pictures make the same file.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    stream = io.BytesIO()
    if to == "parquet":
        columns = {
            "name": pa.array([entry["out"] for entry, _ in pictures], pa.string()),
            "bytes": pa.array([data for _, data in pictures], pa.binary()),
            "in": pa.array([entry["in"] for entry, _ in pictures], pa.string()),
            "sha256": pa.array([entry["sha256"] for entry, _ in pictures], pa.string()),
        }
        parquet.write_table(pa.table(columns), stream, compression="none")
    else:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for entry, data in pictures:
                member = tarfile.TarInfo(entry["out"])
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _of_a_row_group(tasks, batch):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    wanted = {task["size"]: task for task in tasks}
    try:
        with opened(tasks[0]["location"]) as file:
            table = parquet.ParquetFile(file)
            column, _ = column_of(table.schema_arrow, tasks[0]["location"])
            number = 0
            groups = table.iter_batches(batch_size=batch, row_groups=[tasks[0]["at"]], columns=[column])
            for part in groups:
                for value in part.column(0):
                    if number in wanted:
                        task, content = wanted.pop(number), value.as_py()
                        content = content["bytes"] if isinstance(content, dict) else content
                        yield (
                            task,
                            KindlingError(f"{task['in']}: there are no bytes in this row")
                            if content is None
                            else content,
                        )
                    number += 1
    except (KindlingError, pa.ArrowException, OSError) as error:
        for task in wanted.values():
            yield task, KindlingError(f"{task['in']}: cannot be read: {error}")
