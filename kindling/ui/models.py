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
from kindling.families.registry import FAMILIES
from kindling.runtimes import RUNTIMES, default_weights, find_runtime, open_model

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
        self._models: OrderedDict[tuple[str, str, str], Model] = OrderedDict()
        self._titles: dict[Path, str] = {}
        self._lock = threading.Lock()

    def of_family(self, title: str) -> list[str]:
        """The names of the weights that are of a family."""
        known = families()
        return [name for name, path in self.weights.items() if len(known) == 1 or self._title(path) == title]

    def open(self, weights: Path, runtime: str, device: str) -> Model:
        """A model, opened once for everybody who asks for the same. Raises KindlingError as `open_model`."""
        key = os.fspath(weights), runtime, device
        with self._lock:
            model = self._models.pop(key, None) or open_model(weights, runtime, device=device)
            self._models[key] = model
            while len(self._models) > LOADED:
                self._models.popitem(last=False)
        return model

    def _title(self, path: Path) -> str:
        """The family of the weights in a file, which is read once."""
        with self._lock:
            if path not in self._titles:
                said = own("convert").inspect(path).family
                titles = (family.title for family in FAMILIES if said in (family.id, family.title))
                self._titles[path] = next(titles, said)
            return self._titles[path]


def runtimes() -> list[str]:
    """Those that are installed. Raises KindlingError where none is."""
    there = [
        name
        for name, row in RUNTIMES.items()
        if all(importlib.util.find_spec(module) for module in EXTRAS[row.framework][0])
    ]
    if not there:
        find_runtime("torch")
        raise KindlingError("no framework is installed that could run the nets: pip install 'kindling-llie[torch,ui]'")
    return there


def families() -> list[str]:
    """Those that run here, by their titles."""
    return list(dict.fromkeys(family.title for family in FAMILIES if family.nets))


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
