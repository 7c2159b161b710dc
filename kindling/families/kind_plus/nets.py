"""KinD++'s layers: KinD's decomposition and adjustment, and a restoration at full resolution with attention.

Zhang, Guo, Ma, Liu, Zhang, "Beyond Brightening Low-light Images", IJCV 2021; read off the authors' model.py,
msia_BN_3_M.py and their saved graphs.

Four times the restoration looks at its features at three resolutions, where the illumination says it should ("multi-
scale illumination attention"). The layers of slim in it carry a relu that nobody wrote down: it is slim's default.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kindling.families.kind import nets as kind
from kindling.families.table import LAYERS, Layer, Net, conv, deconv, join, norm

__all__ = ["ADJUST", "ATTENDED", "DECOM", "NETS", "RESTORATION"]

ATTENDED = {"de_conv1": 64, "de_conv2": 256, "de_conv3": 256, "de_conv4": 64}  # attention -> channels

DECOM = replace(kind.DECOM, folder="decom_model", function="DecomNet")
ADJUST = replace(
    kind.ADJUST,
    scope="I_enhance_Net",
    folder="illu_model",
    layers=tuple(
        replace(layer, name=layer.name.removeprefix("en_"), of=tuple(name.removeprefix("en_") for name in layer.of))
        for layer in kind.ADJUST.layers
    ),
)


def _attention(name: str, of: str) -> Iterator[Layer]:
    """`<name>`: the illumination through a conv and a sigmoid, times the features; then three resolutions of that.

    `<name>pu1` at full resolution, `<name>pu2` at a half, `<name>pu4` at a quarter, side by side with the features.
    """
    width, attended = ATTENDED[name], f"{name}/attended"
    yield conv(f"{name}/conv", 1, 1, "input_i", after="sigmoid", leaves=LAYERS[:1])
    yield join(attended, "times", of, f"{name}/conv")
    for level in (1, 2, 4):
        scope = f"{name}pu{level}"
        size = 1 if level == 4 else 3
        yield conv(f"{scope}/pu_conv", width, width, attended, size=size, after="relu", pool=level)
        yield norm(f"{scope}/batch_normalization", width, f"{scope}/pu_conv")
        below = f"{scope}/batch_normalization"
        for up in {1: (), 2: ("conv_up",), 4: ("conv_up_1", "conv_up")}[level]:
            yield deconv(f"{scope}/{up}", width, below)
            below = f"{scope}/{up}"
    last = (f"{name}pu1/batch_normalization", f"{name}pu2/conv_up", f"{name}pu4/conv_up")
    yield conv(f"{name}multi_scale_feature", 4 * width, width, (attended, *last), size=1, after="relu")


def _restoration() -> Iterator[Layer]:
    below, channels = "input_r", 3
    for level, widths in enumerate(((32, 64), (128, 256), (512, 256), (128, 64)), start=1):
        for k, width in enumerate(widths, start=1):
            yield conv(f"de_conv{level}_{k}", channels, width, below)
            below, channels = f"de_conv{level}_{k}", width
        yield from _attention(f"de_conv{level}", below)
        below = f"de_conv{level}multi_scale_feature"
    yield conv("de_conv5_1", channels, 32, below)
    yield conv("de_conv10", 32, 3, "de_conv5_1", after="sigmoid", gives="out")


RESTORATION = Net(
    scope="Denoise_Net",
    verb="restore",
    task="restoration",
    folder="restoration_model",
    function="Restoration_net",
    inputs={"input_r": 3, "input_i": 1},
    outputs={"out": 3},
    reads=("R", "L"),
    parts=("restored",),
    layers=tuple(_restoration()),
    unreleased="its authors keep them on a file host of their own, and not in their repository",
)

NETS: Mapping[str, Net] = {net.scope: net for net in (DECOM, RESTORATION, ADJUST)}
