"""KinD in PyTorch: the exact mirror of kind_tf.

import kind_torch
kind = kind_torch.load("checkpoints")          # or .pth, .safetensors, .npz, .h5, model.ckpt
out = kind(x, ratio=5.0)                       # x: (n, 3, h, w) in [0, 1]; kind.enhance is the same
"""

import os
from typing import Literal

import torch

from kind_torch.arrays import choose_device
from kind_torch.kind import KinD
from kindling.core.errors import KindlingError
from kindling.core.packages import own
from kindling.families.registry import KIND, family_of

__all__ = ["KinD", "load"]


def load(
    path: str | os.PathLike[str],
    dtype: Literal["float32", "float64"] = "float32",
    device: str | torch.device = "cpu",
) -> KinD:
    """KinD with the weights of any file or folder that `kindling convert` reads, whole or partial, in eval mode.

    path: a folder in the original's layout, a TF checkpoint, .h5, .npz, .safetensors or .pth. dtype: "float32", or
    "float64" for the yardstick of parity. device: "cpu", where tensors are unless they are moved, "cuda", "cuda:1",
    "mps", or "auto" for a GPU where PyTorch sees one. A file that is not a sound KinD checkpoint, or a device that is
    not there, is a KindlingError.
    """
    place = choose_device(device)  # first, because reading a file takes longer than refusing a word
    convert = own("convert")  # here, because only loading reads files

    variables, said = convert.read_all(path)
    family = family_of(variables, said.get("family", ""))
    if family not in (KIND, None):
        raise KindlingError(f"{path}: this is a {family.title} checkpoint; kind_torch.families.load opens it")
    with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away, so drawing them must cost no seed
        kind = KinD(KIND.nets_in(variables), dtype, source=str(path))
    kind.assign(variables)
    # In the order of memory that its convs compute in, or each call would turn every kernel around.
    return kind.to(place, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
