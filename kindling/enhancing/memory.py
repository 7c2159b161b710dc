"""How large a tile may be: as much as the nets may take, and never more than the memory that is free."""

from pathlib import Path

import psutil

from kindling.enhancing.tiles import RESTORE, Grid, fitting

ROOM = 1.1e9  # bytes for the nets, however large the photo; more would hardly be faster, for halos shrink slowly
SHARE = 0.7  # of the free memory
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


def auto_grid(height: int, width: int, results: int, footprint: int) -> Grid:
    """Tiles as large as the memory at hand allows, or the whole photo where it fits.

    results: bytes of the pictures; footprint: bytes that the nets take for each pixel of a tile.
    """
    room = min(ROOM, SHARE * (free() - results))
    grid = fitting(height, width, int(room / footprint))
    if len(grid.rows) * len(grid.columns) == 1:
        return grid
    band = BAND * width * (grid.tile_height + 2 * RESTORE)
    return fitting(height, width, int((room - min(band, room / 2)) / footprint))
