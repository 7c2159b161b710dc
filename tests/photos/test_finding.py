"""Which photos are found in files, folders and patterns, and what is counted as left out."""

import os
from pathlib import Path

import pytest

from kindling import KindlingError
from kindling.photos.find import find, find_photos
from kindling.photos.jobs import plan


@pytest.fixture
def tree(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "c.webp", "trip/a.jpg", "trip/sea/a.tif", "out/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_photos_of_a_folder(tree):
    assert [found.path.name for found in find_photos([tree])] == ["a.png", "b.JPG", "c.webp"]
    assert [found.path for found in find_photos([tree / "notes.txt"])] == [tree / "notes.txt"]  # named by hand: tried


def test_sub_folders_are_kept_and_the_output_is_not_an_input(tree):
    found = find_photos([tree], recursive=True, out=tree / "out")
    targets = [str(job.targets["enhanced", 5.0].relative_to(tree)) for job in plan(found, tree / "out")]
    names = ["a", "b", "c", "trip/a", "trip/sea/a"]
    assert targets == [f"out/{name}_kindle.png" for name in names]


@pytest.mark.parametrize(
    ("pattern", "names"), [("*.[jJ]*", ["b.JPG"]), ("**/a.*", ["a.png", "trip/a.jpg", "trip/sea/a.tif"])]
)
def test_patterns(tree, pattern, names):
    assert [str(found.path.relative_to(tree)) for found in find_photos([tree / pattern])] == names


def test_a_photo_named_twice_is_one(tree):
    assert len(find_photos([tree / "a.png", tree / "a.png"])) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "there is no photo in this folder; known are .bmp, .*; --recursive looks into sub-folders"),
        ("gone.jpg", "no such file or folder"),
        ("*.heic", "nothing matches this pattern"),
    ],
)
def test_inputs_that_are_not_there(tree, name, words):
    with pytest.raises(KindlingError, match=words):
        find_photos([tree / name])


# --- every kind, and what is left out ----------------------------------------------------------------------------


def test_every_kind_is_taken_up_and_the_rest_is_counted(tmp_path):
    photos = ["a.JFIF", "b.avif", "c.bmp", "d.cr2", "e.dng", "f.HEIC", "g.jpe", "h.mpo", "i.NEF", "j.tif", "k.webp"]
    for name in (*photos, "x.mov", "y.MOV", "z.xmp", "README", "._a.jpg", ".DS_Store"):
        (tmp_path / name).touch()
    findings = find([tmp_path])
    assert [found.path.name for found in findings.photos] == photos
    assert findings.left_out == {".mov": 2, ".xmp": 1, "": 1}
    assert findings.said() == "left out, being no photos that are read: 2 .mov, 1 .xmp, 1 without a suffix"
    assert find([tmp_path / "a.JFIF"]).said() == ""


def test_a_folder_of_nothing_but_films_says_so(tmp_path):
    (tmp_path / "a.mov").touch()
    with pytest.raises(KindlingError, match=r"there is no photo in this folder; .*: 1 \.mov"):
        find([tmp_path])


# --- awkward names, links, twice ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["night [1].jpg", "night*.jpg", "what?.jpg", "[ab].jpg"])
def test_a_name_that_is_there_is_no_pattern(tmp_path, name):
    for other in (name, "night 1.jpg", "a.jpg"):
        (tmp_path / other).touch()
    assert [found.path.name for found in find_photos([tmp_path / name])] == [name]


def test_a_pattern_in_a_folder_with_brackets(tmp_path):
    (tmp_path / "trip [2024]").mkdir()
    for name in ("a.jpg", "b.png"):
        (tmp_path / "trip [2024]" / name).touch()
    assert [found.path.name for found in find_photos([tmp_path / "trip [2024]" / "*.jpg"])] == ["a.jpg"]


def test_linked_sub_folders(tmp_path):
    """Looked into, each once, and a link that leads back does not go round."""
    (tmp_path / "in").mkdir()
    (tmp_path / "far").mkdir()
    for name in ("in/a.jpg", "far/b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "far")
    (tmp_path / "in" / "linked too").symlink_to(tmp_path / "far")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "in")
    found = find_photos([tmp_path / "in"], recursive=True)
    assert [f.path.relative_to(tmp_path).as_posix() for f in found] == ["in/a.jpg", "in/linked/b.jpg"]


def test_the_same_photo_twice(tmp_path, monkeypatch):
    """By a folder, by name, by another spelling of its name, by a pattern: once, as it was named first."""
    monkeypatch.chdir(tmp_path)
    Path("in/trip").mkdir(parents=True)
    for name in ("in/a.jpg", "in/trip/b.jpg"):
        Path(name).touch()
    given = [Path("in"), Path("in/a.jpg"), tmp_path / "in" / "a.jpg", Path("in/../in/a.jpg"), Path("in/*.jpg")]
    assert [found.path for found in find_photos(given)] == [Path("in/a.jpg")]
    found = find_photos([Path("in"), Path("in/trip/b.jpg")], recursive=True)
    assert [(f.path.as_posix(), f.below.as_posix()) for f in found] == [("in/a.jpg", "."), ("in/trip/b.jpg", "trip")]


def test_folders_called_like_photos(tmp_path):
    (tmp_path / "7.png").mkdir()
    (tmp_path / "7.png" / "a.jpg").touch()
    (tmp_path / "8.png").touch()
    assert [found.path.name for found in find_photos([tmp_path])] == ["8.png"]
    assert [found.path.name for found in find_photos([tmp_path / "7.png"])] == ["a.jpg"]
    assert [found.path.name for found in find_photos([tmp_path / "*.png"])] == ["8.png"]
    assert len(find_photos([tmp_path], recursive=True)) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    (tmp_path / "y.jpg").symlink_to("nowhere")
    with pytest.raises(KindlingError, match=r"x\.jpg: is a pipe, not a file"):
        find_photos([tmp_path / "x.jpg"])
    with pytest.raises(KindlingError, match=r"y\.jpg: is a link that leads nowhere"):
        find_photos([tmp_path / "y.jpg"])
    with pytest.raises(KindlingError, match=r"null: is neither a file nor a folder"):
        find_photos([Path("/dev/null")])
    assert (
        len(find_photos([tmp_path])) == 2
    )  # in a folder they are reported when their turn comes, and the rest goes on
