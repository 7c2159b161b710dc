"""What needs no Ray: the manifest, places, sources, packed files, who gets which share, and where Ray is looked for."""

import doctest
import errno
import importlib
import io
import os
import tarfile
from types import SimpleNamespace

import pytest
from PIL import Image

from kindling.core.errors import KindlingError
from kindling.ray import cluster
from kindling.ray.cluster import share_of
from kindling.ray.places import Place
from tests.support.photos import noise

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e '.[ray]'")

from kindling.ray.blocks import blocks  # noqa: E402
from kindling.ray.manifest import FOLDER, Manifest, row  # noqa: E402
from kindling.ray.shards import contents, name_of, packed  # noqa: E402
from kindling.ray.sources import gather  # noqa: E402


@pytest.mark.parametrize("name", ["blocks", "cluster", "manifest", "shards"])
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(f"kindling.ray.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("resources", "actors", "device", "expected"),
    [
        ({"CPU": 2}, None, "auto", (2, 1, 0)),
        ({"CPU": 8}, 2, "auto", (2, 4, 0)),
        ({"CPU": 64, "memory": 16e9}, None, "auto", (8, 8, 0)),
        ({"CPU": 16, "GPU": 1}, None, "auto", (1, 16, 1)),
        ({"CPU": 16, "GPU": 2}, 3, "auto", (3, 5, 0.5)),
        ({"CPU": 16, "GPU": 4}, 2, "auto", (2, 8, 2)),
        ({"CPU": 4, "GPU": 1}, None, "cpu", (4, 1, 0)),
    ],
)
def test_shares(resources, actors, device, expected):
    share = share_of(resources, actors, device)
    assert (share.actors, share.cpus, share.gpus) == expected


@pytest.mark.parametrize(("count", "batch", "actors"), [(1, 16, 2), (60, 16, 2), (500, 16, 2), (500, 4, 64)])
def test_batches_get_smaller_so_that_no_actor_waits_long(count, batch, actors):
    tasks = [{"kind": "file", "location": str(number), "at": 0} for number in range(count)]
    given = list(blocks(tasks, batch, actors))
    assert [task for block in given for task in block] == tasks
    left = count
    for block in given:  # what one actor does last is little beside what all do before it
        assert len(block) <= max(1, min(batch, left / actors / 2))
        left -= len(block)


def test_a_row_group_is_not_parted():
    parts = [("parquet", 0)] * 5 + [("tar", 0)] * 5 + [("parquet", 1)] * 5
    tasks = [{"kind": kind, "location": "x", "at": at} for kind, at in parts]
    sizes = [len(block) for block in blocks(tasks, 2, 1)]
    assert (sizes[0], sizes[-1]) == (5, 5)
    assert sizes[1:-1] == [2, 1, 1, 1]
    assert [len(block) for block in blocks(tasks, 2)] == [5, 2, 2, 1, 5]  # packed files are all alike


def test_more_actors_than_cores_are_refused():
    with pytest.raises(KindlingError, match="5 actors need a core each, and there are 4"):
        share_of({"CPU": 4}, 5)


