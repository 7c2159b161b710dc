"""Import TensorFlow or PyTorch at the moment it is needed: quietly, or with one sentence on how to get it."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

from kindling.errors import KindlingError

EXTRAS = {
    "tensorflow": ("TensorFlow", "tf"),
    "torch": ("PyTorch", "torch"),
    "accelerate": ("Hugging Face accelerate", "train"),
    "tensorboard": ("TensorBoard", "train"),
}


def import_framework(name: str, purpose: str) -> ModuleType:
    """The module `name`, one of EXTRAS; if it is not installed, a KindlingError saying what `purpose` needs."""
    called, extra = EXTRAS[name]
    try:
        with _stderr_held_back():
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise KindlingError(
            f"{purpose} needs {called}, which is not installed: pip install 'kindling-llie[{extra}]'"
        ) from error


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keep what native code writes to stderr, and let it out only if the import fails.

    TensorFlow greets from C++ on every import, before any setting of its own can stop it, and our stderr is one line
    a person is meant to read.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
