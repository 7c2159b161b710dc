"""Kindling: KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal. This is its framework-free core.

    import kindling
    brighter = kindling.enhance("night.jpg")     # or an array, a PIL image, bytes; kindling/api has every door

Nothing here imports TensorFlow or PyTorch, so `import kindling` is quick and works with either, both or neither.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kindling.core.errors import KindlingError, MissingNetError
from kindling.version import __version__

if TYPE_CHECKING:  # what editors and type checkers see; the rest of the world gets it by __getattr__
    from kindling.api import enhance, evaluate, export, inspect, open_model, parity, prepare, train

__all__ = [
    "KindlingError",
    "MissingNetError",
    "__version__",
    "enhance",
    "evaluate",
    "export",
    "inspect",
    "open_model",
    "parity",
    "prepare",
    "train",
]


def __getattr__(name: str) -> object:
    """The doors are fetched when first asked for: they need the readers of photos."""
    if name in __all__:
        from kindling import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Door(ModuleType):
    """A room that is a function too: `kindling.parity()`, and inside of it `kindling.parity.compare`."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from kindling import api

        return api.parity(*args, **options)


class _Package(ModuleType):
    """This package; importing the room kindling/parity would otherwise put a module where the function was."""

    @property
    def parity(self) -> ModuleType:
        return importlib.import_module("kindling.parity")

    @parity.setter
    def parity(self, room: ModuleType) -> None:
        room.__class__ = _Door


sys.modules[__name__].__class__ = _Package
