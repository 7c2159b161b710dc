"""The other families that can run, a file each, in PyTorch: their nets, the class that has them, and the door to it.

from kind_torch import families
net = families.load("checkpoint", family="kind_plus")     # KinDPlus, RetinexNet, or KinD itself
"""

import os
from typing import Any

import torch

from kind_torch.arrays import choose_device
from kind_torch.runtime import class_of
from kindling.core.packages import own
from kindling.families.registry import family_called

__all__ = ["load"]


def load(
    path: str | os.PathLike[str], dtype: str = "float32", device: str | torch.device = "cpu", *, family: str = ""
) -> Any:
    """The nets of whatever family the file is of, with its weights, in eval mode; as `kind_torch.load` for KinD.

    family: the id of the one that is meant, where names alone do not tell. Raises KindlingError as that does.
    """
    place = choose_device(device)
    variables, said = own("convert").read_all(path, family=family)
    of = family_called(said["family"])
    with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away, so drawing them must cost no seed
        nets = class_of(of)(of.nets_in(variables), dtype, source=str(path))
    nets.assign(variables)
    return nets.to(place).eval()
