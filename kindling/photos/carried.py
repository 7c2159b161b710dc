"""What rides along with a photo beside its pixels, as it lies in each kind of file.

One form for all kinds: EXIF as a TIFF block, IPTC as its bare records, chunks of PNG as they are. docs/enhance.md says
in a table what each kind of file takes.
"""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypedDict

from kindling.photos.directories import Tiff, Unreadable
from kindling.photos.exif import of_directory

COLOURS = (b"cICP", b"mDCV", b"cLLI", b"sRGB", b"gAMA", b"cHRM")  # chunks of PNG that say what its numbers mean
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
XMP_KEYWORD = b"XML:com.adobe.xmp"
IPTC_RESOURCE = 0x0404
PER_METRE = 39.370078740157  # inches


class Carried(TypedDict, total=False):
    """icc: a profile; exif: a TIFF block; xmp: a packet; iptc: records; dpi: across and down; chunks: PNG's own."""

    icc: bytes
    exif: bytes
    xmp: bytes
    iptc: bytes
    dpi: tuple[float, float]
    chunks: tuple[tuple[bytes, bytes], ...]


def of_pillow(info: Mapping[str | tuple[int, int], Any]) -> Carried:
    """From what Pillow or pillow-heif says of an image that it opened."""
    exif = (info.get("exif") or b"").removeprefix(b"Exif\0\0")
    xmp = info.get("xmp") or b""
    carried: Carried = {
        "icc": info.get("icc_profile") or b"",
        "exif": exif if exif[:2] in (b"II", b"MM") else b"",
        "xmp": xmp.encode() if isinstance(xmp, str) else xmp,
        "iptc": (info.get("photoshop") or {}).get(IPTC_RESOURCE, b""),
    }
    if "dpi" in info and all(0 < per_inch < 1e5 for per_inch in info["dpi"]):
        across, down = info["dpi"]
        carried["dpi"] = float(across), float(down)
    elif found := dots_per_inch(carried["exif"]):
        carried["dpi"] = found
    return _said(carried)


def of_png(chunks: list[tuple[bytes, bytes]]) -> Carried:
    """From the chunks of a PNG, (kind, data), wherever they stand in it."""
    carried: Carried = {"chunks": ()}
    for kind, data in chunks:
        if kind == b"iCCP":
            carried["icc"] = _unzipped(data.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            carried["exif"] = data.removeprefix(b"Exif\0\0")
        elif kind == b"pHYs" and len(data) == 9 and data[8] == 1:
            x, y = (int.from_bytes(data[k : k + 4], "big") / PER_METRE for k in (0, 4))
            if x and y:
                carried["dpi"] = round(x, 2), round(y, 2)
        elif kind == b"iTXt" and data.startswith(XMP_KEYWORD + b"\0"):
            flag, rest = data[len(XMP_KEYWORD) + 1], data[len(XMP_KEYWORD) + 3 :].split(b"\0", 2)[-1]
            carried["xmp"] = _unzipped(rest) if flag else rest
        elif kind in TEXTS and data.startswith(b"Raw profile type "):
            name, block = _raw_profile(kind, data)
            if name in ("exif", "APP1") and block.startswith(b"Exif\0\0"):
                carried.setdefault("exif", block.removeprefix(b"Exif\0\0"))
            elif name in ("iptc", "8bim"):
                carried["iptc"] = iptc_in(block)
        elif kind in COLOURS or kind in TEXTS:
            carried["chunks"] += ((kind, data),)
    return _said(carried)


def of_tiff(tiff: Tiff) -> Carried:
    """From the first directory of a TIFF file, or of a raw one built like it."""
    try:
        entries, _ = tiff.directory(tiff.first)
    except Unreadable:
        return {}
    records = tiff.bytes(entries.get(0x83BB))
    if records[:1] != b"\x1c" and records[3:4] == b"\x1c":  # 4 bytes turned around together, as a number
        records = b"".join(records[k : k + 4][::-1] for k in range(0, len(records), 4))
    carried: Carried = {
        "icc": tiff.bytes(entries.get(0x8773)),
        "xmp": tiff.bytes(entries.get(0x02BC)),
        "iptc": records or iptc_in(tiff.bytes(entries.get(0x8649))),
        "exif": of_directory(tiff),
    }
    carried["dpi"] = _per_inch(tiff, entries)
    return _said(carried)


def dots_per_inch(exif: bytes) -> tuple[float, float] | tuple[()]:
    """Across and down, as EXIF says; () where it does not."""
    try:
        tiff = Tiff(exif)
        return _per_inch(tiff, tiff.directory(tiff.first)[0])
    except Unreadable:
        return ()


def _per_inch(tiff, entries):
    x, y = (tiff.ratio(entries.get(tag)) for tag in (0x011A, 0x011B))
    inches = {2: 1.0, 3: 2.54}.get(tiff.number(entries.get(0x0128), 2), 0)
    return (x * inches, y * inches) if x * inches > 0 and y * inches > 0 else ()


def iptc_in(resources: bytes) -> bytes:
    """The IPTC records in a block of Photoshop's resources, or in bytes that are such records; b"" for none."""
    if resources[:1] == b"\x1c":
        return resources
    resources = resources.removeprefix(b"Photoshop 3.0\0")
    at = 0
    while resources[at : at + 4] == b"8BIM":
        name = resources[at + 6 : at + 7]
        start = at + 6 + (len(name) and (1 + name[0] + 1) // 2 * 2)
        size = int.from_bytes(resources[start : start + 4], "big")
        if int.from_bytes(resources[at + 4 : at + 6], "big") == IPTC_RESOURCE:
            return resources[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    return b""


def iptc_resource(records: bytes) -> bytes:
    """IPTC records as a block of Photoshop's resources, the form that JPEG and PNG hold them in."""
    header = b"8BIM" + IPTC_RESOURCE.to_bytes(2, "big") + b"\0\0" + len(records).to_bytes(4, "big")
    return header + records + bytes(len(records) % 2)


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(kind, data) of the chunks of a PNG that is open in binary; the data of pixels are passed over."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IEND":
            return
        if kind in (b"IDAT", b"fdAT") or size > 1 << 26:
            file.seek(size + 4, 1)
            yield kind, b""
        else:
            data = file.read(size)
            file.seek(4, 1)
            if len(data) == size:
                yield kind, data


def _raw_profile(kind, data):
    """ImageMagick's way to put a block into text: its name, its length, and hexadecimal digits, in lines."""
    keyword, _, text = data.partition(b"\0")
    text = _unzipped(text[1:]) if kind == b"zTXt" else text[4:] if kind == b"iTXt" else text
    words = text.split()
    try:
        return keyword[len(b"Raw profile type ") :].decode("latin-1"), bytes.fromhex(
            b"".join(words[2:]).decode("ascii")
        )
    except (ValueError, IndexError):
        return "", b""


def _unzipped(data):
    try:
        return zlib.decompressobj().decompress(data, 1 << 26)
    except zlib.error:
        return b""


def _said(carried):
    return {what: value for what, value in carried.items() if value}
