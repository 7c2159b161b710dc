"""OpenVINO: the nets read as ONNX graphs or as its own IR, on a CPU, an Intel GPU or an NPU."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.core.optional import import_framework
from kindling.exported import onnx
from kindling.exported.description import Description
from kindling.exported.model import Call, Exported, family_named, opening
from kindling.families.table import Net

__all__ = ["open_export", "open_model", "write"]

PRECISIONS = {"float32": ("f32", "FP32"), "bfloat16": ("bf16", "BF16"), "float16": ("f16", "FP16")}  # hint, capability


def open_model(
    variables: Mapping[str, Array],
    *,
    device: str = "auto",
    precision: str = "float32",
    source: str = "these weights",
    said: Mapping[str, str] | None = None,
) -> Exported:
    """A model of slim variables, whose graphs are made in memory. device: auto, cpu, gpu, gpu:1, npu. precision:
    float32; bfloat16 on CPUs that compute in it, float16 on GPUs and NPUs.

    Raises KindlingError if there is no such device, or the precision is none that it computes in.
    """
    place = _place(device)
    config = _config(place, precision)
    made = onnx.graphs_of(variables, source, said)
    models = {scope: _core().read_model(graph) for scope, graph in made.files.items()}
    return Exported(
        family=made.family,
        runtime="openvino",
        device=_word(place),
        precision=precision,
        calls={scope: _call(model, place, config) for scope, model in models.items()},
        bytes_of_pixel=made.bytes_of_pixel,
        source=source,
        said=dict(said or {}),
    )


def open_export(folder: Path, description: Description, *, device: str, precision: str) -> Exported:
    """A model of the graphs in `folder`, an export as "openvino" or "onnx"."""
    place = _place(device)
    config = _config(place, precision)
    family = family_named(folder, description)
    calls = {}
    for scope, graph in description.nets.items():
        with opening(folder / graph.file, "OpenVINO"):
            calls[scope] = _call(_core().read_model(folder / graph.file), place, config)
    return Exported(
        family=family,
        runtime="openvino",
        device=_word(place),
        precision=precision,
        calls=calls,
        bytes_of_pixel=description.bytes_per_pixel,
        source=str(folder),
        said=description.said,
    )


def write(variables: Mapping[str, Array], net: Net, path: Path) -> None:
    """Write one net as OpenVINO's IR: `path`, which ends in .xml, and its weights beside it in .bin, as float32."""
    own = {name: array for name, array in variables.items() if name.split("/")[0] == net.scope}
    openvino: Any = import_framework("openvino", "writing OpenVINO's IR")
    openvino.save_model(_core().read_model(onnx.graphs_of(own).files[net.scope]), path, compress_to_fp16=False)


def _core() -> Any:
    openvino: Any = import_framework("openvino", "--runtime openvino")
    return openvino.Core()


def _word(place: str) -> str:
    """What `Model.device` calls it."""
    return place.lower().replace(".", ":")


def _call(model: Any, place: str, config: Mapping[str, Any]) -> Call:
    core = _core()
    compiled: dict[Any, Any] = {}
    lock = threading.Lock()  # a compiled net has one request, which is busy while another thread runs it

    def run(*arrays: Array) -> tuple[Array, ...]:
        shapes = tuple(x.shape for x in arrays) if place == "NPU" else ()  # an NPU takes no sizes that are free
        with lock:
            if shapes not in compiled:
                of_size = model.clone()
                if shapes:
                    of_size.reshape(dict(zip(of_size.inputs, shapes, strict=True)))
                compiled.clear()  # what it was compiled to for other sizes
                compiled[shapes] = core.compile_model(of_size, place, config)
            results = compiled[shapes](arrays)  # copies, which the next run leaves alone
        return tuple(results[k] for k in range(len(model.outputs)))

    if place != "NPU":
        compiled[()] = core.compile_model(model, place, config)  # at once, so that the first photo does not wait
    return run


def _place(device: str) -> str:
    """OpenVINO's name of what a word means: "auto" is a GPU where it sees one, else "CPU"."""
    present = _core().available_devices
    if device == "auto":
        return next((name for name in present if name.startswith("GPU")), "CPU")
    word, _, index = device.upper().partition(":")
    if word not in ("CPU", "GPU", "NPU") or (index and not index.isdecimal()):
        raise KindlingError(f"there is no device {device!r}; there are auto, cpu, gpu, gpu:1 and so on, npu")
    name = f"{word}.{index}" if index else word
    if not any(name in (one, one.partition(".")[0]) for one in present):
        raise KindlingError(f"OpenVINO sees no {device} here: it sees {', '.join(present).lower()}")
    return name


def _config(place: str, precision: str) -> dict[str, Any]:
    """What a net is compiled with; refuses a precision that this device has no arithmetic of its own for."""
    if precision not in PRECISIONS:
        raise KindlingError(f"--runtime openvino computes in {', '.join(PRECISIONS)}, not in {precision}")
    hint, capability = PRECISIONS[precision]
    if capability not in _core().get_property(place, "OPTIMIZATION_CAPABILITIES"):
        needs = " (avx512_bf16 or AMX)" if precision == "bfloat16" else ""
        raise KindlingError(
            f"--precision {precision}: this {place} has no arithmetic for it{needs}, so that it would be slower than "
            "float32, not faster; leave it away"
        )
    config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    if place == "CPU" and onnx.threads():
        config["INFERENCE_NUM_THREADS"] = onnx.threads()
    return config
