"""kindling.json: what an export says of itself, so that it can be run, and known again, without its weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError

__all__ = ["FILE", "Description", "Graph", "is_export", "read_description"]

FILE = "kindling.json"
LAYOUT = "NHWC"


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One net of an export."""

    file: str
    """Its graph, a file or, of a SavedModel, a folder, inside the export."""
    verb: str
    inputs: Mapping[str, int]
    """Name -> channels, in the order in which they are given: (n, h, w, channels) float32 in [0, 1]."""
    outputs: Mapping[str, int]
    largest_difference: float
    """From kind_torch in float32, over all `sizes`: what was measured when this was written."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """All of kindling.json."""

    form: str
    """A key of kindling/exported/formats.py."""
    family: str
    weights: str
    """The fingerprint of the weights, which `kindling inspect` prints too."""
    nets: Mapping[str, Graph]
    """By scope."""
    opset: int | None = None
    """Of ONNX graphs."""
    smallest: int = 1
    """The least height and width that the graphs take."""
    bytes_per_pixel: int
    """What the nets take for each pixel of a tile, as kind_torch or kind_tf takes it."""
    tolerance: float
    """No output of any net was farther from `compared_with` than this, on any of `sizes`."""
    compared_with: str
    sizes: tuple[str, ...]
    """NxHxW or HxW."""
    versions: Mapping[str, str]
    said: Mapping[str, str] = field(default_factory=dict)
    """What the file of the weights says beside them, such as how a ratio is guessed."""
    precision: str = "float32"
    layout: str = LAYOUT
    kindling: str

    def text(self) -> str:
        """As kindling.json holds it."""
        return json.dumps(asdict(self), indent=1) + "\n"


def is_export(path: Path) -> bool:
    """Whether `path` is a folder that `kindling export` wrote."""
    return (path / FILE).is_file()


def read_description(folder: Path) -> Description:
    """What the kindling.json in `folder` says; a KindlingError if it is damaged, or a graph that it names is gone."""
    path = folder / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        nets = {scope: Graph(**graph) for scope, graph in record.pop("nets").items()}
        description = Description(nets=nets, sizes=tuple(record.pop("sizes")), **record)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise KindlingError(f"{path}: is no kindling.json that this version reads ({_said(error)})") from error
    strangers = [graph.file for graph in nets.values() if Path(graph.file).name != graph.file]
    if strangers:
        raise KindlingError(f"{path}: names {strangers[0]}, which lies outside the export")
    gone = [graph.file for graph in nets.values() if not (folder / graph.file).exists()]
    if gone:
        raise KindlingError.of(str(folder), [f"{name} is missing" for name in gone], "export the weights again")
    return description


def _said(error: Exception) -> Any:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
