"""Memory: how large a tile may be, and what the C library does with what is freed.

A tile takes as much as the nets may have, and never more than what is free where they run.
"""

import ctypes
import platform
from pathlib import Path

import psutil

from kindling.core.model import Model
from kindling.enhancing.grid import Grid, fitting
from kindling.enhancing.kept import IN_MEMORY

__all__ = ["auto_grid", "free", "give_back", "keep_freed"]

ROOM = 1.0e9  # bytes for the nets, however large the photo; more would hardly be faster, for halos shrink slowly
SHARE = 0.7  # of the free memory
PIXEL = 4 * 4  # bytes of R and L
CGROUP = Path("/sys/fs/cgroup")
CACHES = ("inactive_file", "active_file")
LEAST_ROOM = 1.5e8  # below that tiles would be mostly halo, a hundred times the work
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
NEVER = -1


def free() -> int:
    """Bytes of main memory that can still be had: what the machine has, or what a container is allowed."""
    available = psutil.virtual_memory().available
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        if limit == "max":
            return available
        # What files leave in memory counts as used, and is given up when something else wants it.
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        cached = sum(int(number) for name, number in map(str.split, lines) if name in CACHES)
        return min(available, max(int(limit) - int(used) + cached, 0))
    except (OSError, ValueError):
        return available  # no container, or one that says nothing


def auto_grid(height: int, width: int, model: Model, results: int = 0) -> Grid:
    """Tiles as large as the memory at hand allows, or the whole photo where it fits.

    results: bytes of the pictures still to be made.
    """
    decomposed = height * width * PIXEL
    kept = decomposed if decomposed <= IN_MEMORY else 0
    room = max(min(ROOM - kept, SHARE * _left(model, results + kept)), LEAST_ROOM)
    step = model.family.step
    grid = fitting(height, width, int(room / model.bytes_per_pixel()), model.family)
    if len(grid.rows) * len(grid.columns) == 1:
        return grid
    band = 0 if kept else PIXEL * width * (grid.tile_height + 2 * grid.halo)
    return fitting(height, width, max(int((room - min(band, room / 2)) / model.bytes_per_pixel()), step), model.family)


def _left(model, results):
    """Of main memory the pictures take their part; a GPU holds none of them."""
    left = model.free_bytes()
    return left - results if model.device.startswith(("cpu", "meta")) else left


def keep_freed() -> None:
    """Let this process keep the memory that it frees, for what it asks for next. Only where the C library is glibc.

    PyTorch asks the system anew for every large tensor, and the system clears each page of it: a third of the time of
    a large photo. TensorFlow keeps memory by itself.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)


def give_back() -> None:
    """Return to the system what `keep_freed` kept: the next photo is of another size and would not fit its gaps."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
