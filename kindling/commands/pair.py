"""`kindling parity --port ... --reference ...`: what the options mean, as the arguments of kindling.parity.compare."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.factories import build, load
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.parity import compare
from kindling.parity.check import Report

SHAPE = re.compile(r"[1-9]\d*(x[1-9]\d*)*")


def compared(
    port: str | None, reference: str | None, weights: Path | None, files: Sequence[Path], shapes: Sequence[str],
    layout: str, seed: int, tolerance: float | None,
) -> Report:  # fmt: skip
    """The report on a port of a person's own. Raises KindlingError for whatever was named wrong."""
    if port is None or reference is None:
        raise KindlingError("--port and --reference go together: the net of your own, and what it is a port of")
    inputs = {**{file.name: _arrays(file) for file in files}, **{f"random {s}": _random(s, seed) for s in shapes}}
    if not inputs:
        raise KindlingError("what shall the two be run on? --shape 1x37x51x3 for random numbers, or --input FILE.npy")
    original = reference if Path(reference).exists() else load(reference, "--reference")
    net = build(port, "--port")
    if weights:
        _fill(net, weights, port)
    return compare(original, net, inputs, layout="same" if layout == "same" else "channels last", tolerance=tolerance)


def _random(shape: str, seed: int) -> tuple[np.ndarray, ...]:
    """Uniform in [0, 1); several inputs are parted by commas."""
    arrays = []
    for one in shape.split(","):
        if not SHAPE.fullmatch(one):
            raise KindlingError(
                f"--shape {shape}: expected sizes such as 1x37x51x3, and a comma between several inputs"
            )
        sizes = tuple(map(int, one.split("x")))
        arrays.append(np.random.default_rng([seed, *sizes]).random(sizes, np.float32))
    return tuple(arrays)


def _arrays(file: Path) -> tuple[np.ndarray, ...]:
    """The array in a .npy, or those in a .npz in their order; never a pickle."""
    try:
        arrays = np.load(file, allow_pickle=False)
        return (arrays,) if isinstance(arrays, np.ndarray) else tuple(arrays[name] for name in arrays.files)
    except FileNotFoundError as error:
        raise KindlingError(f"{file}: no such file") from error
    except (ValueError, OSError, EOFError) as error:
        raise KindlingError(f"{file}: is no .npy or .npz of numbers") from error


def _fill(net: Any, weights: Path, port: str) -> None:
    """Weights in a file of PyTorch's, into the port; all of its own, and nothing else."""
    torch = import_framework("torch", "kindling parity")
    contents = own("convert.generic.files").read(weights)
    try:
        net.load_state_dict({key: torch.from_numpy(array) for key, array in contents.variables.items()})
    except (RuntimeError, TypeError, AttributeError) as error:
        said = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise KindlingError(f"{weights}: is not the state of {port}: {said}") from error
