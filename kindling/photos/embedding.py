"""An encoded picture and what rides along with it, put together into the file that is written: JPEG, PNG, WebP, TIFF.

libvips encodes the pixels; what it would do with EXIF (write the block anew), IPTC (as numbers, into TIFF), dots per
inch and PNG's chunks is not what goes in here.
"""

import struct
import zlib
from collections.abc import Callable
from typing import cast

from kindling.photos.carried import PER_METRE, TEXTS, XMP_KEYWORD, Carried, iptc_resource
from kindling.photos.directories import EXIF, GPS, Tiff, Tree, Unreadable, Value, packed
from kindling.photos.exif import DESCRIPTIVE, of_resolution, renewed_exif, renewed_xmp, resolution

SEGMENT = 65_533  # bytes that one segment of a JPEG holds
XMP_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
Part = bytes | memoryview


def embed(encoded: bytes, suffix: str, carried: Carried, width: int, height: int, bands: int) -> list[Part]:
    """The file: `encoded`, of one of the kinds of WRITING, with what `carried` says, made true of this picture.

    It comes in parts, most of which share the memory of `encoded`.
    bands: 1 or 2 for grey, else colours; a profile is left out where it is of the other.
    """
    carried = renewed(carried, width, height, 3 if suffix == ".webp" else bands)  # which knows no grey
    return _INTO[suffix](encoded, carried, width, height)


def renewed(carried: Carried, width: int, height: int, bands: int) -> Carried:
    """What is true of a picture of that size, upright, and of grey or colours."""
    true: Carried = {**carried}
    true["exif"] = renewed_exif(carried.get("exif", b""), width, height)
    true["xmp"] = renewed_xmp(carried.get("xmp", b""), width, height)
    if is_grey(carried.get("icc", b"")) != (bands < 3):
        true["icc"] = b""
    return cast(Carried, {what: value for what, value in true.items() if value})


def is_grey(profile: bytes) -> bool:
    """True for an ICC profile of grey pixels (ICC.1, the header's data colour space)."""
    return profile[16:20] == b"GRAY"


def left_behind(carried: Carried, suffix: str) -> list[str]:
    """What a photo carries that the kind of file, a key of WRITING, has no room for, in words."""
    missing = []
    if suffix == ".webp" and carried.get("iptc"):
        missing.append("IPTC")
    if suffix != ".png" and carried.get("chunks"):
        kinds = sorted({"text" if kind in TEXTS else kind.decode() for kind, _ in carried["chunks"]})
        missing.append(f"PNG's {', '.join(kinds)}")
    if suffix == ".jpg":
        blocks = (
            (carried.get("exif", b""), SEGMENT - 6, "EXIF"),
            (carried.get("xmp", b""), SEGMENT - len(XMP_NAMESPACE), "XMP"),
            (carried.get("iptc", b""), SEGMENT - 27, "IPTC"),
        )
        missing += [name for block, most, name in blocks if len(block) > most]
    return missing


