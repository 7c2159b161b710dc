"""Ray Data to Ray Data: a column of photos' bytes becomes one of pictures, for programs that have a data set."""

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.core.words import Ratio
from kindling.enhancing.render import enhance_file
from kindling.photos.jobs import Job, Naming
from kindling.photos.kinds import kind_of
from kindling.ray import cluster
from kindling.ray.workers import open_quietly, sentence
from kindling.runtimes import Precision

__all__ = ["enhance_dataset"]

START = 64  # bytes by which a kind is told
ADDED = ("sha256", "seconds", "error")


def enhance_dataset(
    ds: Any,
    *,
    column: str = "bytes",
    name: str = "name",
    ratio: Ratio = "default",
    ext: str = "auto",
    suffix: str = "_kindle",
    weights: str | os.PathLike[str] | None = None,
    family: str = "",
    runtime: str = "torch",
    device: str = "auto",
    precision: Precision = "float32",
    actors: int | None = None,
    batch: int = 16,
    **dials: Any,
) -> Any:
    """A Ray Data set of photos to one of pictures, each the file that `kindling enhance` would write.

    ds: a ray.data.Dataset with the bytes of a file in `column`, and, if there is such a column, its name in `name`;
    other columns stay. ext, suffix: as `--ext` and `--suffix`. actors: processes that hold the model; by default one on
    each GPU, or on each core but one, which reads. batch: photos that an actor takes at a time. dials: of
    `kindling.enhancing.render.enhance_file`, such as strength=0.7.

    Returns a ray.data.Dataset, computed when it is read: `column` and `name` are the picture's, null where the photo
    could not be enhanced, and sha256, seconds and error are added. Raises KindlingError if the weights are not sound.
    """
    ray = import_framework("ray", "kindling.ray.enhance_dataset")
    loaded = cluster.read_weights(weights, runtime, device, precision, family)
    share = cluster.share_of(ray.cluster_resources(), actors, device, spare=1)
    work = _Work(
        column=column, name=name, naming=Naming(suffix=suffix, ext=ext, ratios=(ratio,)), dials=dials,
        weights=loaded.stored(),
    )  # fmt: skip
    return ds.map_batches(
        _Enhancer, fn_constructor_kwargs={"work": work}, batch_size=batch, batch_format="pyarrow",
        **cluster.options(share),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Work:
    column: str
    name: str
    naming: Naming
    dials: Mapping[str, Any]
    weights: cluster.Weights


class _Enhancer:
    def __init__(self, work: _Work):
        self.work = work
        self.model = open_quietly(work.weights)

    def __call__(self, table: Any) -> Any:
        import pyarrow as pa

        work = self.work
        names = table[work.name].to_pylist() if work.name in table.column_names else [None] * table.num_rows
        made = [self._made(data, name) for data, name in zip(table[work.column].to_pylist(), names, strict=True)]
        columns = {entry: table[entry] for entry in table.column_names if entry not in ADDED}
        columns[work.column] = pa.array([entry["bytes"] for entry in made], pa.large_binary())
        if work.name in columns:
            columns[work.name] = pa.array([entry["name"] for entry in made], pa.string())
        kinds = {"sha256": pa.string(), "seconds": pa.float64(), "error": pa.string()}
        return pa.table(columns | {key: pa.array([entry[key] for entry in made], kinds[key]) for key in ADDED})

    def _made(self, data: bytes | None, name: str | None) -> dict[str, Any]:
        started = time.monotonic()
        made: dict[str, Any] = {"bytes": None, "name": None, "sha256": None, "error": None}
        called = name or f"photo.{kind_of((data or b'')[:START].ljust(START), '')}"
        key = "enhanced", self.work.naming.ratios[0]
        photo = None
        try:
            with tempfile.TemporaryDirectory() as folder:
                photo = Path(folder) / PurePosixPath(called).name
                photo.write_bytes(data or b"")
                target = Path(folder) / "picture" / self.work.naming.files(photo.name)[key]
                target.parent.mkdir()
                enhance_file(Job(photo, {key: target}, self.work.naming.ratios), self.model, **self.work.dials)
                picture = target.read_bytes()
                made |= {"bytes": picture, "sha256": hashlib.sha256(picture).hexdigest()}
                made["name"] = str(PurePosixPath(called).with_name(target.name))
        except (KindlingError, MemoryError, OSError) as error:
            made["error"] = sentence(error, called, photo)
        finally:
            self.model.rest()
        return {**made, "seconds": time.monotonic() - started}
