"""Files of photos: every kind at its depth, upright, with what rides along; and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kindling import KindlingError
from kindling.images import load_images, save_images
from kindling.photos.photo import Photo, count_pixels, read_photo, write_photo
from tests.support.photos import ICC, exif

RAMP = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
DEEP = (np.arange(4 * 6 * 3, dtype=np.uint16).reshape(4, 6, 3) * 3) + 1  # dark: its 8-bit cut is all zeros


# --- in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["bmp", "png", "tif", "tiff"])
def test_lossless_kinds_are_read_exactly(tmp_path, suffix):
    Image.fromarray(RAMP).save(tmp_path / f"x.{suffix}")
    photo = read_photo(tmp_path / f"x.{suffix}")
    np.testing.assert_array_equal(photo.pixels, RAMP)
    assert (photo.pixels.dtype, photo.alpha, photo.size) == (np.uint8, None, (4, 6))


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_decoded_as_by_pillow(tmp_path, mode, options):
    """The original reads with Pillow, and its pixels are the bar."""
    noise = np.random.default_rng(0).integers(0, 255, (37, 51, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "x.jpg", quality=70, **options)
    expected = np.array(Image.open(tmp_path / "x.jpg").convert("RGB"))
    np.testing.assert_array_equal(read_photo(tmp_path / "x.jpg").pixels, expected)


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_grey_and_palette_become_rgb(tmp_path, mode):
    ramp = Image.fromarray(np.tile(np.arange(0, 256, 16, dtype=np.uint8), (4, 1))).convert(mode)
    ramp.save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "x.png").pixels, np.array(ramp.convert("RGB")))
    assert load_images(tmp_path / "x.png").shape == (4, 16, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_apart(tmp_path, mode):
    given = Image.fromarray(np.dstack([RAMP, RAMP[..., :1] + 1])).convert(mode)
    given.save(tmp_path / "x.png")
    photo = read_photo(tmp_path / "x.png")
    np.testing.assert_array_equal(np.dstack([photo.pixels, photo.alpha]), np.array(given.convert("RGBA")))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_stay_sixteen(tmp_path, suffix):
    write_photo(tmp_path / f"x.{suffix}", DEEP)
    photo = read_photo(tmp_path / f"x.{suffix}")
    np.testing.assert_array_equal(photo.pixels, DEEP)
    assert photo.pixels.dtype == np.uint16
    stretched = photo.stretched()
    assert (stretched.min(), stretched.dtype) == (0, np.float32)
    assert len(np.unique(stretched)) == DEEP.size  # no two became one
    if suffix == "png":
        assert np.array(Image.open(tmp_path / "x.png")).max() == 0  # what Pillow makes of it


def test_sixteen_bits_of_grey(tmp_path):
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "x.png").pixels, np.repeat(DEEP[..., :1], 3, axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright_once(tmp_path, orientation):
    from PIL import ImageOps

    smooth = Image.fromarray(np.kron(RAMP, np.ones((8, 8, 1), np.uint8)))
    smooth.save(tmp_path / "x.jpg", exif=exif(orientation), quality=95)
    photo = read_photo(tmp_path / "x.jpg")
    upright = np.array(ImageOps.exif_transpose(Image.open(tmp_path / "x.jpg")))
    np.testing.assert_array_equal(photo.pixels, upright)
    for kind in ("jpg", "png", "webp", "tiff"):
        write_photo(tmp_path / f"y.{kind}", photo.pixels, like=photo)
        assert Image.open(tmp_path / f"y.{kind}").getexif().get(0x0112, 1) == 1
        assert read_photo(tmp_path / f"y.{kind}").size == photo.size


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=95)
    red = read_photo(tmp_path / "red.jpg")
    assert (red.pixels[..., 0] > 180).all()
    assert (red.pixels[..., 1:] < 80).all()
    assert "icc-profile-data" not in red.carried


def test_the_same_name_is_read_anew(tmp_path):
    for value in (10, 200):
        Image.new("RGB", (4, 4), (value,) * 3).save(tmp_path / "x.png")
        assert read_photo(tmp_path / "x.png").pixels.max() == value


# --- out ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff"])
def test_profile_and_exif_ride_along(tmp_path, kind):
    Image.fromarray(RAMP).save(tmp_path / "x.jpg", exif=exif(6), icc_profile=ICC)
    photo = read_photo(tmp_path / "x.jpg")
    write_photo(tmp_path / f"y.{kind}", photo.pixels, like=photo)
    written = Image.open(tmp_path / f"y.{kind}")
    assert written.info["icc_profile"] == ICC
    if kind != "tiff":  # where libvips has no place for EXIF
        assert written.getexif()[0x010F] == "Maker"
        assert written.getexif().get_ifd(0x8769)[0x9003] == "2019:10:21 12:00:00"
    write_photo(tmp_path / f"z.{kind}", photo.pixels, like=Photo(photo.pixels))
    bare = Image.open(tmp_path / f"z.{kind}")
    assert "icc_profile" not in bare.info
    assert 0x010F not in bare.getexif()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_transparency_comes_back_as_it_was(tmp_path, kind, depth):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(depth).max, (5, 7, 4), depth)
    write_photo(tmp_path / f"x.{kind}", pixels[..., :3], like=Photo(pixels[..., :3], pixels[..., 3:]))
    photo = read_photo(tmp_path / f"x.{kind}")
    np.testing.assert_array_equal(np.dstack([photo.pixels, photo.alpha]), pixels)


def test_side_by_side_with_transparency(tmp_path):
    alpha = RAMP[..., :1]
    write_photo(tmp_path / "x.png", RAMP, RAMP + 1, like=Photo(RAMP, alpha))
    both = np.array(Image.open(tmp_path / "x.png"))
    np.testing.assert_array_equal(both, np.hstack([np.dstack([RAMP, alpha]), np.dstack([RAMP + 1, alpha])]))


def test_sixteen_bits_into_jpeg_are_its_upper_eight(tmp_path):
    write_photo(tmp_path / "x.jpg", np.full((8, 8, 3), 200 * 256 + 255, np.uint16))
    assert abs(int(read_photo(tmp_path / "x.jpg").pixels.max()) - 200) <= 1


def test_two_images_of_different_kind(tmp_path):
    save_images(tmp_path / "x.png", np.zeros((4, 3, 3)), np.ones((4, 2, 1)))
    assert np.array(Image.open(tmp_path / "x.png")).shape == (4, 5, 3)


# --- refused -----------------------------------------------------------------------------------------------------


def _frames(path):
    Image.new("L", (4, 4)).save(path, save_all=True, append_images=[Image.new("L", (4, 4), 255)])


def _cut(path):
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:1500])


def _floats(path):
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(path)


def _lab(path):
    ImageCms.profileToProfile(
        Image.new("RGB", (4, 4)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    ).save(path)


def _bomb(path):
    """A PNG of a few bytes that claims 60000x60000."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b""))


