"""Where the command line joins core and frameworks: default weights, and a loaded KinD of either backend."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from kindling.enhancing import Backend
from kindling.errors import KindlingError
from kindling.frameworks import import_framework


def default_weights() -> Path:
    """$KINDLING_WEIGHTS, else checkpoints/ here, else the checkpoints/ of the source checkout this runs from."""
    named = os.environ.get("KINDLING_WEIGHTS")
    beside = Path(__file__).parents[2] / "checkpoints"
    candidates = [Path(named)] if named else [Path("checkpoints"), beside]
    for path in candidates:
        if path.exists():
            return path
    raise KindlingError(f"there are no weights at {candidates[0]}; name a file or folder with --weights")


def open_backend(name: str, weights: Path) -> Backend:
    """KinD with `weights` on "torch" or "tf"."""
    if name == "tf":
        import_framework("tensorflow", "--backend tf")
        import kind_tf
        import kind_tf.arrays

        return Backend(name, kind_tf.load(weights), kind_tf.arrays.run)
    import_framework("torch", "--backend torch")
    import kind_torch
    import kind_torch.arrays

    if _only_tensorflow_reads(weights):
        return Backend(name, _load_apart(weights), kind_torch.arrays.run)
    return Backend(name, kind_torch.load(weights), kind_torch.arrays.run)


_CONVERT = """if True:
    import sys
    weights, target, *sys.path = sys.argv[1:]
    from kindling.cli import main
    sys.exit(main(["convert", weights, target]))
"""


def _only_tensorflow_reads(weights):
    from convert.formats import form_of

    return weights.exists() and form_of(weights) == "tf" and "tensorflow" not in sys.modules


def _load_apart(weights):
    """kind_torch.load of a TF checkpoint; TensorFlow is asked in a process of its own, or its 0.6 GB would stay."""
    import kind_torch

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "weights.npz"
        command = [sys.executable, "-c", _CONVERT, str(weights), str(target), *sys.path]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            said = ended.stderr.strip().splitlines() or [f"{weights}: could not be read"]
            raise KindlingError(said[-1].removeprefix("kindling: "))
        kind = kind_torch.load(target)
    kind.source = str(weights)
    return kind
