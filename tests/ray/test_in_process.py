"""Runs without Ray and nets: an actor's work is done in this process, and a picture is the photo's bytes and a word.

What a stop, a kill and another run leave behind is looked at here; that Ray and the nets do the same, in test_run.py.
"""

import contextlib
import io
import shutil
import tarfile
from types import SimpleNamespace

import pytest

from kindling.core.errors import KindlingError
from kindling.families.registry import KIND
from kindling.photos.jobs import Naming

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e '.[ray]'")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install -e '.[ray]'")

from kindling.ray import cluster, datasets, manifest, run, workers  # noqa: E402
from kindling.ray.blocks import blocks  # noqa: E402
from kindling.ray.manifest import FOLDER, Manifest  # noqa: E402
from kindling.ray.places import Place  # noqa: E402

WEIGHTS = cluster.Weights(
    variables={}, said={}, source="none.npz", fingerprint="", runtime="torch", device="cpu", precision="float32",
    family=KIND, nets=frozenset(net.scope for net in KIND.nets),
)  # fmt: skip
MODEL = SimpleNamespace(rest=lambda: None)


def picture(job, model, lost=None):
    """In place of enhance_file."""
    content = job.photo.read_bytes()
    if content == b"bad":
        raise KindlingError(f"{job.photo}: damaged")
    for target in job.targets.values():
        target.write_bytes(content + b" enhanced")


