"""Where the command line joins core and frameworks: default weights, and a loaded KinD of either backend."""

import os
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.enhancing.render import Backend


def default_weights() -> Path:
    """$KINDLING_WEIGHTS, else checkpoints/ here, else the checkpoints/ of the source checkout this runs from."""
    named = os.environ.get("KINDLING_WEIGHTS")
    beside = Path(__file__).parents[1] / "checkpoints"
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

        return Backend(name, kind_tf.load(weights), kind_tf.arrays.run, 820)
    import_framework("torch", "--backend torch")
    import kind_torch
    import kind_torch.arrays

    return Backend(name, kind_torch.load(weights), kind_torch.arrays.run, 1500)
