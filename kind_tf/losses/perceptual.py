"""The perceptual loss, between features of two images, and VGG16 and VGG19 as features that are ready to use.

Johnson, Alahi, Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", 2016; Simonyan and
Zisserman 2014. kind_torch/losses/perceptual.py is the same file in PyTorch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from kind_tf.losses.tools import check_images, total
from kindling.core.errors import KindlingError
from kindling.families import vgg

Features = Callable[[tf.Tensor], tf.Tensor | Sequence[tf.Tensor]]


def perceptual(prediction: tf.Tensor, target: tf.Tensor, features: Features) -> tf.Tensor:
    """sum_j |phi_j(prediction) - phi_j(target)|^2 / (C_j H_j W_j), averaged over the batch.

    prediction, target: (n, h, w, c), of what channels and range `features` wants. features: any function of such a
    batch to one map or a list of maps (n, H_j, W_j, C_j), such as `VGG`. Johnson et al. 2016.
    """
    check_images(prediction, target)
    pairs = zip(*(_maps(features(image)) for image in (prediction, target)), strict=True)
    return total(tf.reduce_mean(tf.square(x - y)) for x, y in pairs)


class VGG(tf.Module):
    """Feature maps of VGG16 or VGG19, after their ReLU: a callable, (n, h, w, 3) in [0, 1] -> a list of them.

    weights: convolutions by name as `convert.read_vgg` reads them from Keras' or torchvision's file, or "imagenet" for
    Keras' own, which are downloaded. layers: by Keras' names; default the last convolution of each of the first
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
        super().__init__(name=name)
        if isinstance(weights, str):
            weights = _kerass(name, weights)
        self.layers, self.scaling = vgg.settings(name, weights, layers, preprocessing)
        self.weights = {v: tf.constant(weights[v]) for layer in self.layers for v in vgg.variables(layer)}

    def __call__(self, x: tf.Tensor) -> list[tf.Tensor]:
        vgg.check(x.shape, "NHWC", self.layers)
        order, factor, mean, deviation = self.scaling
        mean, deviation = (tf.constant(v, x.dtype) for v in (mean, deviation))
        x = (tf.gather(x, order, axis=-1) * factor - mean) / deviation
        maps = []
        for layer, wanted in self.layers.items():
            if vgg.begins_block(layer):
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            kernel, bias = (tf.cast(self.weights[v], x.dtype) for v in vgg.variables(layer))
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
            maps += [x] if wanted else []
        return maps


def _maps(maps: tf.Tensor | Iterable[tf.Tensor]) -> list[tf.Tensor]:
    """A list of maps, whatever `features` gave; refused if it is none."""
    maps = [maps] if tf.is_tensor(maps) else list(maps)
    if not maps:
        raise KindlingError("features gave no map, expected one or a list of them")
    return maps


def _kerass(name: str, weights: str) -> Mapping[str, np.ndarray]:
    """Keras' own weights of "imagenet", under the names that `convert.read_vgg` gives."""
    vgg.check_name(name, weights)
    model = getattr(tf.keras.applications, name.upper())(weights="imagenet", include_top=False)
    layers = (layer for layer in model.layers if layer.get_weights())
    return {v: array for k in layers for v, array in zip(vgg.variables(k.name), k.get_weights(), strict=True)}
