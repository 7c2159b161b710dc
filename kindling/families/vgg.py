"""VGG16 and VGG19 as far as their convolutions go: names, shapes, order, and how their images are scaled.

Simonyan and Zisserman, "Very deep convolutional networks", 2014. A convolution is called as in Keras
(`block3_conv1`) and its variables as in this project (`block3_conv1/weights`, kh kw in out, and `/biases`);
torchvision counts the members of its `features` instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from kindling.core.checks import check_choice, check_images
from kindling.core.errors import KindlingError

__all__ = [
    "SHAPES",
    "begins_block",
    "check",
    "check_name",
    "from_torchvision",
    "name_of",
    "settings",
    "torchvision",
    "variables",
]

BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions in each; a max pool stands between two
WIDTHS = (64, 128, 256, 512, 512)

# Order of channels, factor, mean, deviation: (x[order] * factor - mean) / deviation, x being RGB in [0, 1].
SCALINGS = {
    "caffe": ((2, 1, 0), 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "torch": ((0, 1, 2), 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def _layers(counts: Sequence[int]) -> list[str]:
    return [f"block{b}_conv{c}" for b, count in enumerate(counts, 1) for c in range(1, count + 1)]


def _shapes(counts: Sequence[int]) -> dict[str, tuple[int, ...]]:
    before = 3
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in _layers(counts):
        width = WIDTHS[int(layer[5]) - 1]
        shapes |= dict(zip(variables(layer), ((3, 3, before, width), (width,)), strict=True))
        before = width
    return shapes


def variables(layer: str) -> tuple[str, str]:
    """The names of a convolution's kernel and bias."""
    return f"{layer}/weights", f"{layer}/biases"


SHAPES: Mapping[str, Mapping[str, tuple[int, ...]]] = {name: _shapes(counts) for name, counts in BLOCKS.items()}


def begins_block(layer: str) -> bool:
    """Whether a max pool stands before this convolution."""
    return layer.endswith("_conv1") and layer != "block1_conv1"


def torchvision(name: str) -> dict[str, str]:
    """Variable -> its key in torchvision's state_dict: `block2_conv1/weights` -> `features.5.weight`."""
    keys: dict[str, str] = {}
    place = 0
    for layer in _layers(BLOCKS[name]):
        place += begins_block(layer)
        keys |= dict(zip(variables(layer), (f"features.{place}.weight", f"features.{place}.bias"), strict=True))
        place += 2  # itself and its ReLU
    return keys


def from_torchvision(name: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """torchvision's state_dict, as arrays -> the convolutions by their names here, in TF's axis order."""
    return {
        variable: state[key].transpose(2, 3, 1, 0) if state[key].ndim == 4 else state[key]
        for variable, key in torchvision(name).items()
    }


def name_of(names: Iterable[str]) -> Literal["vgg16", "vgg19"]:
    """Which net has these variables: only VGG19 has a fourth convolution in its third block."""
    return "vgg19" if "block3_conv4/weights" in names else "vgg16"


def check_name(name: str, weights: str) -> None:
    """Refuse a net or a word for weights that is not known."""
    check_choice("name", name, tuple(BLOCKS))
    if weights != "imagenet":
        raise KindlingError(
            f"weights is {weights!r}, expected arrays by name, as convert.read_vgg reads them from a file, "
            'or "imagenet", to download them'
        )


def settings(
    name: str, weights: Mapping[str, np.ndarray], layers: Sequence[str] | None, preprocessing: str | None
) -> tuple[dict[str, bool], tuple]:
    """The convolutions to run, each with whether its map is wanted, and the scaling; or one error for all that is off.

    layers: default the last of each of the first four blocks. preprocessing: default "caffe".
    """
    check_choice("name", name, tuple(BLOCKS))
    known = _layers(BLOCKS[name])
    layers = [f"block{b}_conv{BLOCKS[name][b - 1]}" for b in range(1, 5)] if layers is None else list(layers)
    strangers = [layer for layer in layers if layer not in known]
    if strangers or not layers:
        raise KindlingError(
            f"{name} has no convolution {', '.join(map(repr, strangers)) or 'to look at in []'}; "
            f"its are {', '.join(known)}"
        )
    preprocessing = preprocessing or "caffe"
    check_choice("preprocessing", preprocessing, tuple(SCALINGS))
    run = known[: max(known.index(layer) for layer in layers) + 1]
    shapes = {v: SHAPES[name][v] for layer in run for v in variables(layer)}
    problems = [f"{v} is missing" for v in shapes if v not in weights]
    problems += [
        f"{v} has shape {weights[v].shape}, expected {shape}"
        for v, shape in shapes.items()
        if v in weights and weights[v].shape != shape
    ]
    if problems:
        raise KindlingError.of(f"the weights of {name}", problems, "convert.read_vgg reads them from a file")
    return {layer: layer in layers for layer in run}, SCALINGS[preprocessing]


def check(shape: Sequence[int | None], layout: str, layers: Mapping[str, bool]) -> None:
    """Refuse images that are not RGB, or too small for the max pools before the last layer."""
    last = list(layers)[-1]
    check_images("the image", shape, layout, [3], why="VGG takes RGB")
    check_images("the image", shape, layout, least=2 ** (int(last[5]) - 1), why=f"VGG up to {last} needs")
