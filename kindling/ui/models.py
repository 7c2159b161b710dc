"""Which weights, families, runtimes and devices can be chosen, and the models that are loaded."""

import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.model import Model
from kindling.core.optional import EXTRAS
from kindling.core.packages import own
from kindling.families.registry import RUNNABLE
from kindling.runtimes import RUNTIMES, default_weights, open_model

__all__ = ["DEFAULT", "Models", "devices", "families", "runtimes"]

DEFAULT = "default weights"
LOADED = 2  # models kept in memory: 33 MB of weights each


class Models:
    """The weights that were named when the server was started, and the models that were opened last."""

    def __init__(self, named: Iterable[Path] = ()):
        self.weights: dict[str, Path] = {DEFAULT: default_weights()}
        for path in named:
            if not path.exists() and not path.with_name(f"{path.name}.index").exists():
                raise KindlingError(f"{path}: there is no such file or folder of weights")
            self.weights[str(path)] = path
        fetched = _fetched()
        if fetched:
            self.weights["the authors' own weights"] = fetched
        self._models: OrderedDict[tuple[str, ...], Model] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, weights: Path, family: str, runtime: str, device: str) -> Model:
        """A model, opened once for everybody who asks for the same. Raises KindlingError as `open_model`."""
        key = os.fspath(weights), family, runtime, device
        with self._lock:
            model = self._models.pop(key, None) or open_model(weights, runtime, device=device, family=family)
            self._models[key] = model
            while len(self._models) > LOADED:
                self._models.popitem(last=False)
        return model


def runtimes() -> list[str]:
    """Those that are installed and open weights of any form. Raises KindlingError where none is."""
    there = [
        name
        for name, row in RUNTIMES.items()
        if row.open and all(importlib.util.find_spec(module) for module in EXTRAS[row.framework][0])
    ]
    if not there:
        raise KindlingError("no framework is installed that could run the nets: pip install 'kindling-llie[torch,ui]'")
    return there


def families() -> list[tuple[str, str]]:
    """(what is shown, id) of those that run here; first, that the weights themselves say it."""
    return [("as the weights say", ""), *((family.title, family.id) for family in RUNNABLE)]


def devices() -> list[str]:
    """What may be asked for; what a runtime does not have it says when it is opened."""
    return ["auto", "cpu", "cuda", "mps"]


def _fetched() -> Path | None:
    """The authors' weights, where `kindling fetch` has put them."""
    try:
        folder = Path(own("convert.originals.fetching").default_folder())
    except (OSError, RuntimeError):  # there is no home to keep anything in
        return None
    whole = folder.is_dir() and any(folder.rglob("*.index"))
    return folder if whole else None
