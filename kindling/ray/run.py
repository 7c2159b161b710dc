"""Photos enhanced on Ray: what is missing is found, spread over actors, and written into the manifest as it is done."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.enhancing.needed import check_needed
from kindling.photos.jobs import Naming, aim, plan
from kindling.ray import cluster, shards
from kindling.ray.blocks import batched, blocks
from kindling.ray.manifest import Manifest, file_of, member_of, row
from kindling.ray.places import Place
from kindling.ray.sources import Source, gather
from kindling.ray.workers import Enhancer, Order, To, work_folder
from kindling.runtimes import Precision

__all__ = ["BATCH", "Summary", "enhance"]

BATCH = 16  # photos that an actor takes at a time
TASK = ("in", "name", "kind", "location", "at", "size", "outs")  # columns of what an actor is given
ELSEWHERE = Path("elsewhere")  # stands for a URL while names are settled


@dataclass(kw_only=True)
class Summary:
    """What came of a run; it grows while it goes on."""

    total: int
    """Photos that were found."""
    left: int = 0
    """Of these, photos to enhance."""
    done: int = 0
    """Photos that were tried."""
    enhanced: int = 0
    failures: list[str] = field(default_factory=list)
    """A sentence for each photo that was not enhanced."""
    lost: Counter[str] = field(default_factory=Counter)
    """What rides along with photos and had no room in their pictures' kind of file, and of how many."""
    pixels: int = 0
    seconds: float = 0.0
    actors: int = 0
    said: str = ""
    """What was left out in the folders that were searched."""
    weights: cluster.Weights | None = None

    def count(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in rows of the manifest."""
        for _, group in groupby(rows, key=lambda entry: entry["in"]):
            first, *_ = group
            self.done += 1
            if first["error"] is not None:
                self.failures.append(first["error"])
                continue
            self.enhanced += 1
            self.pixels += first["pixels"] or 0
            self.lost.update((first["lost"] or "").split("\n") if first["lost"] else ())


def enhance(
    inputs: Sequence[str],
    out: str,
    *,
    naming: Naming | None = None,
    recursive: bool = False,
    to: To = "files",
    force: bool = False,
    skip_existing: bool = False,
    weights: str | None = None,
    family: str = "",
    runtime: str = "torch",
    device: str = "auto",
    precision: Precision = "float32",
    dials: Mapping[str, Any] | None = None,
    address: str | None = None,
    actors: int | None = None,
    batch: int = BATCH,
    progress: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Enhance all photos that `inputs` name into the folder or URL `out`, as `kindling enhance` does one by one.

    inputs: as `kindling.ray.sources.gather` has them. to: a file for each picture, or Parquet or tar files of `batch`
    pictures. What the manifest in `out` lists, and is there, is not made again; other files that are there are refused,
    left (skip_existing) or overwritten (force). Packed files without a manifest are refused, unless `force`. dials: of
    `kindling.enhancing.render.enhance_file`. address: of a Ray cluster; by default Ray runs on this machine, as long as
    this takes. actors: processes that hold the model. progress: told of the summary as it grows.

    Returns the summary, in which a photo that failed is a sentence. On Ctrl-C the manifest lists what is done, and
    KeyboardInterrupt goes on. Raises KindlingError where no photo is found, names clash, files are in the way, the
    weights are not sound, or there is no room for the manifest.
    """
    import_framework("ray", "--on ray")
    naming = naming or Naming(ext="auto", ratios=("default",))
    place, started = Place(out), time.monotonic()
    sources = gather(inputs, recursive, "" if place.remote else out)
    if not place.remote and aim(out, [source.found for source in sources.photos]) is not None:
        raise KindlingError(f"{out}: is the name of a picture, and --on ray writes into a folder; end it with /")
    manifest = Manifest(place)
    tasks, before = _missing(sources.photos, place, manifest, naming, to, force, skip_existing)
    summary = Summary(total=len(sources.photos), left=len(tasks), said=sources.said)
    if not tasks:
        _delete_orphans(place, manifest, manifest.planned, tasks)
        manifest.close(settled=True)
        return summary
    summary.weights = cluster.read_weights(weights, runtime, device, precision, family)
    _check(summary.weights, naming, dials or {})
    _delete_orphans(place, manifest, manifest.planned, tasks)
    manifest.planned -= before
    planned = _planned(tasks, place, to, batch, before)
    manifest.plan(planned)
    order = {
        "where": place.where, "run": manifest.run, "naming": naming, "dials": dict(dials or {}), "to": to,
        "batch": batch, "force": force,
    }  # fmt: skip
    settled = False
    try:
        with cluster.connected(address) as ray:
            share = cluster.share_of(ray.cluster_resources(), actors, device)
            summary.actors = share.actors
            for rows in _rows(ray, tasks, order, summary.weights, share):
                if rows and not rows[0]["in"]:
                    raise KindlingError(rows[0]["error"])
                manifest.add(rows)
                summary.count(rows)
                progress(summary)
        settled = True
    finally:
        # What was put in place and not told in time gets its row. A Ray of our own has ended by now, so no actor
        # writes any more and the plan is no longer needed.
        if to == "files" and not settled:
            manifest.add(_untold(tasks, place, manifest, before))
        settled = settled or not cluster.goes_on(address)
        place.clear(work_folder(manifest.run))
        manifest.close(settled)
        if settled:
            _delete_orphans(place, manifest, planned, tasks)
        summary.seconds = time.monotonic() - started
    return summary


def _check(weights, naming, dials):
    if weights.family.ratio is None and naming.ratios != ("default",):
        raise KindlingError(f"{weights.family.title} is told no ratio, so leave --ratio out")
    check_needed(weights, dials.get("denoise", 1.0))


def _missing(photos, place, manifest, naming, to, force, skip_existing):
    """A row for each photo of which a picture is to be made, and the pictures that were there and are to be made anew.

    Raises KindlingError where something is in the way.
    """
    base = ELSEWHERE if place.remote else place.path
    by_path = {source.found.path: source for source in reversed(photos)}
    jobs = plan([source.found for source in photos], f"{base}/", naming, force=True)
    _refuse_other_form(manifest, place, to)
    if to != "files" and not force:
        _refuse_unlisted(manifest, place)
    outs = {job.photo: [target.relative_to(base).as_posix() for target in job.targets.values()] for job in jobs}
    every = [out for names in outs.values() for out in names]
    there = place.filled(every) if to == "files" else set(place.names())
    tasks, foreign, before = [], [], set()
    for photo, names in outs.items():
        source = by_path[photo]
        wanted = []
        for name in names:
            of, stored = manifest.done.get(name, (None, name))
            is_there = (file_of(stored) if to != "files" else name) in there
            if is_there and of == source.label and not force:
                wanted.append("")
                continue
            if to == "files" and is_there and not force and (of is not None or name not in manifest.planned):
                foreign.append(name)
                wanted.append("")
                continue
            wanted.append(name)
            if to == "files" and is_there and force:
                before.add(name)
        if any(wanted):
            tasks.append(_task(source, wanted))
    if foreign and not skip_existing:
        raise KindlingError.of(
            "the output exists already", [f"{place.where}/{name}" for name in foreign],
            "give another folder, --skip-existing to leave it, or --force to overwrite",
        )  # fmt: skip
    return tasks, before


def _planned(tasks, place, to, batch, before):
    """What the manifest is going to call the pictures, but for those, or packed files, that are there already."""
    if to == "files":
        return [out for task in tasks for out in task["outs"] if out and out not in before]
    there = set(place.names())
    chunks = [chunk for block in blocks(tasks, batch) for chunk in batched(block, batch)]
    named = [(shards.name_of_all(chunk, to), chunk) for chunk in chunks]
    return [
        f"{file}#{out}" for file, chunk in named if file not in there for task in chunk for out in task["outs"] if out
    ]


def _task(source: Source, outs: list[str]) -> dict[str, Any]:
    values = (source.label, source.found.path.name, source.kind, source.location, source.at, source.size, outs)
    return dict(zip(TASK, values, strict=True))


def _rows(ray, tasks, order, weights, share):
    """The rows of the manifest, as actors send them."""
    import pyarrow as pa

    # A packed file holds a batch, whose photos its name is made of, so there they have one size.
    actors = share.actors if order["to"] == "files" else None
    given = [pa.Table.from_pylist(block) for block in blocks(tasks, order["batch"], actors)]
    dataset = ray.data.from_arrow(given).map_batches(
        Enhancer, fn_constructor_kwargs={"order": Order(weights=weights.stored(), **order)}, batch_size=None,
        batch_format="pyarrow", **cluster.options(share, len(given)),
    )  # fmt: skip
    with contextlib.closing(iter(dataset.iter_batches(batch_size=None, batch_format="pyarrow"))) as results:
        for table in results:
            yield table.to_pylist()


def _untold(tasks, place, manifest, before):
    """Rows of pictures that are there and have none. before: were there already, so nobody knows who made them."""
    outs = {out: task["in"] for task in tasks for out in task["outs"] if out and out not in before}
    missing = [out for out, source in outs.items() if manifest.done.get(out, (None,))[0] != source]
    return [row(source=outs[out], out=out, sha256=place.digest(out)) for out in place.filled(missing)]


def _refuse_other_form(manifest, place, to):
    packed = any(file_of(out) for _, out in manifest.done.values())
    if manifest.done and packed != (to != "files"):
        form = "packed" if packed else "a file each"
        raise KindlingError(f"{place.where}: the pictures in it are {form}, by its manifest; give another folder")


def _refuse_unlisted(manifest, place):
    """Packed files without a manifest may be all the pictures that there are."""
    planned = {file_of(out) for out in manifest.planned}
    found = [name for name in place.names() if shards.is_ours(name) and name not in planned]
    if found and not manifest.done:
        raise KindlingError.of(
            f"{place.where}: no manifest says what is in its packed files", found,
            "give another folder, or --force to make all pictures anew",
        )  # fmt: skip


def _delete_orphans(place, manifest, planned, tasks):
    """Packed files that were planned, written and not listed, as by a killed run, where all in them is made anew.

    So those of another run, which may be going on, stay unless their photos are of this run too.
    """
    listed = {file_of(out) for _, out in manifest.done.values()}
    elsewhere = {out for task in tasks for out in task["outs"] if out} | manifest.done.keys()
    needed = {file_of(out) for out in planned if member_of(out) not in elsewhere}
    if orphans := {file_of(out) for out in planned} - listed - needed - {""}:
        place.delete(name for name in place.names() if name in orphans)
