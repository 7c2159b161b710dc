"""What runs in Ray's processes: the model is opened once, photos are read, enhanced and put in place.

A photo goes through `kindling.enhancing.render.enhance_file`, as in one process, so the pictures are the same. It is
made in a folder of this run inside the manifest's, and gets its name in one step; what a killed worker left in that
folder is deleted at the end.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from kindling.core.errors import KindlingError
from kindling.core.files import reason
from kindling.enhancing import memory
from kindling.enhancing.render import enhance_file
from kindling.photos.jobs import Job, Naming
from kindling.photos.photo import count_pixels
from kindling.ray import shards
from kindling.ray.blocks import batched
from kindling.ray.cluster import Weights
from kindling.ray.manifest import FOLDER, row, schema
from kindling.ray.places import Place, fetch, is_url, sha256
from kindling.runtimes import RUNTIMES

__all__ = ["Enhancer", "Order", "To", "open_quietly", "sentence", "work_folder"]

To = Literal["files", "parquet", "webdataset"]
DEATHS = 5  # of workers on one photo, after which it is left and named


@dataclass(frozen=True, kw_only=True)
class Order:
    """What an actor is to do with every photo that it gets."""

    where: str
    """The folder or URL that pictures go to."""
    run: str
    weights: Weights
    naming: Naming
    dials: Mapping[str, Any]
    """Of enhance_file."""
    to: To
    batch: int
    force: bool


def open_quietly(weights: Weights) -> Any:
    """The model in a worker, with the memory settings that the command line has."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not RUNTIMES[weights.runtime].keeps_memory:
        memory.keep_freed()
    return weights.opened()


def work_folder(run: str) -> str:
    """Where in OUT a run keeps what it needs for as long as it goes on: marks, and pictures that are being made.

    Behind a URL these are made in a temporary folder of each node.
    """
    return f"{FOLDER}/work-{run}"


def sentence(error: KindlingError | MemoryError | OSError, label: str, photo: Path | None = None) -> str:
    """Why a photo was not enhanced. label: what the person calls it. photo: the file that it was for the error."""
    said = reason(error) if isinstance(error, OSError) else str(error)
    said = (said.replace(str(photo), label) if photo else said) or "there is not enough memory for it"
    return said if label in said else f"{label}: {said}"


