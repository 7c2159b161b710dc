"""The families of models, one row each: those that run here, and those that are known only to be refused by name.

A file's family is told by the names of its variables, as slim spells them (kindling/core/names.py turns PyTorch's):
by the table of which most of them are, and of a family without one by `signs`, read off the public code that is named
with each. KinD's and KinD++'s decompositions have the same names and shapes: there the file's own metadata decides, or
the person; a file that says nothing is KinD's.
"""

import re
from collections.abc import Iterable

from kindling.core.errors import KindlingError
from kindling.families.family import Family
from kindling.families.kind.row import KIND
from kindling.families.kind_plus.row import KIND_PLUS
from kindling.families.retinexnet import RETINEXNET

__all__ = [
    "FAMILIES", "KIND", "KIND_PLUS", "RETINEXNET", "RUNNABLE", "Family", "family_called", "family_of", "recognise",
    "tied",
]  # fmt: skip

OTHER_NETS = "its nets are others than KinD's"
PORT = "its layers are others than the authors', so that KinD's functions cannot run its weights"
RAW = "it is one U-Net on raw sensor data"
FAMILIES = (
    KIND,
    KIND_PLUS,
    RETINEXNET,
    Family(
        id="retinexnet-pytorch",
        title="RetinexNet in PyTorch",
        source="aasharma90/RetinexNet_PyTorch, model.py; several ports follow it",
        signs=(
            r"(.*/)?net1_(conv0|convs/\d+|recon)/weights$",
            r"(.*/)?net2_(conv\d_\d|deconv1_\d|fusion|output)/weights$",
        ),
        refused=OTHER_NETS,
    ),
    Family(
        id="sid",
        title="SID (Learning to See in the Dark)",
        source="cchen156/Learning-to-See-in-the-Dark, test_Sony.py",
        signs=(r"g_conv5_2/weights$",),
        refused=RAW,
    ),
    Family(
        id="sid-pytorch",
        title="SID (Learning to See in the Dark) in PyTorch",
        source="lavi135246/pytorch-Learning-to-See-in-the-Dark, model.py",
        signs=(r"(.*/)?upv\d/weights$",),
        refused=RAW,
    ),
    Family(
        id="fenghansen",
        title="KinD-pytorch, a port by fenghansen",
        source="fenghansen/KinD-pytorch, models.py and base_layers.py",
        signs=(r"(.*/)?(conv|deconv|upv)\w*/(de)?conv_relu/0/weights$",),
        refused=PORT,
    ),
    Family(
        id="langmanbusi",
        title="KinD_PyTorch, a port by langmanbusi",
        source="langmanbusi/KinD_PyTorch, model_KinD_color.py",
        signs=(r"(.*/)?(decom|relight|restore)_conv\d/\d/weights$",),
        refused=PORT,
    ),
)


RUNNABLE = tuple(family for family in FAMILIES if family.nets)


def family_called(id: str) -> Family:
    """The family that can run and is called so; a KindlingError that lists them if there is none."""
    for family in RUNNABLE:
        if family.id == id:
            return family
    raise KindlingError(f"there is no family {id!r}; there are {', '.join(family.id for family in RUNNABLE)}")


def family_of(names: Iterable[str], hint: str = "") -> Family | None:
    """The family whose table has most of these names of variables; None if no table has any.

    hint: the id that metadata or a person gives, which decides where several families have as many.
    """
    candidates = tied(names)
    return next((family for family in candidates if family.id == hint), candidates[0] if candidates else None)


def tied(names: Iterable[str]) -> list[Family]:
    """The families whose tables have most of these names; more than one where names alone do not tell."""
    given = set(names)
    counts = {family.id: len(given & family.variables.keys()) for family in RUNNABLE}
    most = max(counts.values())
    return [family for family in RUNNABLE if counts[family.id] == most] if most else []


def recognise(names: Iterable[str]) -> tuple[Family, str] | None:
    """The family that is refused, and the variable that gives it away; None if no name does."""
    names = list(names)
    for family in FAMILIES:
        for sign in family.signs:
            for name in names:
                if re.match(sign, name):
                    return family, name
    return None
