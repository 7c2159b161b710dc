"""The manifest: Parquet files in OUT/_manifest, a row for each picture, written as the run goes.

`plan-*` lists what a run is about to write, but for what was there before it, which with --force it writes over. So a
picture that is there, is planned and has no row is ours, made by a run that was killed before it could say so. `rows-*`
hold what was done. At the end of a run all rows become one file, in which the latest row of a picture counts.
"""

import io
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kindling.core.errors import KindlingError
from kindling.ray.places import Place
from kindling.ray.shards import is_ours

__all__ = ["FOLDER", "Manifest", "file_of", "member_of", "row", "schema"]

FOLDER = "_manifest"  # readers of Parquet pass over names that begin so
ROWS = 2000  # that wait at most to be written
SECONDS = 2.0  # that they wait at most
LAST = 999_999_999  # the part of a run that all others were put into


def schema() -> Any:
    """in, out, sha256 of the picture, seconds, error (null: none), pixels, and what rides along and had no room."""
    import pyarrow as pa

    return pa.schema(
        [
            ("in", pa.string()), ("out", pa.string()), ("sha256", pa.string()), ("seconds", pa.float64()),
            ("error", pa.string()), ("pixels", pa.int64()), ("lost", pa.string()),
        ]
    )  # fmt: skip


def row(**values: Any) -> dict[str, Any]:
    """A row as a dict, with what is not given as None. `in` is a word of Python, so it is called `source` here."""
    return {"in": values.pop("source")} | {name: values.pop(name, None) for name in schema().names[1:]} | values


def file_of(out: str) -> str:
    """The packed file that a picture lies in; "" of a picture that is a file itself, whose name may have a # too.

    >>> file_of("kindling-0123456789abcdef.tar#photo #2.png"), file_of("photo #2.png")
    ('kindling-0123456789abcdef.tar', '')
    """
    head, mark, _ = out.partition("#")
    return head if mark and is_ours(head) else ""


def member_of(out: str) -> str:
    """The name of a picture, whatever file it is packed into.

    >>> member_of("kindling-0123456789abcdef.tar#trip/#1_kindle.png"), member_of("kindling-day#2.png")
    ('trip/#1_kindle.png', 'kindling-day#2.png')
    """
    return out.removeprefix(f"{file_of(out)}#") if file_of(out) else out


class Manifest:
    """The manifest of one place: what is done, what was planned, and rows that are added."""

    def __init__(self, place: Place):
        """Reads what is there. Raises KindlingError if a file of it is damaged."""
        self.place = place
        self.run = f"{time.time_ns():020d}"
        names = place.names(FOLDER)
        self._parts = [name for name in names if name.startswith("rows-")]
        self._plans = [name for name in names if name.startswith("plan-")]
        self.done: dict[str, tuple[str, str]] = {}
        """Name of a picture -> its `in` and its `out`, of rows without an error."""
        for part in self._parts:
            table = self._read(part)
            for source, out, error in zip(*(table[name].to_pylist() for name in ("in", "out", "error")), strict=True):
                if error is None:
                    self.done[member_of(out)] = source, out
                else:
                    self.done.pop(member_of(out), None)
        self.planned = {out for plan in self._plans for out in self._read(plan)["out"].to_pylist()}
        """What earlier runs were about to write, where they did not come to their end."""
        self._waiting: list[Mapping[str, Any]] = []
        self._flushed = time.monotonic()
        self._number = 0

    def plan(self, outs: Sequence[str]) -> None:
        """Say what this run is about to write, before it does. outs: as rows have them; none of them is there."""
        import pyarrow as pa

        name = f"plan-{self.run}.parquet"
        self._write(name, pa.table({"out": pa.array([*self.planned, *outs], pa.string())}))
        self.place.delete(f"{FOLDER}/{plan}" for plan in self._plans)
        self._plans = [name]

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows of pictures that are in place, or failed. They are written in a moment, several together."""
        for entry in rows:
            self._waiting.append(entry)
            if entry["error"] is None:
                self.done[member_of(entry["out"])] = entry["in"], entry["out"]
        if len(self._waiting) >= ROWS or time.monotonic() - self._flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits. Raises KindlingError if there is no room."""
        import pyarrow as pa

        if self._waiting:
            self._number += 1
            name = f"rows-{self.run}-{self._number:09d}.parquet"
            self._write(name, pa.Table.from_pylist(self._waiting, schema()))
            self._parts.append(name)
            self._waiting = []
        self._flushed = time.monotonic()

    def close(self, settled: bool) -> None:
        """Put all rows into one file. settled: nothing can be written any more, so that no plan is needed."""
        import pyarrow as pa

        self.flush()
        if len(self._parts) > 1:
            table = pa.concat_tables([self._read(part) for part in self._parts])
            latest = {member_of(out): number for number, out in enumerate(table["out"].to_pylist())}
            name = f"rows-{self.run}-{LAST:09d}.parquet"
            self._write(name, table.take(pa.array(sorted(latest.values()), pa.int64())))
            self.place.delete(f"{FOLDER}/{part}" for part in self._parts)
            self._parts = [name]
        if settled:
            self.place.delete(f"{FOLDER}/{plan}" for plan in self._plans)
            self._plans = []
        if not self._parts and not self._plans:
            self.place.forget(FOLDER)

    def _read(self, name: str) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        try:
            return parquet.read_table(io.BytesIO(self.place.read(f"{FOLDER}/{name}")))
        except pa.ArrowException as error:
            raise KindlingError(
                f"{self.place.where}/{FOLDER}/{name}: is damaged ({error}); delete it, and what it lists is made anew "
                "with --force"
            ) from error

    def _write(self, name: str, table: Any) -> None:
        import pyarrow.parquet as parquet

        stream = io.BytesIO()
        parquet.write_table(table, stream, compression="zstd")
        self.place.write(f"{FOLDER}/{name}", stream.getvalue())