@pytest.mark.parametrize(
    ("address", "environment", "expected"),
    [
        (None, None, "local"),
        ("auto", None, "auto"),
        (None, "10.0.0.1:6379", "10.0.0.1:6379"),
        ("local", "x:1", "local"),
    ],
)
def test_only_a_cluster_that_was_named_is_joined(monkeypatch, address, environment, expected):
    """Without an address ray.init would join one that `ray start` left on this machine, and refuse a size for it."""
    told = {}
    data = SimpleNamespace(DataContext=SimpleNamespace(get_current=SimpleNamespace))
    ray = SimpleNamespace(is_initialized=lambda: False, init=told.update, shutdown=lambda: None, data=data)
    monkeypatch.setattr(cluster, "import_framework", lambda *_: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if environment:
        monkeypatch.setenv("RAY_ADDRESS", environment)
    with cluster.connected(address):
        assert told["address"] == expected
    assert ("object_store_memory" in told) == (expected == "local")
    assert cluster.goes_on(address) == (expected != "local")


@pytest.mark.parametrize("scheme", ["", "local://"])
def test_a_place_never_writes_over_what_is_there(tmp_path, scheme):
    """scheme: local:// is fsspec's, which goes the way of every other URL."""
    place = Place(f"{scheme}{tmp_path}/out")
    for number in (1, 2):
        (tmp_path / f"made{number}").write_text(str(number))
    assert place.filled(["a/x.png"]) == set()
    assert place.claim("a/x.png", tmp_path / "made1")
    assert not place.claim("a/x.png", tmp_path / "made2")
    assert place.read("a/x.png") == b"1"
    assert place.filled(["a/x.png", "a/y.png"]) == {"a/x.png"}
    assert place.claim("a/x.png", tmp_path / "made2", force=True)
    assert place.read("a/x.png") == b"2"
    assert place.names("a") == ["x.png"]
    place.delete(["a/x.png", "gone.png"])
    assert place.names("a") == []
    assert not list((tmp_path / "out").rglob(".kindling-*"))


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "link", link)
    place = Place(str(tmp_path))
    for number in (1, 2):
        (tmp_path / f"made{number}").write_text(str(number))
    assert place.claim("x.png", tmp_path / "made1")
    assert not place.claim("x.png", tmp_path / "made2")
    assert place.read("x.png") == b"1"


@pytest.mark.parametrize("scheme", ["", "local://"])
def test_a_folder_of_a_place_is_cleared(tmp_path, scheme):
    place = Place(f"{scheme}{tmp_path}")
    place.write("a/b/c.png", b"1")
    place.clear("a")
    place.clear("gone")
    assert not list(tmp_path.iterdir())


def test_a_row_a_picture_and_the_latest_counts(tmp_path):
    place = Place(str(tmp_path))
    first = Manifest(place)
    first.plan(["a_kindle.png", "b_kindle.png", "c_kindle.png"])
    first.add(
        [row(source="/a.png", out="a_kindle.png", sha256="1"), row(source="/b.png", out="b_kindle.png", error="bad")]
    )
    first.flush()  # and here it is killed
    second = Manifest(place)
    assert second.done == {"a_kindle.png": ("/a.png", "a_kindle.png")}
    assert second.planned == {"a_kindle.png", "b_kindle.png", "c_kindle.png"}
    second.plan(["b_kindle.png"])
    assert Manifest(place).planned == second.planned
    second.add([row(source="/b.png", out="b_kindle.png", sha256="2")])
    second.close(settled=True)
    (part,) = place.names(FOLDER)
    import pyarrow.parquet as parquet

    table = parquet.read_table(tmp_path / FOLDER / part)
    assert table["out"].to_pylist() == ["a_kindle.png", "b_kindle.png"]
    assert table["error"].to_pylist() == [None, None]
    third = Manifest(place)
    assert (set(third.done), third.planned) == ({"a_kindle.png", "b_kindle.png"}, set())


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "rows-1.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(KindlingError, match=r"rows-1.parquet: is damaged"):
        Manifest(Place(str(tmp_path)))


def test_a_folder_made_for_nothing_goes(tmp_path):
    manifest = Manifest(Place(str(tmp_path / "out")))
    manifest.plan(["a.png"])
    manifest.close(settled=True)
    assert not (tmp_path / "out").exists()


def test_a_manifest_on_a_full_disk_says_so():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with pytest.raises(KindlingError, match="cannot be written to"):
        Manifest(Place("/dev/full/out")).plan(["a.png"])


def png(seed):
    held = io.BytesIO()
    Image.fromarray(noise(6, 5, seed)).save(held, "png")
    return held.getvalue()


