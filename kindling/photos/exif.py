"""EXIF and XMP of a photo that was turned upright and made brighter: as they were, but for what is no longer true.

EXIF is changed in its place, byte by byte: the notes of a camera's maker are full of offsets, and writing the block
anew would break them. XMP is changed as the XML that it is.
"""

import re
import struct
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from kindling.photos.directories import Entry, Tiff, Tree, Unreadable, Value, packed

ORIENTATION, THUMBNAIL, THUMBNAIL_SIZE, STRIPS, STRIP_SIZES = 0x0112, 0x0201, 0x0202, 0x0111, 0x0117
WIDTHS, HEIGHTS, MOTION = (0x0100, 0xA002), (0x0101, 0xA003), 0x8897
RESOLUTION = (0x011A, 0x011B, 0x0128)  # across, down, and 2 for inches
_START = b"II*\0\x08\0\0\0"  # a block of EXIF, its first directory right behind this
# What a directory of a TIFF or raw file says of the photo, and not of how its pixels lie.
DESCRIPTIVE = (
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298, 0x9C9B,
    0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip

# What XMP says of a film, a second picture or a thumbnail in the photo's file, none of which comes along.
STALE = {
    "http://ns.google.com/photos/1.0/camera/": r"MotionPhoto|MicroVideo",
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/container/item/": "",
    "http://ns.google.com/photos/1.0/image/": "",
    "http://ns.google.com/photos/1.0/depthmap/": "",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "",
    "http://ns.apple.com/HDRGainMap/1.0/": "",
    "http://ns.adobe.com/xap/1.0/": "Thumbnails$",
    "http://ns.adobe.com/xmp/note/": "HasExtendedXMP$",
}
TIFF_NS, EXIF_NS = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """1 to 8, as Pillow finds it: by EXIF, and by XMP where EXIF does not say; 1 for anything else."""
    found = 0
    if exif:
        try:
            tiff = Tiff(exif)
            entries, _ = tiff.directory(tiff.first)
            if ORIENTATION in entries:
                found = tiff.number(entries[ORIENTATION])
                return found if 1 <= found <= 8 else 1
        except Unreadable:
            found = 0
    match = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp)
    found = int(match[1]) if match else 1
    return found if 1 <= found <= 8 else 1


def renewed_exif(exif: bytes, width: int, height: int) -> bytes:
    """EXIF of a picture of that size that stands upright, without a thumbnail; b"" if it cannot be read."""
    try:
        return _renewed(bytearray(exif), width, height) if exif else b""
    except Unreadable:
        return b""


def _renewed(data, width, height):
    tiff = Tiff(data)
    entries, pointer = tiff.directory(tiff.first)
    directories = [entries, *tiff.below(entries)]
    for directory in directories:
        for tag, number in (
            (ORIENTATION, 1),
            (MOTION, 0),
            *((t, width) for t in WIDTHS),
            *((t, height) for t in HEIGHTS),
        ):
            _put(tiff, directory.get(tag), number)
    thumbnail = tiff.next(pointer)
    if not thumbnail:
        return bytes(data)
    struct.pack_into(f"{tiff.order}I", data, pointer, 0)
    used = max([pointer + 4, *(entry.at + entry.size for directory in directories for entry in directory.values())])
    if thumbnail >= used:
        return bytes(data[:used])  # the directory of the thumbnail, and all that it brought
    inside, _ = tiff.directory(thumbnail)
    starts = [*tiff.numbers(inside.get(THUMBNAIL)), *tiff.numbers(inside.get(STRIPS))]
    sizes = [*tiff.numbers(inside.get(THUMBNAIL_SIZE)), *tiff.numbers(inside.get(STRIP_SIZES))]
    for start, size in zip(starts, sizes, strict=False):
        size = max(0, min(size, len(data) - start))
        data[start : start + size] = bytes(size)
    return bytes(data)


def _put(tiff: Tiff, entry: Entry | None, number: int) -> None:
    if entry is not None and tiff.numbers(entry):
        letter = {1: "B", 3: "H"}.get(entry.kind, "I")
        struct.pack_into(
            f"{tiff.order}{letter}", tiff.data, entry.at, min(number, 2 ** (8 * struct.calcsize(letter)) - 1)
        )


def of_directory(tiff: Tiff) -> bytes:
    """EXIF of a TIFF file or a raw one built like it: what its first directory says of the photo, b"" for nothing."""
    try:
        tree = tiff.tree(tiff.first, keep=DESCRIPTIVE)
    except Unreadable:
        return b""
    return _START + packed(tree, 8) if any(tag not in RESOLUTION for tag in tree) else b""


def resolution(x: float, y: float) -> Tree:
    """The tags that say dots per inch."""
    fractions = [Value(5, 1, struct.pack("<2I", round(per_inch * 1000), 1000)) for per_inch in (x, y)]
    return dict(zip(RESOLUTION, [*fractions, Value(3, 1, struct.pack("<H", 2))], strict=True))


def of_resolution(x: float, y: float) -> bytes:
    """EXIF that says nothing else."""
    return _START + packed(resolution(x, y), 8)


def renewed_xmp(xmp: bytes, width: int, height: int) -> bytes:
    """XMP of a picture of that size that stands upright and has no second one in its file; b"" if it is no XML."""
    try:
        document = minidom.parseString(xmp.strip(b"\0 \r\n\t")) if xmp else None
    except (ExpatError, ValueError, LookupError):
        return b""
    if document is None:
        return b""
    true: dict[tuple[str | None, str | None], int] = {(TIFF_NS, "Orientation"): 1}
    true |= {(TIFF_NS, "ImageWidth"): width, (TIFF_NS, "ImageLength"): height}
    true |= {(EXIF_NS, "PixelXDimension"): width, (EXIF_NS, "PixelYDimension"): height}
    for element in document.getElementsByTagName("*"):
        if _stale(element):
            assert element.parentNode is not None  # it was found below the document
            element.parentNode.removeChild(element)
            continue
        if (element.namespaceURI, element.localName) in true:
            element.childNodes[:] = [document.createTextNode(str(true[element.namespaceURI, element.localName]))]
        for attribute in list(element.attributes.values()):
            if _stale(attribute):
                element.removeAttributeNode(attribute)
            elif (attribute.namespaceURI, attribute.localName) in true:
                attribute.value = str(true[attribute.namespaceURI, attribute.localName])
    return "".join(node.toxml() for node in document.childNodes).encode()


def _stale(node):
    pattern = STALE.get(node.namespaceURI)
    return pattern is not None and bool(re.match(pattern, node.localName))
