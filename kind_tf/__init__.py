"""KinD in TensorFlow 2: the original model.py, faithful, and an eager door to it.

import kind_tf
kind = kind_tf.load("checkpoints")             # or .pth, .safetensors, .npz, .h5, model.ckpt
out = kind.enhance(x, ratio=5.0)               # x: (n, h, w, 3) in [0, 1]
"""

import os
from typing import Literal

from kind_tf.arrays import choose_device
from kind_tf.kind import KinD
from kindling.core.errors import KindlingError
from kindling.core.packages import own
from kindling.families.registry import KIND, family_of

__all__ = ["KinD", "load"]


def load(
    path: str | os.PathLike[str],
    dtype: Literal["float32", "float64"] = "float32",
    device: str = "auto",
) -> KinD:
    """KinD with the weights of any file or folder that `kindling convert` reads, whole or partial.

    path: a folder in the original's layout, a TF checkpoint, .h5, .npz, .safetensors or .pth. dtype: "float32" as
    the original, or "float64" for the yardstick of parity. device: "auto", where TensorFlow chooses, "cpu", "gpu",
    "gpu:1", or another name of TensorFlow's own. A file that is not a sound KinD checkpoint, or a device that is not
    there, is a KindlingError.
    """
    place = choose_device(device)  # first, because reading a file takes longer than refusing a word
    convert = own("convert")  # here, because only loading reads files

    variables, said = convert.read_all(path)
    family = family_of(variables, said.get("family", ""))
    if family not in (KIND, None):
        raise KindlingError(f"{path}: this is a {family.title} checkpoint; kind_tf.families.load opens it")
    kind = KinD(KIND.nets_in(variables), dtype, source=str(path), device=place)
    kind.assign(variables)
    return kind
