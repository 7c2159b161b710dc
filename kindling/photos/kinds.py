"""Kinds of file: which are photos by their names, which by their first bytes, and which are written."""

from typing import Any

JPEG = (".jfif", ".jpe", ".jpeg", ".jpg", ".mpo")
# What cameras write before it is a picture; rawpy, which reads them, tells them by their content.
RAW = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
SUFFIXES = (
    ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp", ".avif", ".heic", ".heif", ".hif", ".jfif", ".jpe",
    ".mpo", *RAW,
)  # fmt: skip
KNOWN = f"{', '.join(suffix for suffix in SUFFIXES if suffix not in RAW)}, and RAW such as .dng, .cr2, .nef"
# What a photo's own kind is written as, where that is not itself.
KINDS = {".bmp": ".png", ".tif": ".tiff"} | dict.fromkeys(JPEG, ".jpg")

WRITING: dict[str, dict[str, Any]] = {
    ".png": {"compression": 6},
    ".jpg": {"Q": 95, "subsample_mode": "off"},
    ".webp": {"Q": 95},
    ".tiff": {"compression": "deflate", "predictor": "horizontal"},
}
DEEP = (".png", ".tiff", ".tif")  # the kinds that hold 16 bits
OPAQUE = (".jpg",)  # the kind that holds no transparency
SIDES = {".webp": 16_383, ".jpg": 65_500}  # the longest side that the kind, and libjpeg, can hold

ISO_RAW = (b"crx ",)
ISO_AVIF = (b"avif", b"avis")
RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")


def written_as(suffix: str) -> str:
    """The kind, a key of WRITING, that a file of this suffix is written as; "" if it is none.

    >>> written_as(".JPEG"), written_as(".tif"), written_as(".gif")
    ('.jpg', '.tiff', '')
    """
    suffix = suffix.lower()
    kind = KINDS.get(suffix, suffix)
    return kind if kind in WRITING and suffix != ".bmp" else ""


def kind_of(start: bytes, suffix: str) -> str:
    """What a file is, by its first bytes, and by its name only where these leave it open.

    start: 32 bytes or more. Returns jpeg, png, webp, bmp, avif, heic, raw, tiff or other.

    >>> kind_of(b"BM" + bytes(30), ".jpg"), kind_of(b"II*\\0" + bytes(30), ".nef")
    ('bmp', 'raw')
    """
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    if start[:2] == b"BM":
        return "bmp"
    if start[4:8] == b"ftyp":
        brands = [start[k : k + 4] for k in (8, *range(16, min(int.from_bytes(start[:4], "big"), len(start)), 4))]
        if any(brand in ISO_RAW for brand in brands):
            return "raw"
        return "avif" if any(brand in ISO_AVIF for brand in brands) else "heic"
    if start.startswith(RAW_STARTS) or (start[:2] in (b"II", b"MM") and start[8:10] == b"CR"):
        return "raw"
    if suffix.lower() in RAW:
        return "raw"
    return "tiff" if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") else "other"