REFUSED = {
    "animated GIF": ("x.gif", _frames, "holds 2 pictures"),
    "animated WebP": ("x.webp", _frames, "holds 2 pictures"),
    "animated PNG": ("x.png", _frames, "is animated"),
    "pages": ("x.tif", _frames, "holds 2 pictures"),
    "truncated JPEG": ("x.jpg", _cut, "damaged or not readable as a photo: premature end of JPEG image"),
    "truncated PNG": ("x.png", _cut, "damaged or not readable as a photo"),
    "truncated BMP": ("x.bmp", _cut, "damaged or not readable as a photo"),
    "floats": ("x.tif", _floats, "its numbers are float, and photos of 8 or 16 bits are read"),
    "Lab": ("x.tif", _lab, "not readable as a photo"),
    "bomb": ("x.png", _bomb, "60000x60000 is 3,600 megapixels, and at most 300 are read; allow more with --max-meg"),
    "no photo": ("x.png", lambda path: path.write_text("hello"), "not a photo that can be read"),
    "empty": ("x.png", lambda path: path.touch(), "not a photo that can be read"),
    "folder": ("x.png", lambda path: path.mkdir(), "cannot be read: Is a directory"),
    "missing": ("x.png", lambda path: None, "no such file"),
}


@pytest.mark.parametrize(("name", "make", "words"), REFUSED.values(), ids=REFUSED)
def test_photos_that_are_refused(tmp_path, capfd, name, make, words):
    make(tmp_path / name)
    with pytest.raises(KindlingError) as error:
        read_photo(tmp_path / name)
    assert words in str(error.value)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""  # libvips keeps quiet


def test_pixels_counted_by_the_header(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "x.png")
    _bomb(tmp_path / "bomb.png")
    (tmp_path / "no.png").write_text("hello")
    assert [count_pixels(tmp_path / name) for name in ("x.png", "bomb.png", "no.png")] == [24, 3600 * 10**6, 0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_disk(tmp_path):
    (tmp_path / "x.png").symlink_to("/dev/full")
    with pytest.raises(KindlingError, match=r"x\.png: writing failed: .*; nothing was changed"):
        write_photo(tmp_path / "x.png", np.zeros((400, 400, 3), np.uint8))
