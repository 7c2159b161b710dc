"""Writing pictures: what a kind of file cannot hold is refused first, and a full disk leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling import KindlingError
from kindling.core.files import move_into_place, reason, staging
from kindling.images import save_images
from kindling.photos.kinds import KINDS, WRITING, written_as
from kindling.photos.photo import Photo, check_targets, encode_photo, read_photo, write_photo
from tests.support.photo_files import noise

ROOT = Path(__file__).parents[2]

# --- kinds and their limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".png", ".png"), (".JPG", ".jpg"), (".jpeg", ".jpg"), (".jpe", ".jpg"), (".tif", ".tiff"), (".webp", ".webp"),
     (".bmp", ""), (".heic", ""), (".dng", ""), (".gif", ""), ("", "")],
)  # fmt: skip
def test_what_is_written_under_which_suffix(tmp_path, suffix, kind):
    assert written_as(suffix) == kind
    if kind:
        write_photo(tmp_path / f"x{suffix}", noise())
        assert read_photo(tmp_path / f"x{suffix}").size == (18, 24)
        assert set(KINDS.values()) <= set(WRITING)
    else:
        with pytest.raises(KindlingError, match=r"pictures are written as \.png, \.jpg, \.webp, \.tiff"):
            write_photo(tmp_path / f"x{suffix}", noise())


def of_size(height, width):
    return Photo(np.broadcast_to(np.uint8(0), (height, width, 3)))


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize(
    ("name", "longest"), [("x.webp", 16_383), ("x.jpg", 65_500), ("x.jpeg", 65_500), ("x.png", None), ("x.tiff", None)]
)
def test_sides_that_a_kind_cannot_hold(name, longest, turn):
    most = longest or 100_000
    for side in (most, most + 1):
        photo = of_size(*((side, 1) if turn else (1, side)))
        if longest and side > longest:
            with pytest.raises(
                KindlingError, match=rf"p\.png: {name} would be .* holds at most {longest:,} pixels a side"
            ):
                check_targets(Path("p.png"), photo, {Path(name): 1})
        else:
            check_targets(Path("p.png"), photo, {Path(name): 1})


def test_pictures_side_by_side_are_wider():
    check_targets(Path("p.png"), of_size(10, 6000), {Path("x.webp"): 2})
    with pytest.raises(KindlingError, match=r"x\.webp would be 18000x10"):
        check_targets(Path("p.png"), of_size(10, 6000), {Path("y.webp"): 1, Path("x.webp"): 3})


@pytest.mark.parametrize("kind", [".webp", ".jpg"])
def test_the_longest_side_is_really_written(tmp_path, kind):
    longest = {".webp": 16_383, ".jpg": 65_500}[kind]
    write_photo(tmp_path / f"x{kind}", np.zeros((1, longest, 3), np.uint8))
    assert read_photo(tmp_path / f"x{kind}").size == (1, longest)
    with pytest.raises(KindlingError, match="writing failed"):
        write_photo(tmp_path / f"y{kind}", np.zeros((1, longest + 100, 3), np.uint8))
    assert not (tmp_path / f"y{kind}").exists()


def test_opaque_alpha_goes_into_jpeg(tmp_path):
    """And alpha through which something shines does not."""
    opaque, other = np.full((18, 24, 1), 255, np.uint8), np.full((18, 24, 1), 255, np.uint8)
    other[3, 4] = 254
    check_targets(Path("p.png"), Photo(noise(), opaque), {Path("x.jpg"): 1})
    write_photo(tmp_path / "x.jpg", noise(), like=Photo(noise(), opaque))
    assert Image.open(tmp_path / "x.jpg").mode == "RGB"
    assert np.abs(read_photo(tmp_path / "x.jpg").pixels.astype(int) - noise()).mean() < 5
    with pytest.raises(KindlingError, match=r"p\.png: has transparency, which JPEG does not hold"):
        check_targets(Path("p.png"), Photo(noise(), other), {Path("x.jpg"): 1})


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
def test_names_that_are_no_text(tmp_path):
    for kind in WRITING:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 [x=1]" + kind.encode()))
        save_images(path, np.zeros((4, 4, 3)))
        assert path.exists()


# --- a full disk -------------------------------------------------------------------------------------------------

KINDS_AND_DEPTHS = [(kind, dtype) for kind in WRITING for dtype in (np.uint8, np.uint16)]
LIMITED = """
import resource, sys
from pathlib import Path
from kindling.core.files import move_into_place, staging
from kindling.photos.photo import Photo, write_photo
from tests.support.photo_files import exif, noise
name, dtype, limit = sys.argv[1:]
pixels = noise(300, 300, dtype=dtype)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
path = Path(name)
try:
    with staging(path.parent) as folder:
        write_photo(folder / path.name, pixels, like=Photo(pixels, carried={"exif": exif(1)}))
        move_into_place(folder / path.name, path)
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
@pytest.mark.parametrize("limit", [0, 1, 4096, 60_000])
@pytest.mark.parametrize(("kind", "dtype"), KINDS_AND_DEPTHS, ids=str)
def test_a_limit_on_the_size_of_files(tmp_path, kind, dtype, limit):
    """One sentence, no crash, nothing left: not even the folder that was made for it."""
    command = [sys.executable, "-c", LIMITED, tmp_path / "new" / f"x{kind}", np.dtype(dtype).name, str(limit)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"x{kind}: writing failed: the disk is full (File too large); nothing was changed\n"
    assert list(tmp_path.iterdir()) == []


def put(path, write):
    with staging(path.parent) as folder:
        write(folder / path.name)
        move_into_place(folder / path.name, path)


@pytest.fixture
def small_disk(tmp_path):
    """64 kB that can be written to."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    except FileNotFoundError:
        pytest.skip("has no mount")
    if mounted.returncode:
        pytest.skip("may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(("kind", "dtype"), KINDS_AND_DEPTHS, ids=str)
def test_a_small_disk(small_disk, kind, dtype):
    pixels = noise(400, 400, dtype=dtype)
    with pytest.raises(KindlingError, match="the disk is full"):
        put(small_disk / "new" / f"x{kind}", lambda path: write_photo(path, pixels))
    assert list(small_disk.iterdir()) == []
    save_images(small_disk / f"x{kind}", np.zeros((4, 4, 3)))  # what fits is still written


def test_a_disk_with_no_room_for_a_folder(small_disk):
    (small_disk / "filler").write_bytes(bytes(60_000))
    with pytest.raises(KindlingError, match="the disk is full"):
        [put(small_disk / f"{number}" / "x", lambda path: path.write_bytes(bytes(4000))) for number in range(100)]
    left = [path.name for path in small_disk.rglob("*")]
    assert not [name for name in left if name.startswith(".kindling")]
    assert all(any(path.iterdir()) for path in small_disk.iterdir() if path.is_dir())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("ENOSPC", "the disk is full"),
        ("EDQUOT", "the disk is full"),
        ("EFBIG", "the disk is full"),
        ("EACCES", "denied"),
    ],
)
def test_reasons(number, words):
    import errno

    code = getattr(errno, number)
    assert words in reason(OSError(code, os.strerror(code)))


@pytest.mark.parametrize("bands", [1, 2])
@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_a_photo_of_one_channel_gives_pictures_of_one(tmp_path, kind, bands):
    """If they are grey; one in colours, such as a part, is written in colours."""
    Image.fromarray(noise(bands=2)).convert("LA" if bands == 2 else "L").save(tmp_path / "grey.png")
    photo = read_photo(tmp_path / "grey.png")
    grey = np.repeat(noise(bands=1), 3, axis=2)
    write_photo(tmp_path / f"x{kind}", grey, like=photo)
    assert Image.open(tmp_path / f"x{kind}").mode == ("LA" if bands == 2 else "L")
    np.testing.assert_array_equal(read_photo(tmp_path / f"x{kind}").pixels, grey)
    write_photo(tmp_path / f"y{kind}", noise(), like=photo)
    np.testing.assert_array_equal(read_photo(tmp_path / f"y{kind}").pixels, noise())


def test_encoded_without_a_file(tmp_path):
    write_photo(tmp_path / "x.png", noise())
    assert encode_photo(".png", noise()) == (tmp_path / "x.png").read_bytes()
