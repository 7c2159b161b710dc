"""libvips (pyvips), used so that it can be trusted: whole pictures or an error, and no thread where none is needed.

Pixels are fetched in the calling thread, strip by strip. libvips would rather start threads, and a process forked
afterwards (a DataLoader's worker) would wait for them for ever. Damage inside a tiled TIFF comes back as black tiles
and a note in libvips' error buffer, so a picture counts as read only if that buffer is empty afterwards.
"""

import os
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError

os.environ.setdefault("VIPS_WARNING", "0")  # read once, by libvips: its warnings would go to stderr; errors are raised
import pyvips

Error = pyvips.Error
Image = pyvips.Image
_NOISE = re.compile("bad seek|unable to call|^unable to fetch")
TYPES: dict[str, np.dtype[Any]] = {"uchar": np.dtype(np.uint8), "ushort": np.dtype(np.uint16)}
STRIP = 1 << 22  # bytes fetched at once

# libvips would log through Python, and a Ctrl-C that falls into a callback from C is printed and forgotten.
pyvips._remove_log_handler()

_lock = threading.RLock()  # the error buffer is one for all threads
_threads_of = 0  # the process in which libvips started threads of its own


def _after_fork():
    """Another thread may have held the lock at that moment, and it is not here to give it back."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Damaged(Exception):
    """Something of the picture could not be read; the text says what."""


def read(load: Callable[[], pyvips.Image], plain: Callable = lambda image: image, harmless: str = "") -> np.ndarray:
    """The pixels of the image that `load` opens, (h, w, bands), after `plain` has made it one of 8 or 16 bits.

    harmless: a pattern of complaints that do not count. Raises Damaged for a picture that is not whole.
    """
    with _lock:
        pyvips.vips_lib.vips_error_clear()
        try:
            pixels = fetch(plain(load()))
        except Error as error:
            raise Damaged(said(error)) from error
        complaints = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace").splitlines()
        pyvips.vips_lib.vips_error_clear()
    complaints = [line for line in complaints if line.strip() and not (harmless and re.search(harmless, line))]
    if complaints:
        raise Damaged(_bare(complaints[0]))
    return pixels


def fetch(image: pyvips.Image) -> np.ndarray:
    """The pixels of an image, computed in this very thread."""
    region = pyvips.Region.new(image)
    pixels = np.empty((image.height, image.width, image.bands), TYPES[image.format])
    rows = max(1, STRIP // pixels[0].nbytes)
    for top in range(0, image.height, rows):
        part = pixels[top : top + rows]
        part[:] = np.frombuffer(region.fetch(0, top, image.width, len(part)), pixels.dtype).reshape(part.shape)
    return pixels


def threaded(work: Callable[[], bytes]) -> bytes:
    """What `work` returns, which lets libvips start threads; refused in a process forked from one that has some."""
    global _threads_of
    with _lock:
        if _threads_of not in (0, os.getpid()):
            raise KindlingError(
                "this process was forked from one that wrote pictures, and libvips would wait for threads that are "
                "not here; start processes by spawn, or write in the first one"
            )
        _threads_of = os.getpid()
        try:
            return work()
        except Error as error:
            raise Damaged(said(error)) from error


def from_array(array: np.ndarray) -> pyvips.Image:
    """(h, w, bands) uint8 or uint16 as an image, of grey if it has 1 or 2 bands, else of colours."""
    height, width, bands = array.shape
    deep = array.dtype == np.uint16
    array = np.ascontiguousarray(array)
    image = pyvips.Image.new_from_memory(array.data, width, height, bands, "ushort" if deep else "uchar")
    kind = ("grey16" if deep else "b-w") if bands < 3 else ("rgb16" if deep else "srgb")
    return image.copy(interpretation=kind)


def to_srgb(array: np.ndarray, profile: bytes) -> np.ndarray:
    """(h, w, 1 or 3) with colours as an ICC profile says, "p3" for Display P3, as sRGB: (h, w, 3) of the same depth."""

    def load():
        image = from_array(array)
        if profile == b"p3":
            return image.icc_transform("srgb", input_profile="p3", depth=depth)
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        return image.icc_transform("srgb", embedded=True, depth=depth)

    depth = array.dtype.itemsize * 8
    return read(load)


def said(error: pyvips.Error) -> str:
    """The first line of what libvips says of the file, without the name of its part."""
    lines = [line for line in (error.detail or str(error)).splitlines() if line.strip() and not _NOISE.search(line)]
    return _bare(lines[0]) if lines else "its pixels cannot be decoded"


def _bare(line):
    return line.strip().split(": ", 1)[-1]
