"""Things of a person's own that a command is told to take: `net.py:build`, `package.module:Net`.

The file or module is imported, so its code runs: only name what is trusted.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError


def load(named: str, option: str) -> Any:
    """What `named` means, FILE.py:NAME or MODULE:NAME. option: where it was named, for the message.

    Modules beside FILE.py can be imported by it, as when Python runs the file. Raises KindlingError if there is no such
    thing, or if importing it fails.
    """
    where, colon, name = named.rpartition(":")
    if not (colon and where and name.isidentifier()):
        raise KindlingError(f"{option} {named}: expected FILE.py:NAME or MODULE:NAME, such as net.py:build")
    if where.endswith(".py") and not Path(where).is_file():
        raise KindlingError(f"{option} {named}: no such file as {where}")
    try:
        module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except KindlingError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise KindlingError(f"{option} {named}: importing {where} fails: {type(error).__name__}: {said}") from error
    if not hasattr(module, name):
        raise KindlingError(f"{option} {named}: {where} has nothing called {name}")
    return getattr(module, name)


def build(named: str, option: str) -> Any:
    """A model that `named` means: what a function or a class gives when it is called, or a model as it is.

    Raises KindlingError as `load` does, or if the call fails.
    """
    found = load(named, option)
    if hasattr(found, "state_dict") and not isinstance(found, type):
        return found
    if not callable(found):
        raise KindlingError(
            f"{option} {named}: is a {type(found).__name__}, expected a function or class that gives a net"
        )
    try:
        return found()
    except KindlingError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise KindlingError(f"{option} {named}: calling it fails: {type(error).__name__}: {said}") from error


def _from_file(file: Path) -> Any:
    """The module in `file`, run once however often it is named."""
    whole = file.resolve()
    called = f"kindling_of_a_person_{whole.stem}_{abs(hash(whole)):x}"
    if called in sys.modules:
        return sys.modules[called]
    spec = importlib.util.spec_from_file_location(called, whole)
    if spec is None or spec.loader is None:
        raise KindlingError(f"{file}: is no module of Python")
    module = sys.modules[called] = importlib.util.module_from_spec(spec)
    beside = str(whole.parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[called]
        raise
    return module
