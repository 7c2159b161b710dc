"""Kindling's framework-free core: photos in and out, the fusion of the three nets, and the command line.

import kindling
brighter = kindling.enhance(photo)     # (h, w, 3) uint8, uint16 or float in [0, 1]; see kindling/api.py

Nothing here imports TensorFlow or PyTorch, so `import kindling` is quick and works with either, both or neither.
"""

from kindling.core.errors import KindlingError, MissingNetError
from kindling.version import __version__

__all__ = ["KindlingError", "MissingNetError", "__version__", "enhance", "open_backend"]


def __getattr__(name):
    """`enhance` and `open_backend` are fetched when first asked for: they need the readers of photos."""
    if name in ("enhance", "open_backend"):
        from kindling import api as door

        return getattr(door, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