@pytest.fixture
def stop(monkeypatch):
    """stop.after: blocks after which the run is stopped as by Ctrl-C, once stop.first() has been called."""
    stop = SimpleNamespace(after=None, first=lambda: None)

    def rows(ray, tasks, order, weights, share):
        enhancer = workers.Enhancer(workers.Order(weights=weights, **order))
        for number, block in enumerate(blocks(tasks, order["batch"])):
            if number == stop.after:
                stop.first()
                raise KeyboardInterrupt
            for table in enhancer(pa.Table.from_pylist(block)):
                yield table.to_pylist()

    ray = SimpleNamespace(cluster_resources=lambda: {"CPU": 1}, is_initialized=lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(run, "import_framework", lambda *_: ray)
    monkeypatch.setattr(cluster, "import_framework", lambda *_: ray)
    monkeypatch.setattr(cluster, "connected", lambda address: contextlib.nullcontext(ray))
    monkeypatch.setattr(cluster, "read_weights", lambda *_: WEIGHTS)
    monkeypatch.setattr(run, "_rows", rows)
    monkeypatch.setattr(manifest, "SECONDS", float("inf"))  # a kill finds no row written
    monkeypatch.setattr(workers, "open_quietly", lambda weights: MODEL)
    monkeypatch.setattr(workers, "enhance_file", picture)
    monkeypatch.setattr(workers, "count_pixels", lambda photo: 1)
    return stop


@pytest.fixture
def enhance(stop, tmp_path):
    """The summary of a run of tmp_path/in, whose photos are `names`, into tmp_path/out."""

    def enhance(*names, out=tmp_path / "out", folder="in", **settings):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in names:
            (tmp_path / folder / name).write_bytes(name.encode())
        return run.enhance([f"{tmp_path}/{folder}"], str(out), naming=Naming(ext="auto", ratios=(5.0,)), **settings)

    return enhance


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def pictures_in(folder):
    """Name -> content of all that is packed in the files of a folder; two of one name are refused."""
    made = []
    for name, data in files_of(folder).items():
        if name.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                made += [(member.name, tar.extractfile(member).read()) for member in tar]
        else:
            table = parquet.read_table(io.BytesIO(data))
            made += zip(table["name"].to_pylist(), table["bytes"].to_pylist(), strict=True)
    assert len(dict(made)) == len(made)
    return dict(made)


def enhanced(*names):
    return {name.replace(".", "_kindle."): f"{name} enhanced".encode() for name in names}


@pytest.mark.parametrize("end", ["Ctrl-C", "SIGKILL"])
def test_a_stopped_force_run_takes_no_foreign_picture_for_its_own(enhance, stop, tmp_path, end):
    names = [f"{n}.png" for n in range(4)]
    (tmp_path / "out").mkdir()
    for name in enhanced(*names[:3]):
        (tmp_path / "out" / name).write_bytes(b"foreign")
    stop.after = 1
    stop.first = lambda: shutil.copytree(tmp_path / "out", tmp_path / "SIGKILL")  # what is on the disk at that moment
    with pytest.raises(KeyboardInterrupt):
        enhance(*names, force=True, batch=1)
    (tmp_path / "out").rename(tmp_path / "Ctrl-C")
    stop.after = None
    listed = Manifest(Place(str(tmp_path / end)))
    assert set(listed.done) | listed.planned <= {"0_kindle.png", "3_kindle.png"}
    assert (tmp_path / end / "2_kindle.png").read_bytes() == b"foreign"
    with pytest.raises(KindlingError, match=r"the output exists already: .*2_kindle\.png"):
        enhance(out=tmp_path / end)
    enhance(out=tmp_path / end, force=True)
    assert files_of(tmp_path / end) == enhanced(*names)
    assert enhance(out=tmp_path / end).left == 0


def test_a_picture_that_was_made_and_not_told_is_ours(enhance, stop, tmp_path):
    stop.after = 1
    stop.first = lambda: (tmp_path / "out" / "1_kindle.png").write_bytes(b"made")
    with pytest.raises(KeyboardInterrupt):
        enhance("0.png", "1.png", "2.png", batch=1)
    stop.after = None
    assert enhance().left == 1


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_packed_pictures_without_a_manifest_stay(enhance, tmp_path, to):
    names = ["0.png", "1.png", "2.png"]
    enhance(*names, to=to, batch=2)
    made = files_of(tmp_path / "out")
    assert pictures_in(tmp_path / "out") == enhanced(*names)
    shutil.rmtree(tmp_path / "out" / FOLDER)
    with pytest.raises(KindlingError, match="no manifest says what is in its packed files: kindling-"):
        enhance(to=to, batch=2)
    assert files_of(tmp_path / "out") == made
    enhance(to=to, batch=2, force=True)
    assert files_of(tmp_path / "out") == made


def killed(enhance, stop, tmp_path, *names):
    """A packed run that was killed when it had written one file of two pictures, and no row of it."""
    stop.after = 1
    stop.first = lambda: shutil.copytree(tmp_path / "out", tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        enhance(*names, to="webdataset", batch=2)
    stop.after = None
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "killed").rename(tmp_path / "out")
    (orphan,) = files_of(tmp_path / "out")
    assert not Manifest(Place(str(tmp_path / "out"))).done
    return orphan


def test_what_a_killed_run_packed_is_made_anew(enhance, stop, tmp_path, monkeypatch):
    names = ["0.png", "1.png", "2.png", "3.png"]
    orphan = killed(enhance, stop, tmp_path, *names)

    def read_weights(*_):
        raise KindlingError("there are no such weights")

    with monkeypatch.context() as patched:
        patched.setattr(cluster, "read_weights", read_weights)
        with pytest.raises(KindlingError, match="no such weights"):
            enhance(to="webdataset", batch=3)
    assert orphan in files_of(tmp_path / "out")
    enhance(to="webdataset", batch=3)
    assert orphan not in files_of(tmp_path / "out")
    assert pictures_in(tmp_path / "out") == enhanced(*names)


def test_a_run_of_other_photos_deletes_no_packed_pictures(enhance, stop, tmp_path):
    """The other run may be going on still."""
    orphan = killed(enhance, stop, tmp_path, "0.png", "1.png", "2.png")
    enhance("a.png", "b.png", folder="other", to="webdataset", batch=2)
    assert orphan in files_of(tmp_path / "out")
    assert pictures_in(tmp_path / "out") == enhanced("0.png", "1.png", "a.png", "b.png")


def test_a_stopped_run_leaves_no_packed_file_that_is_not_listed(enhance, stop, tmp_path):
    stop.after = 1

    def first():  # written by an actor whose rows never came
        (plan,) = (tmp_path / "out" / FOLDER).glob("plan-*")
        files = {out.partition("#")[0] for out in parquet.read_table(plan)["out"].to_pylist()}
        for name in files - set(files_of(tmp_path / "out")):
            (tmp_path / "out" / name).touch()

    stop.first = first
    with pytest.raises(KeyboardInterrupt):
        enhance("0.png", "1.png", "2.png", to="webdataset", batch=2)
    assert pictures_in(tmp_path / "out") == enhanced("0.png", "1.png")
    stop.after = None
    assert enhance(to="webdataset").left == 1


@pytest.mark.parametrize("to", ["files", "parquet", "webdataset"])
def test_names_with_a_hash_are_gone_on_from(enhance, tmp_path, to):
    names = ["#sunset.jpg", "kindling-day#2.jpg", "photo #2.jpg", "#bad #1.jpg"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "#bad #1.jpg").write_bytes(b"bad")
    summary = enhance(*names[:3], to=to, batch=2)
    assert (summary.enhanced, len(summary.failures)) == (3, 1)
    assert set(Manifest(Place(str(tmp_path / "out"))).done) == set(enhanced(*names[:3]))
    assert enhance(to=to, batch=2).left == 1
    assert enhance(names[3], to=to, batch=2).enhanced == 1
    assert (files_of if to == "files" else pictures_in)(tmp_path / "out") == enhanced(*names)
    (part,) = (tmp_path / "out" / FOLDER).iterdir()
    assert parquet.ParquetFile(part).read()["error"].to_pylist() == [None] * 4  # the latest row of a picture counts
    assert enhance(to=to, batch=2).left == 0


def test_a_url_is_listed_by_the_run_and_not_by_the_photo(enhance, tmp_path, monkeypatch):
    listed = []
    listing = Place._listed
    monkeypatch.setattr(
        Place, "_listed", lambda place, folder, recursive: listed.append(folder) or listing(place, folder, recursive)
    )
    counts = []
    for names in (["0.png"], ["1.png", "2.png", "3.png"]):
        listed.clear()
        assert enhance(*names, out=f"local://{tmp_path}/out").enhanced == len(names)
        counts.append(len(listed))
    assert counts[0] == counts[1]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")} == enhanced(
        "0.png", "1.png", "2.png", "3.png"
    )


