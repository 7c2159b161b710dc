"""What rides along, kind by kind: the table of docs/enhance.md held against files, also by exiftool."""

import json
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kindling import KindlingError
from kindling.photos import vips
from kindling.photos.carried import iptc_in, iptc_resource
from kindling.photos.colours import without_metadata
from kindling.photos.directories import Tiff, Value, packed
from kindling.photos.exif import orientation, renewed_exif, renewed_xmp
from kindling.photos.kinds import WRITING
from kindling.photos.photo import Photo, lost_in, read_photo, write_photo
from tests.support.photo_files import IPTC, SRGB, XMP, dng, exif, jpeg, noise, png

KINDS = [suffix.removeprefix(".") for suffix in WRITING]
DOC = (Path(__file__).parents[2] / "docs" / "enhance.md").read_text(encoding="utf-8")
GREY = b"\0" * 12 + b"scnrGRAY" + b"\0" * 108  # enough of a profile to be told as one of grey
CHUNKS = ((b"gAMA", struct.pack(">I", 45455)), (b"cICP", b"\1\x0d\0\1"))
TEXTS = ((b"tEXt", b"parameters\0a dark room"), (b"iTXt", b"Title\0\0\0\0\0" + "Nacht ä".encode()))


def everything(tmp_path, kind):
    """A photo that carries all that its kind can, lying on its side where the kind can say so."""
    path = tmp_path / f"full.{kind}"
    if kind == "jpg":
        jpeg(path, noise())
        return path
    if kind == "png":
        xmp = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        dpi = (b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
        lines = f"\niptc\n{len(iptc_resource(IPTC)):8d}\n{iptc_resource(IPTC).hex()}\n".encode()
        block = (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(lines))
        profile = (b"iCCP", b"p\0\0" + zlib.compress(SRGB))
        png(path, noise(), *CHUNKS, profile, dpi, block, TEXTS[0], late=[(b"eXIf", exif(6, b"x" * 50)), xmp, TEXTS[1]])
        return path
    jpeg(tmp_path / "from.jpg", noise())
    photo = read_photo(tmp_path / "from.jpg")
    write_photo(path, photo.pixels, like=photo)
    return path


# --- the table ---------------------------------------------------------------------------------------------------


def table():
    """Row -> kind -> what docs/enhance.md says is carried into it."""
    lines = DOC[DOC.index("| metadata ") :].split("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = [name.lower() for name in cells[0][1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in cells[2:]}


def carried_into(path):
    """What is in a file, by the table's names, seen by Pillow where it looks, else by ourselves."""
    image, ours = Image.open(path), read_photo(path).carried
    tags = image.getexif()
    chunks = dict(ours.get("chunks", ()))
    return {
        "ICC profile": image.info.get("icc_profile") == SRGB,
        "EXIF": tags.get(0x010F) == "Maker" and tags.get_ifd(0x8769).get(0x9003) == "2019:10:21 12:00:00",
        "XMP": b'Rating="4"' in (ours.get("xmp") or b""),
        "IPTC": ours.get("iptc") == IPTC,
        "dots per inch": tuple(round(float(x)) for x in ours.get("dpi", (0, 0))) == (300, 300),
        "texts of PNG": all(chunk in ours.get("chunks", ()) for chunk in TEXTS),
        "colour chunks of PNG": {b"gAMA", b"cICP"} <= set(chunks),
    }


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_the_table_of_the_docs_holds(tmp_path, source, to):
    photo = read_photo(everything(tmp_path, source))
    write_photo(tmp_path / f"out.{to}", photo.pixels, like=photo)
    had, has = carried_into(tmp_path / f"full.{source}"), carried_into(tmp_path / f"out.{to}")
    rows = table()
    assert list(rows) == list(had)
    for row, kinds in rows.items():
        assert kinds[to] in ("yes", "no"), row
        assert has[row] == (had[row] and kinds[to] == "yes"), row
    lost = lost_in(photo, tmp_path / f"out.{to}")
    expected = ["IPTC"] if to == "webp" and had["IPTC"] else []
    assert lost == expected + (["PNG's cICP, gAMA, text"] if source == "png" and to != "png" else [])


@pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed: apt install libimage-exiftool-perl"
)
@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_exiftool_agrees(tmp_path, source, to):
    """It reads what we wrote, finds nothing to complain of but customs of TIFF, and nothing that is no longer true."""
    photo = read_photo(everything(tmp_path, source))
    path = tmp_path / f"out.{to}"
    write_photo(path, photo.pixels, like=photo)
    run = subprocess.run(
        ["exiftool", "-a", "-j", "-G1", "-n", "-validate", "-all", path], capture_output=True, check=True
    )
    said = json.loads(run.stdout)[0]
    assert said["IFD0:ImageDescription"] == "Dark 夜 photo"
    assert said.get("IFD0:Orientation", 1) == 1
    assert said["ExifIFD:DateTimeOriginal"] == "2019:10:21 12:00:00"
    assert (said["ExifIFD:ExifImageWidth"], said["ExifIFD:ExifImageHeight"]) == photo.size[::-1]
    assert said["GPS:GPSLatitude"] == pytest.approx(48.8563889)
    assert said["XMP-tiff:Orientation"] == 1
    assert said["XMP-xmp:Rating"] == 4
    assert said["ICC-header:ColorSpaceData"].strip() == "RGB"
    resolution = {"jpg": "JFIF:XResolution", "png": "PNG-pHYs:PixelsPerUnitX"}.get(to, "IFD0:XResolution")
    assert round(said[resolution]) == (11811 if to == "png" else 300)
    if to != "webp" and source != "webp":
        assert said["IPTC:Caption-Abstract"].startswith("夜")
        assert said["IPTC:Keywords"] == "night"
    if (source, to) == ("png", "png"):
        assert said["PNG:Parameters"] == "a dark room"
        assert said["PNG:Title"] == "Nacht ä"
    stale = ("Thumbnail", "Motion", "MicroVideo", "Container", "HDRGainMap", "HasExtended", "IFD1")
    assert not [name for name in said if any(word in name for word in stale)]
    warnings = [said[name] for name in said if name.endswith("Warning") or name.endswith("Error")]
    customs = r"\[minor\]|IFD0 tag 0x0103 Compression|0x83bb IPTC-NAA|should be|ExifTool:Warning"
    assert [text for text in map(str, warnings) if not re.search(customs, text)] == []


# --- what is no longer true --------------------------------------------------------------------------------------


def test_exif_is_changed_in_its_place(tmp_path):
    """All else stays where it was, down to the notes of the camera's maker, whose offsets nobody knows."""
    before = exif(6, b"\xff\xd8 a dark, sideways thumbnail \xff\xd9")
    after = renewed_exif(before, 18, 24)
    upright = exif(1)
    assert len(after) == len(upright)
    differ = [k for k in range(len(after)) if after[k] != upright[k]]
    assert {after[k] for k in differ} == {18, 24}  # width and height changed places
    assert b"thumbnail" not in after
    assert orientation(before) == 6
    assert orientation(after) == 1


def test_a_thumbnail_in_the_middle_is_blanked():
    """Where something else lies behind it, nothing may move."""
    tree = {0x0112: Value(3, 1, b"\6\0")}
    start = b"II*\0\x08\0\0\0"
    pointer = len(start) + len(packed(tree, 8)) - 4
    small = {0x0201: Value(4, 1, struct.pack("<I", 60)), 0x0202: Value(4, 1, struct.pack("<I", 9))}
    block = (start + packed(tree, 8))[:pointer] + struct.pack("<I", pointer + 4) + packed(small, pointer + 4)
    block = block.ljust(60, b"\0") + b"thumbnail" + bytes(1)
    far = len(block)
    block += b"a text that lies behind it"
    tree[0x010E] = Value(2, far, b"")
    entry = struct.pack("<HHII", 0x010E, 2, len(block) - far, far)
    block = block.replace(struct.pack("<HHI", 0x0112, 3, 1) + b"\6\0\0\0", entry)
    after = renewed_exif(block, 5, 5)
    assert len(after) == len(block)
    assert b"thumbnail" not in after
    assert b"a text that lies behind it" in after
    assert Tiff(after).next(pointer) == 0


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_in_either_order_of_bytes(tmp_path, order):
    tags = Image.Exif()
    tags.endian = order
    tags[0x0112], tags[0x010F] = 6, "Maker"
    Image.fromarray(noise()).save(tmp_path / "x.jpg", exif=tags)
    photo = read_photo(tmp_path / "x.jpg")
    assert photo.size == (24, 18)
    for kind in KINDS:
        write_photo(tmp_path / f"y.{kind}", photo.pixels, like=photo)
        assert Image.open(tmp_path / f"y.{kind}").getexif()[0x010F] == "Maker"
        assert read_photo(tmp_path / f"y.{kind}").size == (24, 18)


@pytest.mark.parametrize(
    "block", [b"", b"II*\0", b"nothing of the kind", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff" + bytes(50)]
)
def test_exif_that_cannot_be_read_is_left_behind(tmp_path, block):
    assert renewed_exif(block, 5, 5) == b""
    assert orientation(block) == 1
    for kind in KINDS:
        write_photo(tmp_path / f"x.{kind}", noise(), like=Photo(noise(), carried={"exif": block} if block else {}))
        assert read_photo(tmp_path / f"x.{kind}").size == (18, 24)


def test_xmp_keeps_what_is_true():
    after = renewed_xmp(XMP, 18, 24)
    assert b'tiff:Orientation="1"' in after
    assert b'xmp:Rating="4"' in after
    assert b"<tiff:ImageWidth>18</tiff:ImageWidth>" in after
    for stale in (b"MotionPhoto=", b"MicroVideo", b"Directory", b"hdrgm:Version", b"HasExtendedXMP", b"Thumbnails"):
        assert stale in XMP
        assert stale not in after
    assert after.startswith(b"<?xpacket begin=")
    assert renewed_xmp(after, 18, 24) == after
    assert renewed_xmp(b"<x:xmpmeta>no XML", 5, 5) == b""


def test_iptc_among_the_resources_of_photoshop():
    other = b"8BIM\x03\xed\x04name\0" + struct.pack(">I", 3) + b"abc\0"
    assert iptc_in(b"Photoshop 3.0\0" + other + iptc_resource(IPTC)) == IPTC
    assert iptc_in(IPTC) == IPTC
    assert iptc_in(other) == iptc_in(b"") == iptc_in(b"8BIM") == b""


def test_a_profile_larger_than_a_segment_of_jpeg(tmp_path):
    profile = SRGB + np.random.default_rng(0).bytes(150_000)
    write_photo(tmp_path / "x.jpg", noise(), like=Photo(noise(), carried={"icc": profile}))
    assert Image.open(tmp_path / "x.jpg").info["icc_profile"] == profile


def test_what_a_jpeg_has_no_room_for_is_said(tmp_path):
    large = exif() + bytes(70_000)
    photo = Photo(noise(), carried={"exif": large, "xmp": b"<x/>" + b" " * 70_000, "iptc": IPTC * 3000})
    assert lost_in(photo, tmp_path / "x.jpg") == ["EXIF", "XMP", "IPTC"]
    write_photo(tmp_path / "x.jpg", photo.pixels, like=photo)
    assert read_photo(tmp_path / "x.jpg").carried.keys() <= {"xmp"}  # without its blanks there is room for it


def test_dots_per_inch_of_nobody(tmp_path):
    """A photo that says nothing of them is not given any."""
    for kind in KINDS:
        write_photo(tmp_path / f"x.{kind}", noise(), like=Photo(noise()))
        assert "dpi" not in read_photo(tmp_path / f"x.{kind}").carried


def test_raw_photos_bring_what_their_first_directory_says(tmp_path):
    pytest.importorskip("rawpy")
    dng(tmp_path / "x.dng", 6)
    photo = read_photo(tmp_path / "x.dng")
    write_photo(tmp_path / "x.jpg", photo.pixels, like=photo)
    tags = Image.open(tmp_path / "x.jpg").getexif()
    assert (tags[0x010F], tags[0x0110], tags.get(0x0112, 1)) == ("Maker", "Test Camera", 1)


# --- grey, transparency ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_grey_picture_is_written_grey(tmp_path, kind):
    pixels = noise(bands=1)
    write_photo(tmp_path / f"x.{kind}", pixels, like=Photo(np.repeat(pixels, 3, 2), carried={"icc": GREY}))
    image = Image.open(tmp_path / f"x.{kind}")
    assert image.mode == ("RGB" if kind == "webp" else "L")
    if kind == "webp":  # which always has colours, and loses a little
        assert np.ptp(read_photo(tmp_path / "x.webp").pixels.astype(int), axis=2).max() <= 3
    else:
        assert read_photo(tmp_path / f"x.{kind}").grey
    assert image.info.get("icc_profile") == (None if kind == "webp" else GREY)


@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_fits_the_picture(tmp_path, kind):
    """One of colours makes a grey picture three equal channels; one of grey is left out of a coloured one."""
    write_photo(tmp_path / f"x.{kind}", noise(bands=1), like=Photo(noise(), carried={"icc": SRGB}))
    image = Image.open(tmp_path / f"x.{kind}")
    assert (image.mode, image.info["icc_profile"]) == ("RGB", SRGB)
    write_photo(tmp_path / f"y.{kind}", noise(), like=Photo(noise(), carried={"icc": GREY}))
    assert "icc_profile" not in Image.open(tmp_path / f"y.{kind}").info


def test_a_webp_with_alpha_says_so(tmp_path):
    alpha = noise(bands=1)
    write_photo(tmp_path / "x.webp", noise(), like=Photo(noise(), alpha, {"exif": exif(1)}))
    image = Image.open(tmp_path / "x.webp")
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.array(image)[..., 3:], alpha)


# --- without it --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def display_p3(tmp_path_factory):
    """The profile of Display P3, which libvips brings."""
    path = tmp_path_factory.mktemp("p3") / "x.png"
    image = vips.from_array(noise()).icc_transform("p3", input_profile="srgb")
    image.write_to_file(str(path))
    return read_photo(path).carried["icc"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_metadata_wide_colours_become_srgb(tmp_path, display_p3, dtype):
    pixels = (noise(dtype=dtype) // 2 + np.iinfo(dtype).max // 4).astype(dtype)
    bare = without_metadata(Photo(pixels, carried={"icc": display_p3}))
    assert bare.carried == {}
    assert bare.pixels.dtype == dtype
    if dtype == np.uint8:  # lcms by Pillow
        given, profile = Image.fromarray(pixels), tmp_path / "p3.icc"
        profile.write_bytes(display_p3)
        expected = ImageCms.profileToProfile(given, str(profile), ImageCms.createProfile("sRGB"))
        assert np.abs(np.array(expected).astype(int) - bare.pixels).max() <= 2
    assert np.abs(bare.pixels.astype(int) - pixels).mean() > np.iinfo(dtype).max / 100
    by_points = without_metadata(Photo(pixels, carried={"chunks": ((b"cICP", b"\x0c\x0d\0\1"),)}))
    assert np.abs(by_points.pixels.astype(int) - bare.pixels).max() <= np.iinfo(dtype).max // 255 * 2


P3_POINTS = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_metadata_primaries_of_png_are_converted_as_their_profile(dtype):
    pixels = (noise(dtype=dtype) // 2 + np.iinfo(dtype).max // 4).astype(dtype)
    profile = without_metadata(Photo(pixels, carried={"chunks": ((b"cICP", b"\x0c\x0d\0\1"),)}))
    points = without_metadata(Photo(pixels, carried={"chunks": ((b"cHRM", P3_POINTS),)}))
    apart = np.abs(points.pixels.astype(int) - profile.pixels) / (np.iinfo(dtype).max // 255)
    assert np.quantile(apart, 0.99) <= 1  # what sRGB does not hold is cut to it in ways of their own
    assert apart.mean() < 0.1


def test_without_metadata_light_that_was_not_encoded_is():
    pixels = np.array([0, 1, 55, 128, 255], np.uint8).repeat(3).reshape(1, 5, 3)
    bare = without_metadata(Photo(pixels, carried={"chunks": ((b"gAMA", struct.pack(">I", 100_000)),)}))
    assert bare.pixels[0, :, 0].tolist() == [0, 13, 128, 188, 255]  # 255 * sRGB's curve of x / 255


@pytest.mark.parametrize(
    "chunks",
    [
        ((b"cHRM", P3_POINTS), (b"sRGB", b"\0")),
        ((b"cHRM", bytes(32)),),
        ((b"gAMA", bytes(4)),),
        ((b"cHRM", b"short"),),
    ],
    ids=["sRGB goes first", "no colours", "no exponent", "cut off"],
)
def test_without_metadata_chunks_that_say_nothing_change_nothing(chunks):
    np.testing.assert_array_equal(without_metadata(Photo(noise(), carried={"chunks": chunks})).pixels, noise())


@pytest.mark.parametrize(
    "carried", [{}, {"icc": SRGB}, {"exif": exif()}, {"chunks": CHUNKS}], ids=["nothing", "icc", "exif", "chunks"]
)
def test_without_metadata_pixels_of_srgb_stay(carried):
    photo = Photo(noise(), noise(bands=1), carried)
    bare = without_metadata(photo)
    np.testing.assert_array_equal(bare.pixels, photo.pixels)
    np.testing.assert_array_equal(bare.alpha, photo.alpha)
    assert bare.carried == {}


def test_a_profile_that_is_none(tmp_path):
    with pytest.raises(KindlingError, match="its colour profile cannot be used: "):
        without_metadata(Photo(noise(), carried={"icc": b"\0" * 16 + b"RGB " + bytes(200)}))


def test_a_profile_of_ink_does_not_outlive_the_ink(tmp_path):
    profile = b"\0" * 12 + b"prtrCMYK" + bytes(108)
    Image.new("CMYK", (8, 8), 90).save(tmp_path / "x.jpg", icc_profile=profile)
    assert "icc" not in read_photo(tmp_path / "x.jpg").carried
