"""Kindling: KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal. This is its framework-free core.

    import kindling
    brighter = kindling.enhance("night.jpg")     # or an array, a PIL image, bytes; kindling/api.py has every door

Nothing here imports TensorFlow or PyTorch, so `import kindling` is quick and works with either, both or neither.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from kindling.core.errors import KindlingError, MissingNetError
from kindling.version import __version__

if TYPE_CHECKING:  # what editors and type checkers see; the rest of the world gets it by __getattr__
    from kindling.api import enhance, evaluate, inspect, open_model, parity, prepare, train

__all__ = [
    "KindlingError",
    "MissingNetError",
    "__version__",
    "enhance",
    "evaluate",
    "inspect",
    "open_model",
    "parity",
    "prepare",
    "train",
]


class _Package(ModuleType):
    """Keeps `kindling.parity` the function: importing the room of that name would put the room in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    """The doors are fetched when first asked for: they need the readers of photos."""
    if name in __all__:
        from kindling import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