class Enhancer:
    """An actor's work: rows that say where photos are, to rows of the manifest."""

    def __init__(self, order: Order):
        """Opens the model. What is wrong with that is said by the first row, and not by the death of an actor."""
        self.order = order
        self.place = Place(order.where)
        self.keys = list(order.naming.files("photo.png"))
        self.refusal = ""
        try:
            self.model = open_quietly(order.weights)
        except KindlingError as error:
            self.refusal = str(error)

    def __call__(self, table: Any) -> Iterator[Any]:
        """table: rows of `kindling.ray.run.TASK`. Yields tables of the manifest's rows, `batch` photos each."""
        import pyarrow as pa

        if self.refusal:
            yield pa.Table.from_pylist([row(source="", out="", error=self.refusal)], schema())
            return
        made = self._packed if self.order.to != "files" else self._filed
        for chunk in batched(shards.contents(table.to_pylist(), self.order.batch), self.order.batch):
            yield pa.Table.from_pylist(made(chunk), schema())

    def _filed(self, chunk: Iterable[tuple[Mapping[str, Any], Any]]) -> list[dict[str, Any]]:
        return [entry for task, content in chunk for entry, _ in self._photo(task, content)]

    def _packed(self, chunk: Sequence[tuple[Mapping[str, Any], Any]]) -> list[dict[str, Any]]:
        """The pictures of these photos in one file, which is there as a whole or not at all."""
        made = [result for task, content in chunk for result in self._photo(task, content)]
        good = [(entry, data) for entry, data in made if data is not None]
        name = shards.name_of_all([task for task, _ in chunk], self.order.to)
        if good:
            try:
                self.place.write(name, shards.packed(good, self.order.to))
            except KindlingError as error:
                return [{**entry, "sha256": None, "error": str(error)} for entry, _ in made]
        return [entry if data is None else {**entry, "out": f"{name}#{entry['out']}"} for entry, data in made]

    def _photo(self, task: Mapping[str, Any], content: Any) -> list[tuple[dict[str, Any], bytes | None]]:
        """A row for each picture of one photo, and, where these are packed, its bytes; or a row that says why not.

        content: what `shards.contents` gives.
        """
        started = time.monotonic()
        outs = [out for out in task["outs"] if out]
        folder = None if self.place.remote else self.place.path / work_folder(self.order.run)
        try:
            if isinstance(content, KindlingError):
                raise content
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            mark = _Mark(self.place, self.order.run, task["in"])
            try:
                with tempfile.TemporaryDirectory(dir=folder) as inside:
                    made = self._pictures(task, content, Path(inside))
            finally:
                mark.erase()  # not reached in a worker that is killed
        except (KindlingError, MemoryError, OSError) as error:
            said = sentence(error, task["in"])
            return [(row(source=task["in"], out=outs[0], seconds=time.monotonic() - started, error=said), None)]
        finally:
            self.model.rest()
        seconds = (time.monotonic() - started) / len(made)
        return [({**entry, "seconds": seconds}, data) for entry, data in made]

    def _pictures(
        self, task: Mapping[str, Any], content: Any, inside: Path
    ) -> list[tuple[dict[str, Any], bytes | None]]:
        files = self.order.to == "files"
        outs = {key: out for key, out in zip(self.keys, task["outs"], strict=True) if out}
        # A picture that is there was made before this worker's forerunner, or the whole run, was killed.
        there = {out for out in outs.values() if files and not self.order.force and self.place.filled_one(out)}
        photo = _photo_file(task, content, inside)
        (inside / "pictures").mkdir()
        targets = {key: inside / "pictures" / PurePosixPath(out).name for key, out in outs.items() if out not in there}
        lost: list[str] = []
        if targets:
            try:
                enhance_file(
                    Job(photo, targets, self.order.naming.ratios), self.model, lost=lost.append, **self.order.dials
                )
            except (KindlingError, MemoryError) as error:
                raise KindlingError(sentence(error, task["in"], photo)) from error
        about = {"source": task["in"], "pixels": count_pixels(photo), "lost": "\n".join(lost) or None}
        made: list[tuple[dict[str, Any], bytes | None]] = []
        for key, out in outs.items():
            if not files:
                data = targets[key].read_bytes()
                made.append((row(out=out, sha256=hashlib.sha256(data).hexdigest(), **about), data))
                continue
            digest = sha256(targets[key]) if key in targets else self.place.digest(out)
            if (
                key in targets
                and not self.place.claim(out, targets[key], self.order.force)
                and self.place.digest(out) != digest
            ):
                raise KindlingError(f"{task['in']}: {out} was written by something else meanwhile, and stays as it is")
            made.append((row(out=out, sha256=digest, **about), None))
        return made


class _Mark:
    """A byte for each time that a photo was begun and not ended, so that one which kills its workers is left alone."""

    def __init__(self, place: Place, run: str, label: str):
        """Makes it, or adds to it. Raises KindlingError where the photo is to be left; then the mark stays."""
        digest = hashlib.sha1(label.encode("utf-8", "surrogateescape")).hexdigest()
        self.place, self.name = place, f"{work_folder(run)}/begun/{digest}"
        before = len(place.read(self.name)) if place.filled_one(self.name) else 0
        if before >= DEATHS:
            raise KindlingError(f"{label}: {before} workers were killed while they were at it, so it is left")
        place.write(self.name, b"." * (before + 1))

    def erase(self) -> None:
        """One that cannot be deleted counts as one death: the picture is in place all the same."""
        with contextlib.suppress(OSError):
            self.place.delete([self.name])


def _photo_file(task: Mapping[str, Any], content: bytes | None, inside: Path) -> Path:
    """The photo as a file: the very one, or a copy of what is packed or behind a URL."""
    if content is None and not is_url(task["location"]):
        return Path(task["location"])
    photo = inside / PurePosixPath(task["name"]).name
    if content is None:
        fetch(task["location"], photo)
    else:
        photo.write_bytes(content)
    return photo
