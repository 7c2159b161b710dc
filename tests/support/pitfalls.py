"""Every way in which ports of KinD have gone wrong: how to break the mirror so, and what that costs.

python -m tests.support.pitfalls [WEIGHTS]     prints the table of docs/parity.md, measured with those weights

tests/parity/test_pitfalls.py breaks the mirror in each of these ways and sees parity catch it, by name.
"""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

SIZE = (1, 45, 62)  # odd on the way down, where padding and cropping show


@dataclass(frozen=True)
class Pitfall:
    name: str
    why: str  # what TensorFlow does, and what PyTorch does when nobody looks
    net: str
    first: str  # the layer parity must name, whole
    apply: Callable  # (kind, patch): breaks a kind_torch.KinD; patch(object, attribute, value) is undone afterwards


def _slope(kind, patch):
    import torch.nn.functional as F

    for layer in kind.modules():
        if getattr(layer, "activation_fn", None) is not None:
            patch(layer, "activation_fn", lambda x: F.leaky_relu(x, 0.01))


def _floor_pools(kind, patch):
    import torch
    import torch.nn.functional as F

    from kind_torch import model

    def pad_to(x, like):  # what ports that do not crash do about the pixels that floor pooling lost
        return F.pad(x, (0, like.shape[-1] - x.shape[-1], 0, like.shape[-2] - x.shape[-2]))

    def forward(self, x1, x2):
        return torch.cat([pad_to(F.conv_transpose2d(x1, self.weight, stride=2), x2), x2], 1)

    patch(model, "max_pool2d", lambda x: F.max_pool2d(x, 2) if min(x.shape[-2:]) > 1 else x)
    patch(model.upsample_and_concat, "forward", forward)


def _crop_near_side(kind, patch):
    import torch
    import torch.nn.functional as F

    from kind_torch import model

    def forward(self, x1, x2):
        up = F.conv_transpose2d(x1, self.weight, stride=2)
        return torch.cat([up[..., -x2.shape[-2] :, -x2.shape[-1] :], x2], 1)

    patch(model.upsample_and_concat, "forward", forward)


def _concat_order(kind, patch):
    import torch
    import torch.nn.functional as F

    from kind_torch import model

    def forward(self, x1, x2):
        up = F.conv_transpose2d(x1, self.weight, stride=2)
        return torch.cat([x2, up[..., : x2.shape[-2], : x2.shape[-1]]], 1)

    patch(model.upsample_and_concat, "forward", forward)


def _activation_after_up(kind, patch):
    import torch
    import torch.nn.functional as F

    from kind_torch import model

    def forward(self, x1, x2):
        up = F.conv_transpose2d(x1, self.weight, stride=2)
        return torch.cat([model.lrelu(up[..., : x2.shape[-2], : x2.shape[-1]]), x2], 1)

    patch(model.upsample_and_concat, "forward", forward)


def _no_lrelu_before_sigmoid(kind, patch):
    patch(kind.Illumination_adjust_net.en_conv_4, "activation_fn", None)


def _no_lrelu_in_decoder(kind, patch):
    patch(kind.DecomNet.g_conv8_1, "activation_fn", None)
    patch(kind.DecomNet.g_conv9_1, "activation_fn", None)


def _transposed_up_kernel(kind, patch):
    import torch

    for layer in (kind.DecomNet.g_up_1, kind.DecomNet.g_up_2):
        patch(layer, "weight", torch.nn.Parameter(layer.weight.detach().transpose(2, 3)))


PITFALLS = [
    Pitfall(
        "slope 0.01",
        "lrelu is max(0.2 x, x); nn.LeakyReLU's default slope is 0.01",
        "DecomNet",
        "DecomNet/g_conv1_1/Maximum",
        _slope,
    ),
    Pitfall(
        "floor pooling",
        "SAME rounds an odd size up; nn.MaxPool2d rounds it down, and the last row or column is gone",
        "DecomNet",
        "DecomNet/MaxPool2D/MaxPool",
        _floor_pools,
    ),
    Pitfall(
        "crop on the near side",
        "an up-conv to an odd size drops its last row or column; dropping the first shifts the image",
        "DecomNet",
        "DecomNet/g_up_1/g_up_1",
        _crop_near_side,
    ),
    Pitfall(
        "order of concat",
        "[deconv, skip]; with [skip, deconv] every weight meets the wrong channel",
        "DecomNet",
        "DecomNet/g_up_1/concat",
        _concat_order,
    ),
    Pitfall(
        "activation after the up-conv",
        "upsample_and_concat has none",
        "DecomNet",
        "DecomNet/g_up_1/concat",
        _activation_after_up,
    ),
    Pitfall(
        "no lrelu before the last sigmoid",
        "en_conv_4 keeps slim's activation_fn, so the sigmoid sees damped negatives",
        "Illumination_adjust_net",
        "Illumination_adjust_net/en_conv_4/Maximum",
        _no_lrelu_before_sigmoid,
    ),
    Pitfall(
        "no lrelu on g_conv8_1 and g_conv9_1",
        "the decoder's convs are activated like all others",
        "DecomNet",
        "DecomNet/g_conv8_1/Maximum",
        _no_lrelu_in_decoder,
    ),
    Pitfall(
        "up-conv kernel transposed",
        "[kh, kw, out, in] -> [in, out, kh, kw]; (3, 2, 1, 0) has the right shape too, and is wrong",
        "DecomNet",
        "DecomNet/g_up_1/g_up_1",
        _transposed_up_kernel,
    ),
]


@contextmanager
def broken(kind, pitfall: Pitfall):
    """`kind` with the pitfall in it, whole again afterwards."""
    undo = []

    def patch(target, attribute, value):
        undo.append((target, attribute, getattr(target, attribute)))
        setattr(target, attribute, value)

    pitfall.apply(kind, patch)
    try:
        yield kind
    finally:
        for target, attribute, value in reversed(undo):
            setattr(target, attribute, value)


def costs(kind, image: np.ndarray) -> list[tuple[Pitfall, float, float]]:
    """Of each pitfall: the largest and the mean absolute error of what `kind`'s net puts out, on (1, h, w, 3)."""
    from kind_torch import arrays

    steps = {"DecomNet": ("decompose", [image]), "Illumination_adjust_net": ("adjust", [])}
    steps["Illumination_adjust_net"][1].extend(
        [arrays.run(kind, "decompose", image)[1], np.full_like(image[..., :1], 5)]
    )
    rows = []
    for pitfall in PITFALLS:
        step, inputs = steps[pitfall.net]
        right = arrays.run(kind, step, *inputs)
        with broken(kind, pitfall):
            wrong = arrays.run(kind, step, *inputs)
        errors = [np.abs(a - b) for a, b in zip(right, wrong, strict=True)]
        rows.append((pitfall, max(float(e.max()) for e in errors), max(float(e.mean()) for e in errors)))
    return rows


def main(weights: str = "checkpoints", photo: str = "examples/dark.png") -> None:
    import kind_torch
    from kindling.images import load_images

    image = load_images(photo)[np.newaxis, :-1, :-2]  # to odd sizes
    print("| pitfall | largest error | mean error | first layer that differs |\n|---|---|---|---|")
    for pitfall, largest, mean in costs(kind_torch.load(weights), image):
        print(f"| {pitfall.name}: {pitfall.why} | {largest:.2f} | {mean:.3f} | `{pitfall.first}` |")


if __name__ == "__main__":
    main(*sys.argv[1:])
