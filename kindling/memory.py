"""How large a tile may be: by the memory that is free, and so that the process stays small whatever the photo."""

from pathlib import Path

import psutil

from kindling.tiling import RESTORE, Grid, fitting

PROCESS = 1.85e9  # bytes that the whole process aims to stay below
LEAST = 0.7e9  # for the nets, however large the photo; below it halos would cost more than the tiles themselves
SHARE = 0.8  # of the free memory
NETS = 820  # bytes a pixel, float32, of the hungriest net: benchmarks/enhance.py measures it
BAND = 4 * 4  # bytes a pixel of the rows of R and L that are kept
CGROUP = Path("/sys/fs/cgroup")


def free() -> int:
    """Bytes that can still be had: what the machine has, or what a container is allowed."""
    available = psutil.virtual_memory().available
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return available if limit == "max" else min(available, max(int(limit) - int(used), 0))
    except (OSError, ValueError):
        return available  # no container, or one that says nothing


def auto_grid(height: int, width: int, results: int, double: bool = False) -> Grid:
    """Tiles as large as the memory at hand allows, or the whole photo where it fits.

    results: bytes that the finished pictures will take. double: the nets compute in float64.
    """
    taken = psutil.Process().memory_info().rss + results
    room = min(max(PROCESS - taken, LEAST), SHARE * free())
    bytes_each = NETS * (2 if double else 1)
    grid = fitting(height, width, int(room / bytes_each))
    if (len(grid.rows), len(grid.columns)) == (1, 1):
        return grid
    band = BAND * width * (grid.tile_height + 2 * RESTORE)
    return fitting(height, width, int(max(room - band, LEAST / 2) / bytes_each))
