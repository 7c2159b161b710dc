"""The other families that can run, a file each, in TensorFlow: their nets, the class that has them, and the door to it.

from kind_tf import families
net = families.load("checkpoint", family="kind_plus")     # KinDPlus, RetinexNet, or KinD itself
"""

import os
from typing import Any, Literal

from kind_tf.arrays import choose_device
from kind_tf.runtime import class_of
from kindling.core.packages import own
from kindling.families.registry import family_called

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    dtype: Literal["float32", "float64"] = "float32",
    device: str = "auto",
    *,
    family: str = "",
) -> Any:
    """The nets of whatever family the file is of, with its weights; as `kind_tf.load` for KinD.

    family: the id of the one that is meant, where names alone do not tell. Raises KindlingError as that does.
    """
    place = choose_device(device)
    variables, said = own("convert").read_all(path, family=family)
    of = family_called(said["family"])
    nets = class_of(of)(of.nets_in(variables), dtype, source=str(path), device=place)
    nets.assign(variables)
    return nets
