"""What people's files hold, read as Pillow reads it and upright, or refused with the reason: never by halves."""

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from kindling import KindlingError
from kindling.images import load_images
from kindling.photos import vips
from kindling.photos.opening import has_all_scans
from kindling.photos.photo import count_pixels, read_photo
from kindling.photos.streams import received
from tests.support.photo_files import dng, noise, png, tiff_packed_as

ROOT = Path(__file__).parents[2]
TURNED = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a[::-1], 1),
    8: lambda a: np.rot90(a, 1),
}  # fmt: skip


# --- upright -----------------------------------------------------------------------------------------------------


def save(path, image, orientation):
    if path.suffix == ".tif":
        image.save(path, tiffinfo={0x0112: orientation}, compression="tiff_lzw")
    else:
        tags = Image.Exif()
        tags[0x0112] = orientation
        image.save(path, exif=tags, **({"lossless": True} if path.suffix == ".webp" else {}))


@pytest.mark.parametrize("size", [(5, 7), (601, 530)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_every_orientation_is_turned_as_by_pillow(tmp_path, suffix, mode, size):
    if (suffix, mode) == ("jpg", "RGBA"):
        mode = "CMYK"  # turned; its colours are another matter
    image = Image.fromarray(noise(*size, 4)).convert(mode) if mode != "CMYK" else Image.new("CMYK", size[::-1], 99)
    if suffix == "avif":
        image.thumbnail((90, 90))  # slow to encode, and decoded in one piece
    for orientation in TURNED:
        path = tmp_path / f"x.{suffix}"
        save(path, image, orientation)
        photo = read_photo(path)
        upright = ImageOps.exif_transpose(Image.open(path))
        assert photo.size == upright.size[::-1]
        if mode != "CMYK":
            np.testing.assert_array_equal(photo.pixels, np.array(upright.convert("RGB")))
        if mode == "RGBA":
            np.testing.assert_array_equal(photo.alpha[..., 0], np.array(upright)[..., 3])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_orientation_of_sixteen_bits(tmp_path, suffix, bands):
    pixels = noise(601, 30, bands, np.uint16)
    for orientation, turn in TURNED.items():
        path = tmp_path / f"x.{suffix}"
        image = vips.from_array(pixels)
        image.set_type(vips.pyvips.GValue.gint_type, "orientation", orientation)
        image.write_to_file(str(path))
        photo = read_photo(path)
        assert photo.pixels.dtype == np.uint16
        np.testing.assert_array_equal(
            photo.pixels[..., : max(1, bands // 2 * 2 - 1)], turn(pixels)[..., : max(1, bands // 2 * 2 - 1)]
        )
        assert (photo.alpha is None) == (bands % 2 == 1)


def test_the_orientation_of_xmp_counts_where_exif_has_none(tmp_path):
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="8"/>'
    Image.fromarray(noise()).save(tmp_path / "x.jpg", xmp=xmp)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "x.jpg"))
    np.testing.assert_array_equal(read_photo(tmp_path / "x.jpg").pixels, np.array(upright))


# --- kinds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.jpe", "x.jfif", "x.mpo", "x.JPEG", "x.png"])
def test_a_jpeg_by_any_name(tmp_path, name):
    Image.fromarray(noise()).save(tmp_path / name, "JPEG")
    np.testing.assert_array_equal(read_photo(tmp_path / name).pixels, np.array(Image.open(tmp_path / name)))


def test_the_first_picture_of_an_mpo(tmp_path):
    first, second = Image.fromarray(noise()), Image.fromarray(noise(seed=1))
    first.save(tmp_path / "x.mpo", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_photo(tmp_path / "x.mpo").pixels, np.array(Image.open(tmp_path / "x.mpo")))


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    image = Image.fromarray(np.kron(noise(8, 8), np.ones((8, 8, 1), np.uint8)))
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "Maker"
    heif.from_pillow(image).save(tmp_path / "x.heic", quality=90, exif=tags.tobytes())
    expected = heif.open_heif(tmp_path / "x.heic").to_pillow()
    photo = read_photo(tmp_path / "x.heic")
    np.testing.assert_array_equal(photo.pixels, np.array(expected))
    assert b"Maker" in photo.carried["exif"]
    assert count_pixels(tmp_path / "x.heic") == 64 * 64


def test_heic_of_ten_bits_stays_deep(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    deep = np.kron(noise(8, 8, dtype=np.uint16), np.ones((8, 8, 1), np.uint16))
    heif.from_bytes(mode="RGB;16", size=(64, 64), data=deep.tobytes()).save(tmp_path / "x.hif", quality=-1)
    photo = read_photo(tmp_path / "x.hif")
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels.astype(int) - deep).max() < 400  # of 65,535; 8 bits would be some 257 apart at best
    assert set(np.unique(photo.pixels >> 6 & 3)) == {0, 1, 2, 3}  # the two bits beyond 8


def test_heic_without_its_reader(tmp_path, monkeypatch):
    (tmp_path / "x.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(40))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(KindlingError, match=r"x\.heic: HEIC is read with pillow-heif, which is not installed"):
        read_photo(tmp_path / "x.heic")


def test_avif_of_ten_bits_stays_deep(tmp_path):
    deep = np.kron(noise(8, 8, dtype=np.uint16), np.ones((8, 8, 1), np.uint16))
    vips.from_array(deep).write_to_file(str(tmp_path / "x.avif"), lossless=True, bitdepth=10)
    photo = read_photo(tmp_path / "x.avif")
    assert photo.pixels.dtype == np.uint16
    assert set(np.unique(photo.pixels >> 6 & 3)) == {0, 1, 2, 3}  # the two bits beyond 8


# --- raw photos --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thumbnail", [False, True])
@pytest.mark.parametrize("name", ["x.dng", "x.DNG", "x.nef", "x.tif"])
def test_a_raw_photo_is_demosaiced(tmp_path, name, thumbnail):
    """By whatever name, and never its thumbnail."""
    rawpy = pytest.importorskip("rawpy")
    dng(tmp_path / name, 6, thumbnail)
    photo = read_photo(tmp_path / name)
    with rawpy.imread(str(tmp_path / name)) as raw:
        expected = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
    np.testing.assert_array_equal(photo.pixels, expected)
    assert (photo.pixels.dtype, photo.size) == (np.uint16, expected.shape[:2])
    assert b"Test Camera" in photo.carried["exif"]
    if name.endswith("tif"):
        assert count_pixels(tmp_path / name) == 160 * 120


@pytest.mark.parametrize("name", ["x.dng", "x.tif"])
def test_a_raw_photo_without_its_reader(tmp_path, monkeypatch, name):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rawpy" else find(name))
    dng(tmp_path / name, thumbnail=True)
    with pytest.raises(KindlingError, match=r"is a raw photo, and reading those needs rawpy.*kindling-llie\[raw\]"):
        read_photo(tmp_path / name)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_damaged_raw_photo(tmp_path, capfd, keep):
    pytest.importorskip("rawpy")
    dng(tmp_path / "x.dng")
    data = (tmp_path / "x.dng").read_bytes()
    (tmp_path / "x.dng").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(KindlingError, match=r"x\.dng: damaged or not readable as a photo: "):
        read_photo(tmp_path / "x.dng")
    assert capfd.readouterr().err == ""


def test_a_raw_photo_of_too_many_pixels_is_not_demosaiced(tmp_path):
    pytest.importorskip("rawpy")
    dng(tmp_path / "x.dng")
    with pytest.raises(KindlingError, match=r"160x120 is 0\.0192 megapixels, and at most 0\.01 are read"):
        read_photo(tmp_path / "x.dng", megapixels=0.01)


# --- whole, or refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [None, (32, 32)], ids=["strips", "tiles"])
@pytest.mark.parametrize(
    ("number", "name"), [(34712, "JPEG 2000"), (33005, "JPEG 2000"), (50000, "ZSTD"), (34925, "LZMA"), (34887, "LERC"),
                         (50002, "JPEG XL"), (12345, "number 12345")],
)  # fmt: skip
def test_tiff_that_cannot_be_unpacked(tmp_path, number, name, tile):
    """libvips would give back black."""
    tiff_packed_as(tmp_path / "x.tif", number, tile)
    with pytest.raises(KindlingError, match=rf"x\.tif: its compression, {name}, is not read; save it with deflate"):
        read_photo(tmp_path / "x.tif")


def tiffs():
    for tile in (None, (32, 32)):
        for compression in (None, "zlib"):
            yield {"tile": tile, "compression": compression, "rowsperstrip": None if tile else 8}


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("options", list(tiffs()), ids=str)
def test_truncated_tiff(tmp_path, options, keep):
    tifffile.imwrite(tmp_path / "x.tif", noise(96, 96), photometric="rgb", metadata=None, **options)
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif").pixels, noise(96, 96))
    data = (tmp_path / "x.tif").read_bytes()
    (tmp_path / "x.tif").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(KindlingError, match=r"x\.tif: damaged or not readable as a photo: "):
        read_photo(tmp_path / "x.tif")


@pytest.mark.parametrize("options", [o for o in tiffs() if o["compression"]], ids=str)
def test_tiff_damaged_inside(tmp_path, options):
    tifffile.imwrite(tmp_path / "x.tif", noise(96, 96), photometric="rgb", metadata=None, **options)
    data = bytearray((tmp_path / "x.tif").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 50] = bytes(50)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(KindlingError, match=r"x\.tif: damaged or not readable as a photo: "):
        read_photo(tmp_path / "x.tif")


def test_tiff_in_one_strip_beyond_the_limit_of_libvips(tmp_path):
    """It allows 50 MB for one strip unless told otherwise, and a photo of 24 megapixels has 72."""
    pixels = np.zeros((4200, 4200, 3), np.uint8)  # 53 MB
    pixels[::7] = 200
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb", compression="zlib", rowsperstrip=4200)
    np.testing.assert_array_equal(read_photo(tmp_path / "x.tif").pixels, pixels)


@pytest.mark.parametrize("bands", [5, 7])
def test_more_channels_than_a_photo_has(tmp_path, bands):
    tifffile.imwrite(tmp_path / "x.tif", noise(bands=bands), photometric="rgb", planarconfig="contig", metadata=None)
    with pytest.raises(KindlingError, match=rf"x\.tif: has {bands} channels, and photos of 1 to 4 are read"):
        read_photo(tmp_path / "x.tif")


JPEGS = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_rows": 1}, "grey": {}}


@pytest.mark.parametrize(("kind", "options"), JPEGS.items(), ids=JPEGS)
def test_jpeg_without_its_end(tmp_path, kind, options):
    """Whole but for the end marker, or one byte of it: read; with anything of the picture missing: refused."""
    image = Image.fromarray(noise(60, 70)).convert("L" if kind == "grey" else "RGB")
    data = io.BytesIO()
    image.save(data, "JPEG", quality=90, **options)
    expected = np.array(Image.open(data).convert("RGB"))
    path = tmp_path / "x.jpg"
    for cut in (0, 1, 2):
        path.write_bytes(data.getvalue()[: len(data.getvalue()) - cut])
        np.testing.assert_array_equal(read_photo(path).pixels, expected)
    for cut in (4, 40, len(data.getvalue()) // 2):
        path.write_bytes(data.getvalue()[:-cut])
        with pytest.raises(KindlingError, match="premature end of JPEG image"):
            read_photo(path)


def test_a_progressive_jpeg_cut_between_two_scans(tmp_path):
    """Nothing in it is broken, and half of it is not there."""
    data = io.BytesIO()
    Image.fromarray(noise(60, 70)).save(data, "JPEG", quality=90, progressive=True)
    whole = data.getvalue()
    assert has_all_scans(whole)
    scans = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 5
    tables = whole.rindex(b"\xff\xc4", 0, scans[-1])  # the last scan has its own
    for cut in (scans[-1], tables):
        (tmp_path / "x.jpg").write_bytes(whole[:cut])
        assert not has_all_scans(whole[:cut])
        with pytest.raises(KindlingError, match="premature end of JPEG image"):
            read_photo(tmp_path / "x.jpg")


def test_what_cameras_fill_up_with_is_no_damage(tmp_path):
    data = io.BytesIO()
    Image.fromarray(noise()).save(data, "JPEG", progressive=True)
    (tmp_path / "x.jpg").write_bytes(data.getvalue()[:-2] + bytes(7) + b"\xff\xd9" + b"and a film")
    np.testing.assert_array_equal(read_photo(tmp_path / "x.jpg").pixels, np.array(Image.open(data)))


@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.avif", "x.bmp", "x.gif"])
def test_other_kinds_cut(tmp_path, name):
    Image.fromarray(noise(64, 64)).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for keep in (0.2, 0.6, 0.95):
        (tmp_path / name).write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(KindlingError, match="damaged or not readable as a photo: "):
            read_photo(tmp_path / name)


@pytest.mark.parametrize("deep", [np.uint8, np.uint16])
@pytest.mark.parametrize("keep", [0.3, 0.9, 1])
def test_interlaced_png(tmp_path, deep, keep):
    vips.from_array(noise(64, 64, dtype=deep)).write_to_file(str(tmp_path / "x.png"), interlace=True)
    data = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(data[: int(len(data) * keep)])
    if keep == 1:
        np.testing.assert_array_equal(read_photo(tmp_path / "x.png").pixels, noise(64, 64, dtype=deep))
    else:
        with pytest.raises(KindlingError, match="damaged or not readable as a photo: "):
            read_photo(tmp_path / "x.png")


def test_an_apng_whose_mark_comes_late(tmp_path):
    profile = (b"tEXt", b"long\0" + b"x" * 9000)
    png(tmp_path / "x.png", noise(), profile, (b"acTL", struct.pack(">II", 2, 0)))
    with pytest.raises(KindlingError, match=r"x\.png: is animated"):
        read_photo(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("read", [read_photo, load_images])
def test_a_pipe_is_refused_and_does_not_hang(tmp_path, read):
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(KindlingError, match=r"x\.jpg: cannot be read: it is a pipe or a device, not a file"):
        read(tmp_path / "x.jpg")
    assert count_pixels(tmp_path / "x.jpg") == 0


@pytest.mark.skipif(os.name != "posix", reason="names are text there")
@pytest.mark.parametrize("suffix", [b".jpg", b".png", b".tif", b".webp", b".bmp", b".avif"])
def test_names_that_are_no_text(tmp_path, suffix):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 [1]" + suffix))
    Image.fromarray(noise()).save(tmp_path / f"x{suffix.decode()}")
    (tmp_path / f"x{suffix.decode()}").rename(path)
    assert read_photo(path).size == (18, 24)
    assert count_pixels(path) == 18 * 24


# --- transparency, grey ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_hidden_pixels_have_no_part_in_the_stretch(tmp_path, kind, dtype):
    top = np.iinfo(dtype).max
    seen = noise(20, 15, 3, dtype) // 8 + top // 16
    stretched = []
    for hidden in (0, top, 3):
        both = np.full((20, 30, 4), hidden, dtype)
        both[:, :15, :3], both[..., 3] = seen, 0
        both[:, :15, 3] = top // 2
        vips.from_array(both).write_to_file(str(tmp_path / f"x.{kind}"))
        stretched.append(load_images(tmp_path / f"x.{kind}"))
        np.testing.assert_array_equal(read_photo(tmp_path / f"x.{kind}").pixels, both[..., :3])
    np.testing.assert_array_equal(stretched[0], stretched[1])
    np.testing.assert_array_equal(stretched[0], stretched[2])
    assert (stretched[0][:, :15].min(), stretched[0][:, :15].max()) == (0, 1)
    mean = stretched[0][:, :15].mean(axis=(0, 1))
    np.testing.assert_allclose(stretched[0][:, 15:], np.broadcast_to(mean, (20, 15, 3)), atol=1e-5)


def test_nothing_to_be_seen_at_all(tmp_path):
    """Then there is nothing to leave out."""
    pixels = np.dstack([noise(), np.zeros((18, 24, 1), np.uint8)])
    png(tmp_path / "x.png", pixels)
    stretched = load_images(tmp_path / "x.png")
    assert (stretched.min(), stretched.max()) == (0, 1)


@pytest.mark.parametrize("compression", ["raw", "bitfields"])
def test_the_transparency_of_bmp(tmp_path, compression):
    pixels = noise(bands=4)
    image = Image.fromarray(pixels)
    if compression == "raw":
        image.save(tmp_path / "x.bmp")
    else:  # BITMAPV4HEADER with masks
        masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        header = struct.pack("<IiiHHIIiiII", 108, 24, -18, 1, 32, 3, 0, 0, 0, 0, 0) + masks + bytes(108 - 56)
        body = pixels[..., [2, 1, 0, 3]].tobytes()
        (tmp_path / "x.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122) + header + body)
    photo = read_photo(tmp_path / "x.bmp")
    np.testing.assert_array_equal(np.dstack([photo.pixels, photo.alpha]), pixels)
    image.putalpha(0)
    image.save(tmp_path / "none.bmp")
    assert read_photo(tmp_path / "none.bmp").alpha is None  # four bytes a pixel, and the fourth is nothing


GREY = {"L": True, "LA": True, "1": True, "P": True, "RGB": True, "RGBA": True, "I;16": True}


@pytest.mark.parametrize("mode", GREY)
def test_a_grey_photo_is_known_as_grey(tmp_path, mode):
    """Whatever channels it has."""
    grey = Image.fromarray(noise(600, 24, 1)[..., 0])
    image = Image.fromarray(noise(bands=1, dtype=np.uint16)[..., 0]) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "x.png")
    assert read_photo(tmp_path / "x.png").grey
    Image.merge("RGB", [grey] * 3).save(tmp_path / "x.jpg")
    assert read_photo(tmp_path / "x.jpg").grey


def test_one_coloured_pixel_is_a_colour(tmp_path):
    pixels = np.repeat(noise(600, 24, 1), 3, axis=2)
    pixels[599, 23, 2] ^= 1
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert not read_photo(tmp_path / "x.png").grey


LOADED = {
    "8 bits": (3, np.uint8), "16 bits": (3, np.uint16), "grey": (1, np.uint8), "grey of 16 bits": (1, np.uint16),
    "grey with alpha": (2, np.uint8), "alpha": (4, np.uint8), "alpha of 16 bits": (4, np.uint16),
}  # fmt: skip


@pytest.mark.parametrize(("bands", "dtype"), LOADED.values(), ids=LOADED)
def test_load_images_of_any_photo(tmp_path, bands, dtype):
    pixels = noise(bands=bands, dtype=dtype)
    if bands in (2, 4):
        pixels[..., -1] |= 1
    png(tmp_path / "x.png", pixels)
    loaded = load_images(tmp_path / "x.png")
    colours = np.broadcast_to(pixels[..., : 3 if bands > 2 else 1], (18, 24, 3)).astype(np.float64)
    expected = (colours - colours.min()) / (colours.max() - colours.min())
    assert (loaded.shape, loaded.dtype) == ((18, 24, 3), np.float32)
    np.testing.assert_allclose(loaded, expected, atol=1e-6)
    assert (loaded.min(), loaded.max()) == (0, 1)


# --- forks -------------------------------------------------------------------------------------------------------

FORKED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from kindling.images import load_images, save_images
paths = [Path(name) for name in sys.argv[1:]]
first = [load_images(path) for path in paths]
save_images(paths[0].with_name("written.png"), first[0])      # for this, libvips starts threads
child = os.fork()
if not child:
    signal.alarm(30)                                          # a hang ends with a signal
    same = all((load_images(path) == image).all() for path, image in zip(paths, first, strict=True))
    try:
        save_images(paths[0].with_name("again.png"), first[0])
    except ValueError as error:
        same = same and "forked" in str(error)
    os._exit(0 if same else 3)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cannot fork")
def test_a_forked_process_reads_photos_after_its_parent_has(tmp_path):
    """As DataLoader's workers are. Every kind, and after writing too."""
    names = [tmp_path / f"x.{suffix}" for suffix in ("jpg", "png", "tif", "webp", "bmp", "avif")]
    for path in names:
        Image.fromarray(noise(600, 600)).save(path)
    tifffile.imwrite(tmp_path / "tiled.tif", noise(600, 600), photometric="rgb", tile=(64, 64))
    names.append(tmp_path / "tiled.tif")
    vips.from_array(noise(600, 600)).write_to_file(str(tmp_path / "interlaced.png"), interlace=True)
    names.append(tmp_path / "interlaced.png")
    vips.from_array(noise(64, 64, dtype=np.uint16)).write_to_file(str(tmp_path / "deep.avif"), bitdepth=10)
    names.append(tmp_path / "deep.avif")
    for module, make in (("pillow_heif", _heic), ("rawpy", dng)):
        if module in sys.modules or __import__("importlib").util.find_spec(module):
            names.append(tmp_path / ("x.heic" if module == "pillow_heif" else "x.dng"))
            make(names[-1])
    run = subprocess.run([sys.executable, "-c", FORKED, *names], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert (run.stdout, run.returncode) == ("0\n", 0), run.stderr


def _heic(path):
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(noise(64, 64))).save(path)


def test_reading_starts_no_thread(tmp_path):
    Image.fromarray(noise(600, 600)).save(tmp_path / "x.jpg")
    program = """if True:
        import os, sys
        from kindling.images import load_images
        before = os.listdir("/proc/self/task")
        load_images(sys.argv[1])
        print(len(os.listdir("/proc/self/task")) - len(before))
    """
    if not Path("/proc/self/task").exists():
        pytest.skip("has no /proc to count threads in")
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.jpg"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert run.stdout == "0\n", run.stderr


def test_exif_that_is_broken_is_not_talked_about(tmp_path, capfd):
    """Pillow warns on stderr; the photo is read, and lies as it is."""
    block = b"Exif\0\0II*\0\x08\0\0\0\x03\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\xff" * 30
    for name in ("x.jpg", "x.png", "x.webp"):
        Image.fromarray(noise()).save(tmp_path / name, exif=block)
        read_photo(tmp_path / name)
        assert count_pixels(tmp_path / name) == 18 * 24
    assert capfd.readouterr().err == ""


# --- through a pipe ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.tif", "x.bmp", "x.avif"])
def test_a_photo_from_a_stream(tmp_path, name):
    Image.fromarray(noise()).save(tmp_path / name)
    with open(tmp_path / name, "rb") as stream, received(stream) as path:
        np.testing.assert_array_equal(read_photo(path).pixels, read_photo(tmp_path / name).pixels)
    assert not path.exists()


def test_a_stream_of_nothing():
    with pytest.raises(KindlingError, match="standard input: there is nothing in it"), received(io.BytesIO()):
        pass
