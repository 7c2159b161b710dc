"""Other models that a file may hold, told by the names of their variables, so that a refusal can say what it is.

Names are as slim spells them (kindling/core/names.py turns PyTorch's), read off each model's public code, which is
named with it. KinD++ cannot be told in its decomposition: names and shapes are KinD's own, and it is read as that.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A model that is not KinD as its authors wrote it, and the variable that gives it away."""

    name: str
    sign: str  # a regular expression that one of its variables matches from the first letter, and none of KinD's does
    why: str  # what is different about it


NOT_KIND = "its nets are others than KinD's"
PORT = "its layers are others than the authors', so that KinD's functions cannot run its weights"
FAMILIES = (
    # weichen582/RetinexNet, model.py
    Family(
        "RetinexNet", r"DecomNet/(conv|shallow_feature_extraction|activated_layer_\d+|recon_layer)/kernel$", NOT_KIND
    ),
    Family("RetinexNet", r"RelightNet/conv2d(_\d+)?/kernel$", NOT_KIND),
    # aasharma90/RetinexNet_PyTorch, model.py; several ports follow it
    Family("RetinexNet in PyTorch", r"(.*/)?net1_(conv0|convs/\d+|recon)/weights$", NOT_KIND),
    Family("RetinexNet in PyTorch", r"(.*/)?net2_(conv\d_\d|deconv1_\d|fusion|output)/weights$", NOT_KIND),
    # zhangyhuaee/KinD_plus, model.py and msia_BN_3_M.py
    Family("KinD++", r"Denoise_Net/de_conv", "its restoration has other layers, with attention and batch norm"),
    Family("KinD++", r"I_enhance_Net(_ratio)?/conv_\d", "its adjustment has other variables"),
    # cchen156/Learning-to-See-in-the-Dark, test_Sony.py; lavi135246/pytorch-Learning-to-See-in-the-Dark, model.py
    Family("SID (Learning to See in the Dark)", r"g_conv5_2/weights$", "it is one U-Net on raw sensor data"),
    Family(
        "SID (Learning to See in the Dark) in PyTorch", r"(.*/)?upv\d/weights$", "it is one U-Net on raw sensor data"
    ),
    # fenghansen/KinD-pytorch, models.py and base_layers.py
    Family("KinD-pytorch, a port by fenghansen", r"(.*/)?(conv|deconv|upv)\w*/(de)?conv_relu/0/weights$", PORT),
    # langmanbusi/KinD_PyTorch, model_KinD_color.py
    Family("KinD_PyTorch, a port by langmanbusi", r"(.*/)?(decom|relight|restore)_conv\d/\d/weights$", PORT),
)


def recognise(names: Iterable[str]) -> tuple[Family, str] | None:
    """The family of another model, and the variable that gives it away; None if no name does."""
    names = list(names)
    for family in FAMILIES:
        for name in names:
            if re.match(family.sign, name):
                return family, name
    return None