def _into_jpeg(encoded, carried, width, height):
    dpi = carried.get("dpi")
    x, y = (min(65_535, max(1, round(per_inch))) for per_inch in dpi) if dpi else (1, 1)
    parts = [(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", 1 if dpi else 0, x, y, 0, 0))]
    if "exif" in carried:
        parts.append((0xE1, b"Exif\0\0" + carried["exif"]))
    if "xmp" in carried:
        parts.append((0xE1, XMP_NAMESPACE + carried["xmp"]))
    if "iptc" in carried:
        parts.append((0xED, b"Photoshop 3.0\0" + iptc_resource(carried["iptc"])))
    if "icc" in carried:
        step = SEGMENT - 14
        pieces = [carried["icc"][k : k + step] for k in range(0, len(carried["icc"]), step)]
        if len(pieces) < 256:
            parts += [(0xE2, b"ICC_PROFILE\0" + bytes([k + 1, len(pieces)]) + piece) for k, piece in enumerate(pieces)]
    head = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in parts
        if len(data) <= SEGMENT
    )
    at = 2
    while 0xE0 <= encoded[at + 1] <= 0xEF and encoded[at + 2 : at + 12] != b"\0\x0eAdobe\0\0d\0":
        at += 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")  # libvips' own JFIF
    return [encoded[:2], head, memoryview(encoded)[at:]]


def _into_png(encoded, carried, width, height):
    extra = [chunk for chunk in carried.get("chunks", ()) if chunk[0] not in TEXTS]
    if "icc" in carried:
        extra.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(carried["icc"])))
    if "dpi" in carried:
        x, y = (round(per_inch * PER_METRE) for per_inch in carried["dpi"])
        extra.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if "exif" in carried:
        extra.append((b"eXIf", carried["exif"]))
    if "xmp" in carried:
        extra.append((b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + carried["xmp"]))
    if "iptc" in carried:
        block = iptc_resource(carried["iptc"])
        digits = block.hex()
        lines = "\n".join(digits[k : k + 72] for k in range(0, len(digits), 72))
        text = f"\niptc\n{len(block):8d}\n{lines}\n".encode()
        extra.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text)))
    extra += [chunk for chunk in carried.get("chunks", ()) if chunk[0] in TEXTS]
    made = b"".join(_chunk(kind, data) for kind, data in extra)
    view, parts, at = memoryview(encoded), [encoded[:33], made], 33  # behind the signature and the header
    while at < len(encoded):
        end = at + 12 + int.from_bytes(view[at : at + 4], "big")
        if view[at + 4] < ord("a"):  # a chunk that pixels need: IDAT, IEND
            parts.append(view[at:end])
        at = end
    return parts


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _into_webp(encoded, carried, width, height):
    exif = carried.get("exif") or (of_resolution(*carried["dpi"]) if "dpi" in carried else b"")
    extra = {b"ICCP": carried.get("icc", b""), b"EXIF": exif, b"XMP ": carried.get("xmp", b"")}
    view, at, pixels, alpha = memoryview(encoded), 12, [], False
    while at + 8 <= len(encoded):
        kind, size = bytes(view[at : at + 4]), int.from_bytes(view[at + 4 : at + 8], "little")
        if kind in (b"ALPH", b"VP8 ", b"VP8L"):
            pixels.append(view[at : at + 8 + size + size % 2])
            # Bit 28 behind the byte that opens a lossless picture says whether it has alpha.
            alpha |= kind == b"ALPH" or (kind == b"VP8L" and bool(view[at + 12] & 0x10))
        at += 8 + size + size % 2
    flags = 0x20 * bool(extra[b"ICCP"]) | 0x10 * alpha | 0x08 * bool(extra[b"EXIF"]) | 0x04 * bool(extra[b"XMP "])
    if not flags:
        return [encoded]
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = [_riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides)]
    parts += [_riff(b"ICCP", extra[b"ICCP"])] if extra[b"ICCP"] else []
    parts += pixels
    parts += [_riff(kind, extra[kind]) for kind in (b"EXIF", b"XMP ") if extra[kind]]
    return [b"RIFF", struct.pack("<I", 4 + sum(map(len, parts))), b"WEBP", *parts]


def _riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _into_tiff(encoded, carried, width, height):
    tiff = Tiff(encoded)
    tree = tiff.tree(tiff.first)
    for tag in (0x0131, 0x010E, 0x011A, 0x011B, 0x0128):
        tree.pop(tag, None)
    if "exif" in carried:
        tree |= _described(carried["exif"])
    for tag, what in ((0x8773, "icc"), (0x02BC, "xmp"), (0x83BB, "iptc")):
        if what in carried:
            tree[tag] = Value(7 if what == "icc" else 1, len(carried[what]), carried[what])
    tree |= resolution(*carried["dpi"]) if "dpi" in carried else {}
    at = len(encoded) + len(encoded) % 2
    directory = packed(tree, at)
    return [encoded[:4], struct.pack("<I", at), memoryview(encoded)[8:], bytes(at - len(encoded)), directory]


def _described(exif: bytes) -> Tree:
    try:
        source = Tiff(exif)
        return source.tree(source.first, keep=(*DESCRIPTIVE, EXIF, GPS))
    except Unreadable:
        return {}


_INTO: dict[str, Callable[[bytes, Carried, int, int], list[Part]]] = {
    ".jpg": _into_jpeg,
    ".png": _into_png,
    ".webp": _into_webp,
    ".tiff": _into_tiff,
}
