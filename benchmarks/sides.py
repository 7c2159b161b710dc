"""What benchmarks/bench.py measures: every way to run the nets that is here, as one function a net.

A side is opened once and then called with NHWC arrays; what is not installed, or refused on this machine, is left out
with the reason.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import convert
from kindling.core.errors import KindlingError
from kindling.families.kind.nets import NETS
from kindling.families.table import Net
from kindling.runtimes import RUNTIMES, export, open_model
from tests.support.weights import STEPS

Run = Callable[..., Any]
# Name -> (runtime, precision); an exported form is written first. "plain" is PyTorch without inference mode.
SIDES = {
    "authors' graph": ("authors", "float32"),
    "kind_tf": ("tf", "float32"),
    "kind_torch": ("torch", "float32"),
    "kind_torch, no_grad": ("plain", "float32"),
    "kind_torch, bfloat16": ("torch", "bfloat16"),
    "ONNX Runtime": ("onnx", "float32"),
    "OpenVINO": ("openvino", "float32"),
    "OpenVINO, bfloat16": ("openvino", "bfloat16"),
    "SavedModel": ("savedmodel", "float32"),
    "TFLite": ("tflite", "float32"),
    "torch.export": ("torch-export", "float32"),
}
FAST = (
    "authors' graph", "kind_tf", "kind_torch", "kind_torch, bfloat16", "ONNX Runtime", "OpenVINO", "OpenVINO, bfloat16",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """One side: what runs each net, by verb."""

    nets: Mapping[str, Run]
    precision: str


@contextlib.contextmanager
def opened(names: list[str], weights: Path) -> Iterator[tuple[dict[str, Opened], dict[str, str]]]:
    """The sides called `names`, and why each of the others is not here. weights: a folder in the original's layout."""
    sides, absent = {}, {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in names:
            runtime, precision = SIDES[name]
            try:
                if runtime == "authors":
                    sides[name] = Opened(_authors(stack, weights), precision)
                else:
                    sides[name] = Opened(_ours(runtime, precision, weights, folder), precision)
            except (KindlingError, ImportError) as error:
                absent[name] = str(error)
        yield sides, absent


def _authors(stack: contextlib.ExitStack, weights: Path) -> dict[str, Run]:
    reference = os.environ.get("KIND_REFERENCE_DIR")
    if not reference:
        raise KindlingError("KIND_REFERENCE_DIR names no folder with the authors' files; see CONTRIBUTING.md")
    from tests.support import authors

    return {
        STEPS[net]: stack.enter_context(authors.graph(Path(reference), net, weights / NETS[net].folder / "model.ckpt"))
        for net in NETS
    }


def _ours(runtime: str, precision: Any, weights: Path, folder: Path) -> dict[str, Run]:
    if runtime == "plain":
        return _plain(weights)
    source = weights
    if not RUNTIMES[runtime].open:
        source = folder / runtime
        export(weights, source, runtime)
    model = open_model(source, runtime, device="cpu", precision=precision)
    return {verb: _bound(model, verb) for verb in STEPS.values()}


def _bound(model: Any, verb: str) -> Run:
    return lambda *inputs: model.run(verb, *inputs)


def _plain(weights: Path) -> dict[str, Run]:
    """As a program runs KinD that knows nothing of inference mode."""
    import torch

    import kind_torch

    kind = kind_torch.load(weights)

    def bound(verb: str) -> Run:
        def run(*inputs: np.ndarray) -> Any:
            with torch.no_grad():
                return getattr(kind, verb)(*(torch.from_numpy(x).permute(0, 3, 1, 2) for x in inputs))

        return run

    return {verb: bound(verb) for verb in STEPS.values()}


def work(net: Net, height: int, width: int) -> tuple[float, float]:
    """(floating-point operations, bytes) of one net at one size: a multiplication and an addition are two.

    The bytes are those that every layer reads and writes if nothing stays in a cache: features and kernels, float32.
    """
    levels = dict.fromkeys(net.inputs, 0)
    operations = traffic = 0.0
    channels = dict(net.inputs)
    for layer in net.layers:
        below = levels[layer.of[0]]
        level = below - 1 if layer.kind == "up" else below + layer.pooled
        levels[layer.name] = level
        pixels = (height / 2**level) * (width / 2**level)
        kernel = layer.size**2 * layer.inputs * layer.outputs
        operations += 2 * pixels * (layer.inputs * layer.outputs if layer.kind == "up" else kernel)
        read = pixels / 4 * layer.inputs if layer.kind == "up" else pixels * layer.inputs
        traffic += 4 * (read + pixels * layer.outputs + kernel)
        channels[layer.name] = layer.outputs
    return operations, traffic


def machine(weights: Path) -> dict[str, Any]:
    """What the figures are of: processor, threads, versions, and what its own products and copies reach."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def version_of(package: str) -> str:
        for name in (package, f"{package}-cpu"):  # TensorFlow's build for CPUs is a package of its own
            with contextlib.suppress(PackageNotFoundError):
                return version(name)
        return "not installed"

    packages = ("torch", "tensorflow", "onnxruntime", "openvino", "numpy")
    return {
        "processor": _processor(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "versions": {"python": platform.python_version(), **{name: version_of(name) for name in packages}},
        "weights": convert.fingerprint(convert.read(weights)),
        "gemm": gemm(),
        "copy": copy(),
    }


def _processor() -> str:
    import platform

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {key.strip(): value.strip() for key, value in named.items()}
    wanted = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in fields.get("flags", "").split()
    ]
    return f"{fields.get('model name', platform.processor())} ({', '.join(wanted) or 'no flags known'})"


def gemm(side: int = 2048, rounds: int = 7) -> dict[str, float]:
    """GFLOP/s of the machine's own product of two square matrices: the best of numpy's and PyTorch's, by precision."""
    import torch

    a, b = np.random.default_rng(0).random((2, side, side), np.float32)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    calls: dict[str, list[Run]] = {"float32": [lambda: a @ b, lambda: x @ y]}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        p, q = x.bfloat16(), y.bfloat16()
        calls["bfloat16"] = [lambda: p @ q]
    return {name: 2 * side**3 / min(seconds(call, rounds) for call in made) / 1e9 for name, made in calls.items()}


def copy(megabytes: int = 256, rounds: int = 7) -> float:
    """GB/s that a copy of a large array moves, read and written."""
    import torch

    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * source.numel() * 4 / seconds(lambda: target.copy_(source), rounds) / 1e9


def seconds(call: Run, rounds: int) -> float:
    """The quickest of some calls: of a product, which nothing but the machine decides."""
    import time

    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
