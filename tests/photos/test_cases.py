"""The awkward files that were collected beside the authors' files: each read right, or refused in a sentence.

The kinds they stand for are made by the other tests of this folder; here are the very files.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kindling import KindlingError
from kindling.images import load_images
from kindling.photos.find import find_photos
from kindling.photos.jobs import plan
from kindling.photos.photo import read_photo, write_photo

pytestmark = pytest.mark.reference
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cases(reference):
    folder = reference.parent / "cases"
    if not folder.is_dir():
        pytest.skip("has no folder `cases` beside KIND_REFERENCE_DIR")
    return folder


@pytest.mark.parametrize("name", ["portrait6.jpg", "ok.jpg", "full.jpg", "dpi.png", "sd.png", "opaque_alpha.png"])
def test_read_as_by_pillow(cases, name):
    upright = ImageOps.exif_transpose(Image.open(cases / name)).convert("RGB")
    np.testing.assert_array_equal(read_photo(cases / name).pixels, np.array(upright))


REFUSED = {
    "truncated.tif": "damaged or not readable as a photo: Read error",
    "damaged_lzw.tif": "damaged or not readable as a photo: Using code not yet in table",
    "jpeg2000.tif": "its compression, JPEG 2000, is not read",
    "rgb5.tif": "has 5 channels",
}


@pytest.mark.parametrize(("name", "words"), REFUSED.items(), ids=REFUSED)
def test_refused(cases, name, words):
    with pytest.raises(KindlingError) as error:
        read_photo(cases / name)
    assert words in str(error.value)


def test_a_jpeg_without_its_end(cases):
    np.testing.assert_array_equal(read_photo(cases / "noeoi.jpg").pixels, read_photo(cases / "ok.jpg").pixels)


def test_hidden_colours(cases):
    """The visible half is the photo without the hidden one."""
    np.testing.assert_array_equal(load_images(cases / "hidwhite.png")[:, :150], load_images(cases / "nohid.png"))


def test_a_dng_is_never_its_thumbnail(cases):
    pytest.importorskip("rawpy")
    assert read_photo(cases / "rawlike.dng").size == (90, 120)


def test_files_of_macos_are_no_photos(cases):
    assert [found.path.name for found in find_photos([cases / "mac" / "low"])] == ["1.png"]


def test_names_with_dots(cases):
    jobs = plan(find_photos([cases / "dots"]), Path("out"))
    names = [target.name for job in jobs for target in job.targets.values()]
    assert names == ["Screenshot 2024.01.05_kindle.png", "Screenshot 2024.01.06_kindle.png"]


@pytest.mark.parametrize("name", ["cicp.png", "sd.png", "dpi.png"])
def test_chunks_of_png(cases, tmp_path, name):
    photo = read_photo(cases / name)
    write_photo(tmp_path / name, photo.pixels, like=photo)
    assert read_photo(tmp_path / name).carried == photo.carried != {}


def test_opaque_alpha_into_jpeg(cases, tmp_path):
    photo = read_photo(cases / "opaque_alpha.png")
    assert photo.opaque
    write_photo(tmp_path / "x.jpg", photo.pixels, like=photo)
    assert Image.open(tmp_path / "x.jpg").mode in ("RGB", "L")


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed: apt install libimage-exiftool-perl"
)
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff"])
def test_all_that_a_jpeg_carries(cases, tmp_path, kind):
    """Every tag of EXIF and GPS is as it was, but for the orientation, the sizes and the thumbnail."""
    photo = read_photo(cases / "full.jpg")
    write_photo(tmp_path / f"x.{kind}", photo.pixels, like=photo)

    def tags(path):
        groups = ["-EXIF:all", "-XMP:all", *([] if kind == "webp" else ["-IPTC:all"])]
        command = ["exiftool", "-a", "-s", "-G1", *groups, "--IFD1:all", path]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        pairs = (line.partition(" : ") for line in run.stdout.splitlines())
        return {" ".join(name.split()): value for name, _, value in pairs}

    before, after = tags(cases / "full.jpg"), tags(tmp_path / f"x.{kind}")
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed <= {
        "[IFD0] Orientation", "[XMP-tiff] Orientation", "[ExifIFD] ExifImageWidth", "[ExifIFD] ExifImageHeight",
        "[XMP-x] XMPToolkit", "[IFD0] YCbCrPositioning",
    }  # fmt: skip
    assert after["[XMP-tiff] Orientation"] == "Horizontal (normal)"


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("first", ["first", "not first"])
def test_workers_of_a_dataloader(cases, first):
    command = [sys.executable, cases / "dataloader_hang.py", first]
    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120
    )
    assert f"{first} ok 4" in run.stdout, run.stdout + run.stderr
