"""The packages of this distribution that stand beside `kindling`, whoever else has taken their names.

`convert` is a word that people name their own scripts with, and Python looks beside the running script first. So
nothing inside the distribution says `import convert`: it asks here, and gets the package that was installed with
this file, under its own name where that is free and under a private one where it is not.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BESIDE = Path(__file__).parents[2]  # the folder that holds kindling/, convert/, kind_tf/ and kind_torch/


def own(name: str) -> ModuleType:
    """The module `name` of this distribution, such as "convert" or "convert.forms.registry"."""
    package, _, inside = name.partition(".")
    loaded = _package(package)
    return importlib.import_module(f"{loaded.__name__}.{inside}") if inside else loaded


def _package(name: str) -> ModuleType:
    body = BESIDE / name / "__init__.py"
    private = f"kindling._{name}"
    for module in map(sys.modules.get, (name, private)):
        if module is not None and _is(getattr(module, "__file__", None), body):
            return module
    if name not in sys.modules:
        found = importlib.util.find_spec(name)
        if found and _is(found.origin, body):
            return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(private, body, submodule_search_locations=[str(body.parent)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{body} is not a module of Python")
    module = sys.modules[private] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[private]
        raise
    return module


def _is(file: str | None, body: Path) -> bool:
    return file is not None and Path(file).resolve() == body.resolve()
