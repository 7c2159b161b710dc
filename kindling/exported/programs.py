"""What the frameworks themselves write for elsewhere, and run again: SavedModel, TensorFlow Lite, torch.export.

The writing and loading is in kind_tf/export.py and kind_torch/export.py; here it meets the rest of the house. Such an
export runs on the CPU, in float32.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.exported.description import Description
from kindling.exported.model import Exported, family_named, opening
from kindling.families.table import Net

__all__ = ["open_export", "write_savedmodel", "write_tflite", "write_torch_export"]

PACKAGES = {"savedmodel": "kind_tf", "tflite": "kind_tf", "torch-export": "kind_torch"}
NAMES = {"kind_tf": "TensorFlow", "kind_torch": "PyTorch"}


def open_export(folder: Path, description: Description, *, device: str, precision: str) -> Exported:
    """A model of the programs in `folder`. device: auto or cpu; precision: float32; else a KindlingError."""
    form = description.form
    if device not in ("auto", "cpu"):
        raise KindlingError(f"--runtime {form} runs on the CPU, not on {device}; --runtime onnx and openvino may")
    if precision != "float32":
        raise KindlingError(f"--runtime {form} computes in float32, not in {precision}")
    load = _export(form).load
    family = family_named(folder, description)
    nets = {net.scope: net for net in family.nets}
    calls = {}
    for scope, graph in description.nets.items():
        with opening(folder / graph.file, NAMES[PACKAGES[form]]):
            calls[scope] = load(folder / graph.file, nets[scope], form)
    return Exported(
        family=family,
        runtime=form,
        device="cpu",
        precision=precision,
        calls=calls,
        bytes_of_pixel=description.bytes_per_pixel,
        source=str(folder),
        smallest=description.smallest,
        said=description.said,
    )


def write_savedmodel(variables: Mapping[str, Array], net: Net, path: Path) -> None:
    """Write one net as a SavedModel, the folder `path`."""
    _write(variables, net, "savedmodel", path)


def write_tflite(variables: Mapping[str, Array], net: Net, path: Path) -> None:
    """Write one net as a file of TensorFlow Lite."""
    _write(variables, net, "tflite", path)


def write_torch_export(variables: Mapping[str, Array], net: Net, path: Path) -> None:
    """Write one net as a program of torch.export."""
    _write(variables, net, "torch-export", path)


def _write(variables: Mapping[str, Array], net: Net, form: str, path: Path) -> None:
    own = {name: array for name, array in variables.items() if name.split("/")[0] == net.scope}
    model = import_module(f"{PACKAGES[form]}.runtime").open_model(own, device="cpu")
    _export(form).write(model.kind, net, form, path)


def _export(form: str) -> Any:
    return import_module(f"{PACKAGES[form]}.export")
