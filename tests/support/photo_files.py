"""Awkward files of photos, made small: what phones, scanners, cameras and other programs write."""

import struct
import zlib

import numpy as np
import tifffile
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"
 tiff:Orientation="6" xmp:Rating="4" GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="12345" hdrgm:Version="1.0"
 xmpNote:HasExtendedXMP="0123456789ABCDEF"><Container:Directory><rdf:Seq><rdf:li>video/mp4</rdf:li></rdf:Seq>
</Container:Directory><xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
<tiff:ImageWidth>24</tiff:ImageWidth></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
# Record 1, dataset 90: UTF-8; record 2, datasets 25 and 120: a keyword and a caption.
IPTC = b"\x1c\x01\x5a\0\x03\x1b%G" + b"\x1c\x02\x19\0\x05night" + b"\x1c\x02\x78\0\x05" + "夜 é".encode()[:5]


def noise(height=18, width=24, bands=3, dtype=np.uint8, seed=0):
    """(h, w, bands) of every value."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, bands), dtype)


def exif(orientation=6, thumbnail=b""):
    """A block of EXIF with texts that are not ASCII, a maker's note, dots per inch, and a thumbnail behind it."""
    from kindling.photos.directories import Tiff, Value, packed

    def text(words):
        return Value(2, len(words.encode()) + 1, words.encode() + b"\0")

    def short(number):
        return Value(3, 1, struct.pack("<H", number))

    note = b"Maker\0\x01\x02\x03\x04 as it was"
    tree = {
        0x010E: text("Dark 夜 photo"),
        0x010F: text("Maker"),
        0x0112: short(orientation),
        0x011A: Value(5, 1, struct.pack("<2I", 300, 1)),
        0x011B: Value(5, 1, struct.pack("<2I", 300, 1)),
        0x0128: short(2),
        0x8769: {0x9003: text("2019:10:21 12:00:00"), 0x927C: Value(7, len(note), note), 0xA002: short(24),
                 0xA003: short(18)},
        0x8825: {1: text("N"), 2: Value(5, 3, struct.pack("<6I", 48, 1, 51, 1, 23, 1))},
    }  # fmt: skip
    block = b"II*\0\x08\0\0\0" + packed(tree, 8)
    if thumbnail:
        tiff = Tiff(block)
        _, pointer = tiff.directory(8)
        at = len(block) + len(block) % 2
        small = {0x0103: short(6), 0x0201: Value(4, 1, struct.pack("<I", at + 2 + 36 + 4)),
                 0x0202: Value(4, 1, struct.pack("<I", len(thumbnail)))}  # fmt: skip
        block = block[:pointer] + struct.pack("<I", at) + block[pointer + 4 :].ljust(at - pointer - 4, b"\0")
        block += packed(small, at) + thumbnail
    return block


def png(path, pixels, *chunks, late=()):
    """A PNG of 8 or 16 bits with these chunks (kind, data) before its pixels, and those of `late` behind them."""
    bands = pixels.shape[2]
    deep = pixels.dtype == np.uint16
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16 if deep else 8, kind, 0, 0, 0)
    rows = pixels.astype(">u2" if deep else "u1")
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", body), *late, (b"IEND", b"")]
    made = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(made))


def tiff_packed_as(path, number, tile=None):
    """A TIFF that says its pixels are compressed in this way, which they are not."""
    tifffile.imwrite(path, noise(64, 64), photometric="rgb", tile=tile, metadata=None)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    data[at + 8 : at + 10] = struct.pack("<H", number)
    path.write_bytes(data)


def dng(path, orientation=1, thumbnail=False):
    """A raw photo of 160x120 as Adobe's DNG 1.4 wants it: a mosaic of colour filters, dark, with a white balance.

    thumbnail: a small picture first, and the mosaic below it, as cameras write it.
    """
    mosaic = np.random.default_rng(0).integers(200, 900, (120, 160), dtype=np.uint16)
    filters = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, bytes([0, 1, 1, 2]), True),
               (50714, "H", 1, 0, True), (50717, "H", 1, 4095, True)]  # fmt: skip
    camera = [
        (50706, "B", 4, bytes([1, 4, 0, 0]), True), (50707, "B", 4, bytes([1, 1, 0, 0]), True),
        (50708, "s", 0, "Test Camera", True),
        (50721, "2i", 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),
        (50728, "2I", 3, (1, 2, 1, 1, 1, 2), True), (50778, "H", 1, 21, True), (271, "s", 0, "Maker", True),
        (272, "s", 0, "Test Camera", True), (274, "H", 1, orientation, True),
    ]  # fmt: skip
    with tifffile.TiffWriter(path) as file:
        if thumbnail:
            file.write(noise(23, 30), photometric="rgb", subfiletype=1, subifds=1, metadata=None, extratags=camera)
            file.write(mosaic, photometric=32803, subfiletype=0, metadata=None, extratags=filters)
        else:
            file.write(mosaic, photometric=32803, metadata=None, extratags=filters + camera)


def jpeg(path, pixels, orientation=6, icc=SRGB):
    """A phone's JPEG: EXIF with a thumbnail, XMP of a motion photo, IPTC, a profile, 300 dots per inch, and a film."""
    thumbnail = path.with_suffix(".small")
    Image.fromarray(pixels).resize((8, 6)).save(thumbnail, "JPEG")
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
    segment = b"Photoshop 3.0\0" + resource
    extra = b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    block = b"Exif\0\0" + exif(orientation, thumbnail.read_bytes())
    thumbnail.unlink()
    Image.fromarray(pixels).save(
        path, "JPEG", quality=90, exif=block, xmp=XMP, icc_profile=icc, dpi=(300, 300), extra=extra
    )
    with open(path, "ab") as file:
        file.write(b"a film" * 100)
