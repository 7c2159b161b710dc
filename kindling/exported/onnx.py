"""ONNX Runtime: the nets as ONNX graphs, from weights in memory or from an export, on a CPU or another provider."""

import io
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.core.optional import import_framework
from kindling.exported.description import Description
from kindling.exported.model import Call, Exported, family_named, opening, reason
from kindling.families.family import Family
from kindling.families.table import Net

__all__ = ["Graphs", "graphs_of", "open_export", "open_model", "threads", "write"]

# A word for --device, and ONNX Runtime's provider; "auto" is the first of these that is there and is a GPU, or the CPU.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
AUTO = ("cuda", "migraphx", "directml", "cpu")


class Graphs(NamedTuple):
    """The nets of some weights as ONNX files."""

    family: Family
    files: Mapping[str, bytes]
    """By scope."""
    bytes_of_pixel: int
    """What kind_torch takes for each pixel of a tile."""


def open_model(
    variables: Mapping[str, Array],
    *,
    device: str = "auto",
    precision: str = "float32",
    source: str = "these weights",
    said: Mapping[str, str] | None = None,
) -> Exported:
    """A model of slim variables, whose graphs are made in memory. device: auto, cpu, cuda, cuda:1, or a word of
    PROVIDERS. precision: float32.

    Raises KindlingError if there is no such device, it does not start, or another precision is asked for.
    """
    _provider(device)  # a wrong word is said before anything is made
    _refuse(precision)
    made = graphs_of(variables, source, said)
    return _opened(made, device, source, said, dict.fromkeys(made.files, source))


def open_export(folder: Path, description: Description, *, device: str, precision: str) -> Exported:
    """A model of the graphs in `folder`, an export as "onnx"."""
    _refuse(precision)
    family = family_named(folder, description)
    paths = {scope: folder / graph.file for scope, graph in description.nets.items()}
    made = Graphs(family, {scope: path.read_bytes() for scope, path in paths.items()}, description.bytes_per_pixel)
    return _opened(made, device, str(folder), description.said, paths)


def graphs_of(
    variables: Mapping[str, Array], source: str = "these weights", said: Mapping[str, str] | None = None
) -> Graphs:
    """An ONNX file of each net in `variables`. Needs PyTorch, whose nets are followed."""
    for name in ("torch", "onnx"):
        import_framework(name, "turning weights into ONNX graphs, at each start or once by `kindling export`,")
    export, runtime = (import_module(f"kind_torch.{name}") for name in ("export", "runtime"))
    model = runtime.open_model(variables, device="cpu", source=source, said=said)
    graphs = {}
    for net in (net for net in model.family.nets if net.scope in model.nets):
        export.write(model.kind, net, "onnx", file := io.BytesIO())
        graphs[net.scope] = file.getvalue()
    return Graphs(model.family, graphs, model.bytes_per_pixel())


def write(variables: Mapping[str, Array], net: Net, path: Path) -> None:
    """Write one net as an ONNX file."""
    own = {name: array for name, array in variables.items() if name.split("/")[0] == net.scope}
    path.write_bytes(graphs_of(own).files[net.scope])


def threads() -> int:
    """How many threads a runtime is given: what OMP_NUM_THREADS says, as of the frameworks, or 0, its own choice."""
    number = os.environ.get("OMP_NUM_THREADS", "")
    return int(number) if number.isdecimal() else 0


def _refuse(precision: str) -> None:
    if precision != "float32":
        raise KindlingError(
            f"--runtime onnx computes in float32, not in {precision}; --runtime openvino and torch do, where it pays"
        )


def _opened(
    made: Graphs,
    device: str,
    source: str,
    said: Mapping[str, str] | None,
    paths: Mapping[str, Path | str],
) -> Exported:
    """paths: where each graph comes from, by scope."""
    provider = _provider(device)
    try:
        calls = _calls(made, provider, paths)
    except KindlingError as error:
        if provider[0] == PROVIDERS["cpu"]:
            raise
        provider = _provider("cpu")
        calls = _calls(made, provider, paths)  # fails alike if the fault is a graph's
        if device != "auto":
            why = reason(error.__cause__ or error)
            raise KindlingError(f"ONNX Runtime sees no {device} here that works: {why}") from error
    return Exported(
        family=made.family,
        runtime="onnx",
        device=_word(provider),
        precision="float32",
        calls=calls,
        bytes_of_pixel=made.bytes_of_pixel,
        source=source,
        said=dict(said or {}),
    )


def _calls(made: Graphs, provider: tuple[str, dict[str, Any]], paths: Mapping[str, Path | str]) -> dict[str, Call]:
    calls = {}
    for scope, graph in made.files.items():
        with opening(paths[scope], "ONNX Runtime"):
            calls[scope] = _call(graph, provider)
    return calls


def _call(graph: bytes, provider: tuple[str, dict[str, Any]]) -> Call:
    ort: Any = import_framework("onnxruntime", "--runtime onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3  # errors; warnings are about providers' inner matters
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are others' between two nets
    options.enable_cpu_mem_arena = False  # tiles at the edges have other sizes, and what is kept for each would add up
    others = [PROVIDERS["cpu"]] if provider[0] != PROVIDERS["cpu"] else []  # what a provider cannot do, the CPU does
    # ONNX Runtime's own fallback would take the CPU after an error, and print so to stdout.
    session = ort.InferenceSession(graph, options, providers=[provider, *others], enable_fallback=0)
    if provider[0] not in session.get_providers():  # built in, but a library that it needs is not there
        raise RuntimeError(f"its {provider[0]} is built in, and does not start")
    names = [given.name for given in session.get_inputs()]

    def run(*arrays: Array) -> tuple[Array, ...]:
        try:
            return tuple(session.run(None, dict(zip(names, arrays, strict=True))))
        except Exception as error:  # ONNX Runtime's errors have no class in common but this
            raise RuntimeError(str(error)) from error

    return run


def _provider(device: str) -> tuple[str, dict[str, Any]]:
    """ONNX Runtime's name of what a word means, and its options."""
    present = import_framework("onnxruntime", "--runtime onnx").get_available_providers()
    if device == "auto":
        device = next(word for word in AUTO if PROVIDERS[word] in present)
    word, _, index = device.partition(":")
    if word not in PROVIDERS or (index and not index.isdecimal()):
        known = "auto, cpu, cuda, cuda:1 and so on, " + ", ".join(w for w in PROVIDERS if w not in ("cpu", "cuda"))
        raise KindlingError(f"there is no device {device!r}; there are {known}")
    if PROVIDERS[word] not in present:
        words = [w for w, name in PROVIDERS.items() if name in present]
        raise KindlingError(f"ONNX Runtime sees no {device} here: this build of it has {', '.join(words)}")
    options: dict[str, Any] = {"device_id": int(index or 0)} if word in ("cuda", "migraphx", "directml") else {}
    if word == "cuda":
        options["use_tf32"] = 0  # TF32 keeps 10 bits, and the difference from the CPU would be 1e-3
    return PROVIDERS[word], options


def _word(provider: tuple[str, dict[str, Any]]) -> str:
    """What `Model.device` calls it."""
    word = next(word for word, name in PROVIDERS.items() if name == provider[0])
    return f"{word}:{provider[1]['device_id']}" if "device_id" in provider[1] else word
