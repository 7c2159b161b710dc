"""The perceptual loss, between features of two images, and VGG16 and VGG19 as features that are ready to use.

Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", 2016; Simonyan and
Zisserman 2014. kind_tf/losses/perceptual.py is the same file in TensorFlow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kind_torch.losses.tools import check_images, total
from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.families import vgg

Features = Callable[[Tensor], Tensor | Sequence[Tensor]]


def perceptual(prediction: Tensor, target: Tensor, features: Features) -> Tensor:
    """sum_j |phi_j(prediction) - phi_j(target)|^2 / (C_j H_j W_j), averaged over the batch.

    prediction, target: (n, c, h, w), of what channels and range `features` wants. features: any function of such a
    batch to one map or a list of maps (n, C_j, H_j, W_j), such as `VGG`. Johnson et al. 2016.
    """
    check_images(prediction, target)
    pairs = zip(*(_maps(features(image)) for image in (prediction, target)), strict=True)
    return total(F.mse_loss(x, y) for x, y in pairs)


class VGG(torch.nn.Module):
    """Feature maps of VGG16 or VGG19, after their ReLU: a callable, (n, 3, h, w) in [0, 1] -> a list of them.

    weights: convolutions by name as `convert.read_vgg` reads them from Keras' or torchvision's file, or "imagenet" for
    torchvision's own, which are downloaded. layers: by Keras' names; default the last convolution of each of the first
    four blocks, Johnson's relu1_2 to relu4_3. preprocessing: "caffe", as Keras' weights were trained (BGR, 255 times,
    less the mean), or "torch", as torchvision's (less the mean, by the deviation); default: "caffe",
    or for "imagenet" what suits; give it for weights of torchvision's in a file.
    The weights are fixed and compute in the dtype of the images.
    """

    def __init__(
        self,
        name: Literal["vgg16", "vgg19"] = "vgg16",
        weights: Mapping[str, np.ndarray] | Literal["imagenet"] = "imagenet",
        layers: Sequence[str] | None = None,
        preprocessing: Literal["caffe", "torch"] | None = None,
    ) -> None:
        super().__init__()
        if isinstance(weights, str):
            weights, preprocessing = _torchvisions(name, weights), preprocessing or "torch"
        self.layers, self.scaling = vgg.settings(name, weights, layers, preprocessing)
        for layer in self.layers:
            kernel, bias = (np.array(weights[variable]) for variable in vgg.variables(layer))
            self.register_buffer(layer + "_weight", torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()))
            self.register_buffer(layer + "_bias", torch.from_numpy(bias))

    def forward(self, x: Tensor) -> list[Tensor]:
        vgg.check(x.shape, "NCHW", self.layers)
        order, factor, mean, deviation = self.scaling
        mean, deviation = (x.new_tensor(v).view(3, 1, 1) for v in (mean, deviation))
        x = (x[:, list(order)] * factor - mean) / deviation
        maps = []
        for layer, wanted in self.layers.items():
            if vgg.begins_block(layer):
                x = F.max_pool2d(x, 2)
            kernel, bias = (self.get_buffer(f"{layer}_{part}").to(x.dtype) for part in ("weight", "bias"))
            x = F.relu(F.conv2d(x, kernel, bias, padding=1))
            maps += [x] if wanted else []
        return maps


def _maps(maps: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """A list of maps, whatever `features` gave; refused if it is none."""
    maps = [maps] if isinstance(maps, torch.Tensor) else list(maps)
    if not maps:
        raise KindlingError("features gave no map, expected one or a list of them")
    return maps


def _torchvisions(name: str, weights: str) -> Mapping[str, np.ndarray]:
    """torchvision's own weights of "imagenet", under the names that `convert.read_vgg` gives."""
    vgg.check_name(name, weights)
    try:
        models = import_framework("torchvision", "VGG's own weights in PyTorch").models
    except RuntimeError as error:  # its compiled part asks for the very build of PyTorch that it was made with
        raise KindlingError(
            f"torchvision does not work beside this PyTorch ({error}); carry a weights file with `kindling convert`"
        ) from error
    state = getattr(models, name)(weights="IMAGENET1K_V1").state_dict()
    return vgg.from_torchvision(name, {key: value.numpy() for key, value in state.items()})
