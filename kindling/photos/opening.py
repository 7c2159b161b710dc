"""One way in for each kind of photo: its size by the header, what rides along, and its pixels when they are asked for.

libvips reads JPEG, PNG and TIFF, since it keeps 16 bits and says what was damaged; Pillow reads WebP, BMP, AVIF and
interlaced PNG, pillow-heif HEIC, rawpy raw photos. Where both can, their pixels are the same, bit for bit.
"""

import mmap
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL import AvifImagePlugin, BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from kindling.core.errors import KindlingError
from kindling.photos import carried as carry
from kindling.photos import vips
from kindling.photos.carried import Carried
from kindling.photos.decoding import Opened, at_once, loaded, pixels_of, plain
from kindling.photos.directories import SUB, Tiff, Unreadable
from kindling.photos.exif import ORIENTATION, orientation
from kindling.photos.kinds import KNOWN, RAW, kind_of
from kindling.photos.raw import RawPhoto

# Some cameras fill up between the picture and its end; a broken profile of ink gives way to a common one.
HARMLESS = r"extraneous bytes before marker 0xd9|ICC profile"
# TIFF's numbers for ways of packing that libvips' own TIFF library was built with.
UNPACKED = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50001}
PACKINGS = {
    6: "old-style JPEG", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000",
    34887: "LERC", 34892: "lossy JPEG of DNG", 34925: "LZMA", 34926: "ZSTD", 50000: "ZSTD", 50002: "JPEG XL",
    52546: "JPEG XL", 34933: "PNG", 34934: "JPEG XR", 34676: "SGI Log", 34677: "SGI Log",
}  # fmt: skip
COMPRESSION, PHOTOMETRIC, SAMPLES, SUBFILE, DNG_VERSION = 259, 262, 277, 254, 50706
SENSOR = (32803, 34892)  # photometric: a mosaic of colour filters, or a sensor's own numbers


