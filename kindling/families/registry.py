"""The families of models, one row each: those that run here, and those that are known only to be refused by name.

A file's family is told by the names of its variables, as slim spells them (kindling/core/names.py turns PyTorch's).
The names of other models were read off the public code that is named with each. KinD++ cannot be told in its
decomposition: names and shapes are KinD's own, and it is read as that.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from kindling.families.kind import fusion
from kindling.families.kind.nets import ADJUST, DECOM, RESTORATION
from kindling.families.table import Net

__all__ = ["FAMILIES", "KIND", "Family", "recognise"]

Fuse = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Family:
    """All that is known of a family of models; one that is `refused` has neither nets nor fusion."""

    id: str
    """What metadata and options call it."""
    title: str
    paper: str = ""
    source: str = ""
    """The public code that its names and nets were read off."""
    signs: tuple[str, ...] = ()
    """Regular expressions; a file of this family has a variable that matches one from its first letter."""
    nets: tuple[Net, ...] = ()
    fuse: Fuse | None = None
    """(image, R, L, restored, adjusted) -> the enhanced picture, as its authors' program puts the parts together."""
    blend: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] = fusion.blend
    """(image, L, restored * adjusted) -> the picture, with what is bright already left to the photo."""
    fuse_reach: int = 0
    """How many pixels beyond a pixel `fuse` looks."""
    ratio: float = 5.0
    """What its authors' program asks of the adjustment when it is told nothing."""
    refused: str = ""
    """Why a file of it cannot be run here."""

    def net(self, verb: str) -> Net:
        """The net that does `verb`, such as "decompose"."""
        return next(net for net in self.nets if net.verb == verb)

    def nets_in(self, names: Iterable[str]) -> list[str]:
        """The scopes of its nets that these slim names of variables belong to, in the table's order."""
        scopes = {name.split("/")[0] for name in names}
        return [net.scope for net in self.nets if net.scope in scopes]

    @property
    def step(self) -> int:
        """The coarsest step of its nets' pools: tiles of a photo begin on multiples of it."""
        return max(net.reach.step for net in self.nets)


KIND = Family(
    id="kind",
    title="KinD",
    paper="Zhang, Zhang, Guo, Kindling the Darkness, ACM MM 2019, doi 10.1145/3343031.3350926",
    source="zhangyhuaee/KinD, model.py and evaluate.py",
    nets=(DECOM, RESTORATION, ADJUST),
    fuse=fusion.fuse,
    fuse_reach=fusion.RADIUS,
)
OTHER_NETS = "its nets are others than KinD's"
PORT = "its layers are others than the authors', so that KinD's functions cannot run its weights"
RAW = "it is one U-Net on raw sensor data"
FAMILIES = (
    KIND,
    Family(
        id="retinexnet",
        title="RetinexNet",
        source="weichen582/RetinexNet, model.py",
        signs=(
            r"DecomNet/(conv|shallow_feature_extraction|activated_layer_\d+|recon_layer)/kernel$",
            r"RelightNet/conv2d(_\d+)?/kernel$",
        ),
        refused=OTHER_NETS,
    ),
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
        id="kind_plus",
        title="KinD++",
        source="zhangyhuaee/KinD_plus, model.py and msia_BN_3_M.py",
        signs=(r"Denoise_Net/de_conv",),
        refused="its restoration has other layers, with attention and batch norm",
    ),
    Family(
        id="kind_plus",
        title="KinD++",
        source="zhangyhuaee/KinD_plus, model.py",
        signs=(r"I_enhance_Net(_ratio)?/conv_\d",),
        refused="its adjustment has other variables",
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


def recognise(names: Iterable[str]) -> tuple[Family, str] | None:
    """The family that is refused, and the variable that gives it away; None if no name does."""
    names = list(names)
    for family in FAMILIES:
        for sign in family.signs:
            for name in names:
                if re.match(sign, name):
                    return family, name
    return None
