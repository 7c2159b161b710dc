"""Which files come of a photo, settled before any work: names, clashes, what is there already, `-o out.png`."""

import os
from pathlib import Path

import pytest

from kindling import KindlingError
from kindling.photos.find import Found, find_photos
from kindling.photos.jobs import Naming, aim, plan, without_results

NAMES = {
    "plain": (Naming(), "night.jpg", ["night_kindle.png"]),
    "all but the suffix": (Naming(), "night.2019.raw.jpg", ["night.2019.raw_kindle.png"]),
    "up to the first dot, as evaluate.py": (Naming(first_dot=True), "night.2019.raw.jpg", ["night_kindle.png"]),
    "a date and no suffix": (Naming(), "Screenshot 2024.01.05", ["Screenshot 2024.01.05_kindle.png"]),
    "letters of any script": (Naming(), "夜景 café.JPG", ["夜景 café_kindle.png"]),
    "nothing before the dot": (Naming(), ".night.jpg", [".night_kindle.png"]),
    "suffix and kind": (Naming(suffix="-bright", ext="webp"), "night.jpg", ["night-bright.webp"]),
    "own kind": (Naming(ext="auto"), "night.JPEG", ["night_kindle.jpg"]),
    "own kind of BMP": (Naming(ext="auto"), "night.bmp", ["night_kindle.png"]),
    "own kind of an MPO": (Naming(ext="auto"), "night.mpo", ["night_kindle.jpg"]),
    "own kind of HEIC": (Naming(ext="auto"), "night.heic", ["night_kindle.png"]),
    "own kind of a raw photo": (Naming(ext="auto"), "night.CR2", ["night_kindle.png"]),
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


# --- dots, raw photos, twice -------------------------------------------------------------------------------------


def test_screenshots_stay_two():
    names = ["Screenshot 2024.01.05.png", "Screenshot 2024.01.06.png"]
    jobs = plan([Found(Path("in") / name) for name in names], Path("out"))
    targets = [target.name for job in jobs for target in job.targets.values()]
    assert targets == ["Screenshot 2024.01.05_kindle.png", "Screenshot 2024.01.06_kindle.png"]


def test_a_raw_photo_beside_the_jpeg_of_the_camera():
    """Cameras write both; the raw one then keeps its kind, and alone it does not."""
    both = [Found(Path("in") / name) for name in ("IMG_1.CR2", "IMG_1.JPG", "IMG_2.CR2")]
    names = [target.name for job in plan(both, Path("out")) for target in job.targets.values()]
    assert names == ["IMG_1_CR2_kindle.png", "IMG_1_kindle.png", "IMG_2_kindle.png"]


def test_one_photo_by_two_links_is_one_job(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jpg").symlink_to(tmp_path / "x.jpg")
    (tmp_path / "x.jpg").touch()
    assert len(plan([Found(tmp_path / "a/x.jpg"), Found(tmp_path / "b/x.jpg")], tmp_path / "out")) == 1


# --- what is there already ---------------------------------------------------------------------------------------


def test_skip_existing_writes_only_what_is_missing(tmp_path):
    (tmp_path / "a_kindle.png").write_text("mine")
    naming = Naming(parts=True, compare=True)
    (job,) = plan([Found(Path("in/a.jpg"))], tmp_path, naming, skip_existing=True)
    names = [target.name for target in job.targets.values()]
    assert "a_kindle.png" not in names
    assert names == ["a_kindle_adjusted.png", "a_kindle_R.png", "a_kindle_L.png", "a_kindle_restored.png",
                     "a_kindle_compare.png"]  # fmt: skip
    assert job.ratios == (5.0,)  # what the comparison shows, written or not
    (job,) = plan([Found(Path("in/a.jpg"))], tmp_path, naming, skip_existing=True, force=True)
    assert len(job.targets) == 6


@pytest.mark.parametrize("options", [{}, {"skip_existing": True}, {"skip_existing": True, "force": True}], ids=str)
def test_a_folder_in_the_way_is_said(tmp_path, options):
    (tmp_path / "a_kindle.png").mkdir()
    with pytest.raises(KindlingError, match=r"there is a folder of that name: .*a_kindle\.png"):
        plan([Found(Path("in/a.jpg"))], tmp_path, **options)


def test_an_empty_leftover_is_no_picture(tmp_path):
    (tmp_path / "a_kindle.png").touch()
    (tmp_path / "b_kindle.png").symlink_to("nowhere")
    photos = [Found(Path("in/a.jpg")), Found(Path("in/b.jpg"))]
    assert [job.photo.name for job in plan(photos, tmp_path, skip_existing=True)] == ["a.jpg"]
    with pytest.raises(KindlingError, match="exists already"):
        plan(photos, tmp_path)


def test_names_that_are_too_long(tmp_path):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    fits = "n" * (longest - len("_kindle.png")) + ".jpg"
    assert len(plan([Found(Path("in") / fits)], tmp_path / "new")) == 1
    for name in ("n" + fits, "夜" * 84 + ".jpg"):  # counted in bytes
        with pytest.raises(KindlingError, match=rf"a name is too long: .* and {longest} are possible; .*--suffix"):
            plan([Found(Path("in") / name)], tmp_path / "new")
    assert not (tmp_path / "new").exists()


# --- -o ----------------------------------------------------------------------------------------------------------

ONE = [Found(Path("in/a.jpg"))]
AIMS = {
    "a picture": ("new.png", "new.png"),
    "a picture in a folder": ("new/b.jpeg", "new/b.jpeg"),
    "a picture that is there": ("there.png", "there.png"),
    "a folder to come": ("new", None),
    "a folder to come, with a dot": ("trip.2024", None),
    "a folder with a separator": ("new.png/", None),
    "a folder that is there": ("folder.png", None),
    "a kind that is not written": ("new.heic", None),
}


@pytest.mark.parametrize(("out", "file"), AIMS.values(), ids=AIMS)
def test_what_out_means_for_one_photo(tmp_path, monkeypatch, out, file):
    monkeypatch.chdir(tmp_path)
    Path("there.png").write_text("mine")
    Path("folder.png").mkdir()
    assert aim(out, ONE) == (file and Path(file))
    (job,) = plan(ONE, out, force=True)
    (target,) = job.targets.values()
    assert target == (Path(file) if file else Path(out) / "a_kindle.png")


def test_out_that_cannot_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("note.txt").touch()
    Path("there.png").write_text("mine")
    with pytest.raises(
        KindlingError, match=r"new\.png: is the name of one picture, and there are 2 photos; end it with"
    ):
        plan([*ONE, Found(Path("in/b.jpg"))], "new.png")
    with pytest.raises(KindlingError, match=r"note\.txt: is a file, and -o wants a folder"):
        plan(ONE, "note.txt")
    with pytest.raises(KindlingError, match="exists already"):
        plan(ONE, "there.png")
    with pytest.raises(KindlingError, match="a photo would be overwritten"):
        plan([Found(Path("there.png"))], "there.png", force=True)
    assert plan(ONE, "there.png", skip_existing=True) == []


def test_several_pictures_beside_the_one_named():
    (job,) = plan(ONE, "new/b.tif", Naming(ratios=(1.0, 2.5), parts=True, compare=True))
    assert [str(target) for target in job.targets.values()] == [
        "new/b_ratio1.tif", "new/b_adjusted_ratio1.tif", "new/b_ratio2.5.tif", "new/b_adjusted_ratio2.5.tif",
        "new/b_R.tif", "new/b_L.tif", "new/b_restored.tif", "new/b_compare.tif",
    ]  # fmt: skip


def test_results_are_not_taken_up_again(tmp_path):
    """Whatever options made them."""
    photos = ["a.png", "b.2.jpg", "IMG_1.CR2", "IMG_1.JPG"]
    results = ["a_kindle.png", "a_kindle_R.png", "a_kindle_ratio2.5.png", "a_kindle_adjusted_ratioauto.jpg",
               "a_kindle_compare.png", "b.2_kindle.png", "a_kindle_ratio1e-05.png", "IMG_1_kindle.png",
               "IMG_1_CR2_kindle.png"]  # fmt: skip
    others = ["kindle.png", "c_kindle.png", "a_kindle_best.png", "_kindle.png"]
    for name in (*photos, *results, *others):
        (tmp_path / name).write_text("x")
    found = find_photos([tmp_path])
    assert sorted(f.path.name for f in without_results(found, tmp_path)) == sorted(photos + others)
    assert len(without_results(found, tmp_path / "out")) == len(found)  # there they are photos like others
    jobs = plan(found, tmp_path, skip_existing=True)
    assert not {job.photo.name for job in jobs} & set(results)


def test_results_in_sub_folders_are_not_taken_up_again(tmp_path):
    (tmp_path / "trip").mkdir()
    for name in ("trip/a.png", "trip/a_kindle.png", "a.png"):
        (tmp_path / name).write_text("x")
    found = find_photos([tmp_path], recursive=True)
    kept = without_results(found, tmp_path)
    assert [f.path.relative_to(tmp_path).as_posix() for f in kept] == ["a.png", "trip/a.png"]
