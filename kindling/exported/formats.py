"""What an export can be: a row for each form, with who writes a net's graph and who reads it again."""

from collections.abc import Mapping
from dataclasses import dataclass

from kindling.core.errors import KindlingError

__all__ = ["FORMATS", "Format", "find_format"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form of export."""

    name: str
    title: str
    suffix: str
    """Of a net's graph, whose name is the net's scope; a SavedModel is a folder and has none."""
    written_with: tuple[str, ...]
    """What must be installed to write it, keys of kindling/core/optional.py."""
    write: str
    """`module:function` that writes one net: (variables, net, path), a file or folder."""
    runtime: str
    """The row of kindling/runtimes.py by which it is proven."""
    opset: int | None = None
    smallest: int = 1
    """The least height and width that it takes."""


FORMATS: Mapping[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="onnx",
            title="ONNX",
            suffix=".onnx",
            written_with=("torch", "onnx"),
            write="kindling.exported.onnx:write",
            runtime="onnx",
            opset=18,
        ),
        Format(
            name="openvino",
            title="OpenVINO's IR",
            suffix=".xml",
            written_with=("torch", "onnx", "openvino"),
            write="kindling.exported.openvino:write",
            runtime="openvino",
            opset=18,
        ),
        Format(
            name="savedmodel",
            title="TensorFlow's SavedModel",
            suffix="",
            written_with=("tensorflow",),
            write="kindling.exported.programs:write_savedmodel",
            runtime="savedmodel",
        ),
        Format(
            name="torch-export",
            title="a program of torch.export",
            suffix=".pt2",
            written_with=("torch",),
            write="kindling.exported.programs:write_torch_export",
            runtime="torch-export",
            smallest=2,
        ),
        Format(
            name="tflite",
            title="TensorFlow Lite (LiteRT)",
            suffix=".tflite",
            written_with=("tensorflow",),
            write="kindling.exported.programs:write_tflite",
            runtime="tflite",
        ),
    )
}


def find_format(name: str) -> Format:
    """The row called `name`; a KindlingError that lists the known ones if there is none."""
    if name not in FORMATS:
        raise KindlingError(f"there is no form of export {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]