def open_photo(path: Path) -> Opened:
    """The photo in a file. Raises KindlingError for what is no photo, and Damaged, OSError, SyntaxError, ValueError or
    vips.Error, with a reason, for one that is not sound."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for somebody to write into it
            what = "Is a directory" if stat.S_ISDIR(mode) else "it is a pipe or a device, not a file"
            raise KindlingError(f"{path}: cannot be read: {what}")
        with open(path, "rb") as file:
            start = file.read(64)
    except FileNotFoundError as error:
        raise KindlingError(f"{path}: no such file") from error
    except OSError as error:
        raise KindlingError(f"{path}: cannot be read: {error.strerror}") from error
    if not start:
        raise KindlingError(f"{path}: not a photo that can be read: the file is empty")
    return _OPENERS[kind_of(start, path.suffix)](path)


def _jpeg(path):
    with open(path, "rb") as file:
        header = JpegImagePlugin.JpegImageFile(file)  # of an MPO, its first picture
        width, height = header.size
        info = carry.of_pillow(header.info)

    def decode():
        try:
            with open(path, "rb") as file:
                return vips.read(lambda: loaded("jpegload_source", file), plain, HARMLESS)
        except vips.Damaged as error:
            data = path.read_bytes() if "premature end of JPEG image" in str(error) else b""
            if not (data and has_all_scans(data)):
                raise
            # All but the two bytes that say that this is the end: with them, is anything missing?
            source = vips.pyvips.Source.new_from_memory(data + b"\xff\xd9")
            load = vips.Image.jpegload_source
            try:
                return vips.read(lambda: load(source, access="sequential", fail_on="error"), plain, HARMLESS)
            except vips.Damaged:
                raise error from None

    turned = orientation(info.get("exif", b""), info.get("xmp", b""))
    return Opened(width=width, height=height, decode=decode, carried=info, orientation=turned)


def has_all_scans(data: bytes) -> bool:
    """True if a JPEG holds every coefficient of every component to its last bit, however many scans they came in."""
    precision: dict[int, list[int]] = {}
    for match in re.finditer(rb"\xff([\xc0-\xcf\xda])(..)", data, re.DOTALL):
        marker, size = match[1][0], int.from_bytes(match[2], "big")
        body = data[match.end() : match.end() + size - 2]
        if marker == 0xDA and body and len(body) == 4 + 2 * body[0]:
            first, last, approximation = body[-3:]
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if component in precision:
                    precision[component][first : last + 1] = [approximation & 15] * (last + 1 - first)
        elif marker not in (0xC4, 0xC8, 0xCC) and marker != 0xDA and len(body) > 5 and len(body) == 6 + 3 * body[5]:
            precision = {component: [99] * 64 for component in body[6::3]}
    return bool(precision) and not any(map(any, precision.values()))


def _png(path):
    with open(path, "rb") as file:
        chunks = list(carry.png_chunks(file))
        if any(kind == b"acTL" for kind, _ in chunks):
            raise KindlingError(f"{path}: is animated; save the picture you want as a file of its own")
        info = carry.of_png(chunks)
        head = dict(chunks).get(b"IHDR", b"")
        if len(head) != 13:
            raise ValueError("it has no header")
        width, height = (int.from_bytes(head[k : k + 4], "big") for k in (0, 4))
    interlaced, deep = bool(head[12]), head[8] == 16

    def decode():
        with open(path, "rb") as file:
            if interlaced and not deep:
                return pixels_of(PngImagePlugin.PngImageFile(file))
            if interlaced:  # in one piece, for which libvips starts threads
                return at_once(plain(loaded("pngload_source", file)))
            return vips.read(lambda: loaded("pngload_source", file), plain)

    turned = orientation(info.get("exif", b""), info.get("xmp", b""))
    return Opened(width=width, height=height, decode=decode, carried=info, orientation=turned)


def _tiff(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tiff = Tiff(data)
        entries, _ = tiff.directory(tiff.first)
        if DNG_VERSION in entries or _of_a_sensor(tiff, entries):
            return _raw(path)
        packing = tiff.number(entries.get(COMPRESSION), 1)
        if packing not in UNPACKED:
            name = PACKINGS.get(packing, f"number {packing}")
            raise KindlingError(f"{path}: its compression, {name}, is not read; save it with deflate or LZW")
        samples = tiff.number(entries.get(SAMPLES), 1)
        if samples > 5 or (samples == 5 and tiff.number(entries.get(PHOTOMETRIC)) != 5):
            raise KindlingError(f"{path}: has {samples} channels, and photos of 1 to 4 are read; save it as RGB")
        if tiff.number(entries.get(SUBFILE)) & 1:
            raise KindlingError(f"{path}: its first picture is a thumbnail; save the photo as a file of its own")
        info, turned = carry.of_tiff(tiff), tiff.number(entries.get(ORIENTATION), 1)
    with open(path, "rb") as file:
        image = loaded("tiffload_source", file, unlimited=True)
        width, height = image.width, image.height
        pages = image.get("n-pages") if "n-pages" in image.get_fields() else 1
        if pages > 1:
            raise KindlingError(f"{path}: holds {pages} pictures; save the one you want as a file of its own")

    def decode():
        with open(path, "rb") as file:
            return vips.read(lambda: loaded("tiffload_source", file, unlimited=True), plain, "ICC profile")

    turned = turned if 1 <= turned <= 8 else 1
    return Opened(width=width, height=height, decode=decode, carried=info, orientation=turned)


def _of_a_sensor(tiff, entries):
    try:
        inside = [entries, *tiff.below(entries, (SUB,))]
    except Unreadable:
        inside = [entries]
    return any(tiff.number(directory.get(PHOTOMETRIC)) in SENSOR for directory in inside)


def _raw(path):
    info = Carried()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if bytes(data[:4]) in (b"II*\0", b"MM\0*"):
            info = carry.of_tiff(Tiff(data))
            info.pop("icc", None)  # of the sensor's or the thumbnail's numbers; what comes out is sRGB
            info.pop("dpi", None)
    raw = RawPhoto(path)
    return Opened(width=raw.width, height=raw.height, decode=raw.pixels, carried=info, close=raw.__exit__)


def _avif(path):
    with open(path, "rb") as file:
        image = loaded("heifload_source", file)
        deep = image.get("bits-per-sample") > 8 if "bits-per-sample" in image.get_fields() else False
        width, height = image.width, image.height
    opened = _by(AvifImagePlugin.AvifImageFile)(path)
    if not deep:
        return opened

    def decode():
        with open(path, "rb") as file:
            return vips.read(lambda: loaded("heifload_source", file), plain, "bad seek")  # looks beyond the end

    return Opened(width=width, height=height, decode=decode, carried=opened.carried)


def _heic(path):
    try:
        import pillow_heif
    except ModuleNotFoundError as error:
        raise KindlingError(
            f"{path}: HEIC is read with pillow-heif, which is not installed: pip install pillow-heif"
        ) from error
    file = open(path, "rb")  # noqa: SIM115 - pixels are read from it later
    try:
        heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
        if len(heif) > 1:
            raise KindlingError(f"{path}: holds {len(heif)} pictures; save the one you want as a file of its own")
    except BaseException:
        file.close()
        raise
    width, height = heif.size
    info = carry.of_pillow(heif.info)

    def decode():
        pixels = np.asarray(heif)
        return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]

    return Opened(width=width, height=height, decode=decode, carried=info, close=file.close)


def _by(plugin: Any) -> Callable[[Path], Opened]:
    def opener(path: Path) -> Opened:
        with open(path, "rb") as file:
            image = plugin(file)
            (width, height), frames = image.size, getattr(image, "n_frames", 1)
            info = carry.of_pillow(image.info)
            turned = image.getexif().get(ORIENTATION, 1)
        if frames > 1:
            raise KindlingError(f"{path}: holds {frames} pictures; save the one you want as a file of its own")

        def decode():
            with open(path, "rb") as file:
                return pixels_of(plugin(file))

        turned = turned if turned in range(1, 9) else 1
        return Opened(width=width, height=height, decode=decode, carried=info, orientation=turned)

    return opener


def _bmp(path):
    opened = _by(BmpImagePlugin.BmpImageFile)(path)
    with open(path, "rb") as file:
        head = file.read(34)
    bits, packing = (int.from_bytes(head[k : k + n], "little") for k, n in ((28, 2), (30, 4)))
    if (bits, packing) != (32, 0) or int.from_bytes(head[14:18], "little") < 40:
        return opened
    start, top_down = int.from_bytes(head[10:14], "little"), int.from_bytes(head[22:26], "little", signed=True) < 0

    def decode():
        """The fourth byte is nothing, or, where any is set, transparency; Pillow always drops it."""
        with open(path, "rb") as file:
            file.seek(start)
            pixels = np.frombuffer(file.read(4 * opened.width * opened.height), np.uint8)
        if pixels.size != 4 * opened.width * opened.height:
            raise ValueError("image file is truncated")
        pixels = pixels.reshape(opened.height, opened.width, 4)[:: 1 if top_down else -1, :, [2, 1, 0, 3]]
        return pixels if pixels[..., 3].any() else pixels[..., :3]

    opened.decode = decode
    return opened


def _other(path):
    try:
        with PIL.Image.open(path) as image:
            plugin = type(image)
    except (PIL.UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise KindlingError(f"{path}: not a photo that can be read; known are {KNOWN}") from error
    if path.suffix.lower() in RAW:
        return _raw(path)
    return _by(plugin)(path)


_OPENERS: dict[str, Callable[[Path], Opened]] = {
    "jpeg": _jpeg,
    "png": _png,
    "tiff": _tiff,
    "webp": _by(WebPImagePlugin.WebPImageFile),
    "bmp": _bmp,
    "avif": _avif,
    "heic": _heic,
    "raw": _raw,
    "other": _other,
}