def enhancer_of(where):
    order = workers.Order(
        where=where, run="1", weights=WEIGHTS, naming=Naming(ratios=(5.0,)), dials={}, to="files", batch=2, force=False
    )
    return workers.Enhancer(order)


def rows_of(enhancer, photo):
    """What the actor says of one photo."""
    task = {"in": str(photo), "name": photo.name, "kind": "file", "location": str(photo), "at": 0, "size": 0}
    (table,) = enhancer(pa.Table.from_pylist([task | {"outs": ["x_kindle.png"]}]))
    return table.to_pylist()


@pytest.mark.parametrize("scheme", ["", "local://"])
def test_a_photo_that_kills_its_workers_is_left(stop, tmp_path, scheme):
    enhancer, photo = enhancer_of(f"{scheme}{tmp_path}/out"), tmp_path / "x.png"
    photo.write_bytes(b"photo")
    for _ in range(workers.DEATHS):  # each of which dies before it erases its mark
        workers._Mark(enhancer.place, "1", str(photo))
    for _ in range(2):  # another photo of its batch may kill workers too
        (row,) = rows_of(enhancer, photo)
        assert row["error"] == f"{photo}: 5 workers were killed while they were at it, so it is left"
    assert not (tmp_path / "out" / "x_kindle.png").exists()


@pytest.mark.parametrize("scheme", ["", "local://"])
@pytest.mark.parametrize("content", [b"photo", b"bad"])
def test_a_photo_beside_one_that_kills_is_not_blamed(stop, tmp_path, scheme, content):
    enhancer, photo = enhancer_of(f"{scheme}{tmp_path}/out"), tmp_path / "x.png"
    photo.write_bytes(content)
    for _ in range(workers.DEATHS + 1):
        (row,) = rows_of(enhancer, photo)
        assert row["error"] == (f"{photo}: damaged" if content == b"bad" else None)


def test_a_data_set_goes_on_behind_names_that_no_file_can_have(tmp_path, monkeypatch):
    def scarce(job, model):
        if job.photo.name == "big.png":
            raise MemoryError
        picture(job, model)

    monkeypatch.setattr(datasets, "open_quietly", lambda weights: MODEL)
    monkeypatch.setattr(datasets, "enhance_file", scarce)
    naming = Naming(ext="auto", ratios=(5.0,))
    work = datasets._Work(column="bytes", name="name", naming=naming, dials={}, weights=WEIGHTS)
    names = [f"{'n' * 300}.png", "..", "big.png", "ok.png"]
    table = datasets._Enhancer(work)(pa.table({"name": names, "bytes": [b"photo"] * 4}))
    long, above, big, good = table["error"].to_pylist()
    assert long == f"{names[0]}: File name too long"
    assert above == "..: Is a directory"
    assert big == "big.png: there is not enough memory for it"
    assert good is None
    assert table["bytes"].to_pylist() == [None, None, None, b"photo enhanced"]
