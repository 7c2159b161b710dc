"""The tiles that a photo is enhanced in: as asked for, or as memory allows, and smaller ones where it runs out.

Where given tiles begin and end is in kindling/enhancing/grid.py, and what is computed on each in tiles.py beside it.
"""

from collections.abc import Callable
from typing import Literal, TypeVar

from kindling.core.errors import KindlingError, OutOfMemory
from kindling.core.model import Model
from kindling.enhancing.grid import Grid, halved, square, whole
from kindling.enhancing.memory import auto_grid
from kindling.enhancing.ratio import default_border

__all__ = ["Tile", "choose_grid", "in_smaller_tiles"]

Tile = int | Literal["auto"]
Result = TypeVar("Result")


def choose_grid(size: tuple[int, int], tile: Tile, model: Model, results: int = 0) -> Grid:
    """The tiles for a photo of (height, width) and the model's border around it.

    tile: "auto" by the memory at hand, 0 none, else squares of that side. results: bytes that the finished pictures
    will take. Raises KindlingError if `tile` is none of these.
    """
    height, width = (length + 2 * default_border(model) for length in size)
    if tile == "auto":
        return auto_grid(height, width, model, results)
    if not isinstance(tile, int) or isinstance(tile, bool) or tile < 0:
        raise KindlingError(f'a tile of {tile!r}: expected a number of pixels, 0 for none, or "auto"')
    return square(height, width, tile, model.family) if tile else whole(height, width, model.family)


def in_smaller_tiles(grid: Grid, model: Model, work: Callable[[Grid], Result]) -> Result:
    """work(grid), and where that runs out of memory, again with smaller tiles until they are as small as they get."""
    while True:
        try:
            return work(grid)
        except OutOfMemory:
            smaller = halved(grid, model.family)
            if smaller is None:
                raise
        model.rest()  # here, where the error, which still held the tile, is gone
        grid = smaller