def tar_of(path, files):
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_photos_in_a_tar(tmp_path):
    files = {"a/1.png": png(1), "a/1.json": b"{}", "2.png": png(2), "._3.png": b"x"}
    tar_of(tmp_path / "s.tar", files)
    photos = gather([str(tmp_path)]).photos
    assert [photo.label for photo in photos] == [f"{tmp_path}/s.tar#a/1.png", f"{tmp_path}/s.tar#2.png"]
    assert [str(photo.found.below) for photo in photos] == ["a", "."]
    tasks = [{"kind": p.kind, "location": p.location, "at": p.at, "size": p.size} for p in photos]
    assert [held for _, held in contents(tasks, 16)] == [png(1), png(2)]


@pytest.mark.parametrize("form", ["plain", "struct", "nameless", "numbered", "numbered struct"])
def test_photos_in_parquet(tmp_path, form):
    import pyarrow.parquet as parquet

    names, pictures = [f"{n}.png" for n in range(5)], [png(n) for n in range(5)]
    table = {
        "plain": {"bytes": pictures, "path": names, "label": [1] * 5},
        "struct": {"image": [{"bytes": b, "path": n} for b, n in zip(pictures, names, strict=True)]},
        "nameless": {"photo": pictures},
        "numbered": {"photo": pictures, "key": range(5)},
        "numbered struct": {"image": [{"bytes": b, "path": n} for n, b in enumerate(pictures)]},
    }[form]
    parquet.write_table(pa.table(table), tmp_path / "p.parquet", row_group_size=3)
    photos = gather([str(tmp_path / "p.parquet")]).photos
    called = names if form in ("plain", "struct") else [f"p-{n:06d}" for n in range(5)]
    assert [photo.found.path.name for photo in photos] == called
    assert [(photo.at, photo.size) for photo in photos] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    tasks = [{"in": p.label, "kind": p.kind, "location": p.location, "at": p.at, "size": p.size} for p in photos]
    assert [held for _, held in contents(tasks[1:3], 1)] == pictures[1:3]
    assert [held for _, held in contents(tasks[3:], 16)] == pictures[3:]


def test_lists_keep_the_folders_that_differ(tmp_path):
    (tmp_path / "list.txt").write_text(f"# mine\n{tmp_path}/a/1.png\n\n{tmp_path}/b/c/1.png\n")
    photos = gather([str(tmp_path / "list.txt")]).photos
    assert [str(photo.found.below) for photo in photos] == ["a", "b/c"]


def test_a_folder_behind_a_url(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/1.png", "2.jpg", "notes.md"):
        (tmp_path / name).write_bytes(b"x")
    url = f"local://{tmp_path}"
    assert [photo.location for photo in gather([url]).photos] == [f"{url}/2.jpg"]
    found = gather([url], recursive=True).photos
    assert [(photo.location, str(photo.found.below)) for photo in found] == [
        (f"{url}/2.jpg", "."),
        (f"{url}/b/1.png", "b"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.tar", b"nothing of the kind", "not a tar file that can be read"),
        ("x.parquet", b"nothing of the kind", "not a Parquet file that can be read"),
        ("x.txt", b"\n", "there is no path or URL in this list"),
        ("x.txt", b"/photos/\xe9.png\n", "is not text in UTF-8"),
    ],
)
@pytest.mark.parametrize("scheme", ["", "local://"])
def test_wrong_sources_are_named(tmp_path, scheme, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KindlingError, match=f"{name}: .*{said}"):
        gather([f"{scheme}{tmp_path}/{name}"])


def test_an_unknown_scheme_is_named():
    with pytest.raises(KindlingError, match="nowhere://x: cannot be reached"):
        gather(["nowhere://x"])


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_the_same_pictures_make_the_same_file(tmp_path, to):
    pictures = [(row(source=f"/{n}.png", out=f"{n}_kindle.png", sha256=str(n)), png(n)) for n in range(2)]
    name = name_of(["/0.png", "/1.png"], to)
    assert packed(pictures, to) == packed(pictures, to)
    (tmp_path / name).write_bytes(packed(pictures, to))
    photos = gather([str(tmp_path / name)]).photos
    assert [photo.found.path.name for photo in photos] == ["0_kindle.png", "1_kindle.png"]
