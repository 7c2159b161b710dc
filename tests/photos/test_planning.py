"""Which photos are found and which files come of them, settled before any work: names, clashes, sub-folders."""

from pathlib import Path

import pytest

from kindling import KindlingError
from kindling.photos.jobs import Found, Naming, find_photos, plan

NAMES = {
    "plain": (Naming(), "night.jpg", ["night_kindle.png"]),
    "all but the suffix": (Naming(), "night.2019.raw.jpg", ["night.2019.raw_kindle.png"]),
    "up to the first dot, as evaluate.py": (Naming(first_dot=True), "night.2019.raw.jpg", ["night_kindle.png"]),
    "a date and no suffix": (Naming(), "Screenshot 2024.01.05", ["Screenshot 2024.01.05_kindle.png"]),
    "letters of any script": (Naming(), "夜景 café.JPG", ["夜景 café_kindle.png"]),
    "nothing before the dot": (Naming(), ".night.jpg", [".night_kindle.png"]),
    "suffix and kind": (Naming("-bright", "webp"), "night.jpg", ["night-bright.webp"]),
    "own kind": (Naming(ext="auto"), "night.JPEG", ["night_kindle.jpg"]),
    "own kind of BMP": (Naming(ext="auto"), "night.bmp", ["night_kindle.png"]),
    "own kind of TIFF": (Naming(ext="auto"), "night.tif", ["night_kindle.tiff"]),
    "series": (Naming(ratios=(1.0, 2.5, "auto")), "a.png",
               ["a_kindle_ratio1.png", "a_kindle_ratio2.5.png", "a_kindle_ratioauto.png"]),
    "parts": (Naming(parts=True), "a.png",
              ["a_kindle.png", "a_kindle_adjusted.png", "a_kindle_R.png", "a_kindle_L.png", "a_kindle_restored.png"]),
    "compare": (Naming(compare=True), "a.png", ["a_kindle.png", "a_kindle_compare.png"]),
}  # fmt: skip


@pytest.mark.parametrize(("naming", "photo", "files"), NAMES.values(), ids=NAMES)
def test_names(naming, photo, files):
    (job,) = plan([Found(Path("in") / photo)], Path("out"), naming)
    assert list(job.targets.values()) == [Path("out") / name for name in files]


CLASHES = {
    "two kinds of one name": (["a.jpg", "a.png"], {}, r"in/a\.jpg and in/a\.png would both write out/a_kindle\.png"),
    "dots, as evaluate.py": (["a.1.jpg", "a.2.jpg"], {"first_dot": True}, "would both write out/a_kindle.png"),
    "a part of one, another whole": (["a.jpg", "a_R.jpg"], {"parts": True, "suffix": ""}, "would both write"),
}


@pytest.mark.parametrize(("photos", "naming", "words"), CLASHES.values(), ids=CLASHES)
def test_two_photos_of_one_name_are_refused(photos, naming, words):
    with pytest.raises(KindlingError, match=words):
        plan([Found(Path("in") / name) for name in photos], Path("out"), Naming(**naming))


def test_a_photo_is_never_overwritten(tmp_path):
    """Not even with --force: it would be gone."""
    (tmp_path / "a.png").touch()
    with pytest.raises(KindlingError, match=r"a photo would be overwritten: .*a\.png; write to another folder"):
        plan([Found(tmp_path / "a.png")], tmp_path, Naming(suffix=""), force=True)


def test_existing_pictures(tmp_path):
    (tmp_path / "a_kindle.png").write_text("mine")
    photos = [Found(tmp_path / "a.jpg"), Found(tmp_path / "b.jpg")]
    with pytest.raises(KindlingError, match=r"exists already: .*a_kindle\.png; .*--force"):
        plan(photos, tmp_path)
    assert len(plan(photos, tmp_path, force=True)) == 2
    assert [job.photo.name for job in plan(photos, tmp_path, skip_existing=True)] == ["b.jpg"]
    with_parts = plan(photos, tmp_path, Naming(parts=True), skip_existing=True)
    assert [job.photo.name for job in with_parts] == ["a.jpg", "b.jpg"]  # the parts of a are not there


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
