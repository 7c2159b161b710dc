"""The two sides of `kindling.parity`: their weights, their models, the photos that both see, and what is said of them.

How sides are compared is the business of kindling/parity, which stands below the runtimes and opens none of them. Here
they are opened, for the one function of kindling/api that needs two.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.machine import machine
from kindling.core.model import Array
from kindling.core.names import to_slim, to_torch
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.exported.description import is_export
from kindling.families.registry import KIND, family_of
from kindling.parity.check import Case, Side
from kindling.photos.photo import read_photo
from kindling.runtimes import Precision, find_runtime, open_arrays, open_model
from kindling.version import __version__

__all__ = ["conditions", "parity_weights", "photo_case", "port_side", "side_of"]

NAMES = {"tf": "TF"}  # what a side is called in a report, where that is not its runtime's name
PACKAGES = (
    "numpy",
    "tensorflow",
    "tensorflow-cpu",
    "tf-slim",
    "torch",
    "onnxruntime",
    "openvino",
)  # that parity runs on
LARGEST = 512  # a side of a photo in parity; float64 through the restoration net takes 10 kB a pixel, so 2.6 GB


def parity_weights(
    weights: str | os.PathLike[str],
    port_weights: str | os.PathLike[str] | None,
    runtimes: Sequence[str],
    family: str = "",
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The weights of the reference and of the port, whose own went there and back by the naming rule."""
    for name in runtimes:
        import_framework(find_runtime(name).framework, "kindling parity")
    convert = own("convert")
    variables = convert.read(weights, family=family)
    if port_weights and is_export(Path(port_weights)):
        return variables, variables  # an export has graphs, and no variables of its own
    table = (family_of(variables, family) or KIND).variables
    # There and back by the rule that every converted file goes through, so that a fault in it is seen here.
    ported = convert.read(port_weights, family=family) if port_weights else to_slim(to_torch(variables), table)
    nets = convert.nets_in(variables)
    missing = [net for net in nets if net not in convert.nets_in(ported)]
    if missing:
        raise KindlingError(f"{port_weights}: {', '.join(missing)} is not in it, but in {weights}")
    return variables, {name: array for name, array in ported.items() if name.split("/")[0] in nets}


def side_of(name: str, variables: Mapping[str, Array], source: str, device: str, family: str) -> Side:
    """Both models of a runtime, or the one of a runtime that has no float64."""

    def opened(precision: Precision) -> Any:
        return open_arrays(variables, name, device=device, precision=precision, source=source, said={"family": family})

    double = opened("float64") if find_runtime(name).layered else None
    return Side(NAMES.get(name, name), opened("float32"), double)


def port_side(
    name: str,
    variables: Mapping[str, Array],
    weights: str | os.PathLike[str] | None,
    source: str,
    device: str,
    family: str,
) -> Side:
    """The port's: the graphs of an export, which have no float64, if `weights` is one; else as `side_of`."""
    if weights and is_export(Path(weights)):
        return Side(NAMES.get(name, name), open_model(weights, name, device=device), None)
    return side_of(name, variables, str(weights or source), device, family)


def photo_case(path: str | os.PathLike[str]) -> Case:
    """A photo to compare on; of a large one its bottom right corner, and the name says so."""
    x = read_photo(Path(path)).stretched()[np.newaxis]
    h, w = x.shape[1:3]
    name = Path(path).name
    if max(h, w) <= LARGEST:
        return Case(name=name, x=x)
    return Case(name=f"{name}, corner of {h}x{w}", x=x[:, -LARGEST:, -LARGEST:])


def conditions(sources: Sequence[str], weights: Sequence[dict[str, Array]], sides: Sequence[Side]) -> dict[str, object]:
    """What two reports are to be compared by, beside their inputs."""
    about: dict[str, object] = {"kindling": __version__, **machine(PACKAGES)}
    for source, variables, side in zip(sources, weights, sides, strict=True):
        about[f"{side.name} ran on"] = side.single.device
        about[f"weights of {side.name}"] = f"{source}, sha256 {own('convert').fingerprint(variables)}"
    return about
