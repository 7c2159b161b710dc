"""KinD++ in PyTorch: its restoration, and the class of its three nets.

Zhang, Guo, Ma, Liu, Zhang, "Beyond Brightening Low-light Images", IJCV 2021. The decomposition is KinD's, and so is the
adjustment but for the names of its layers. Every submodule is called by its slim scope; tensors are NCHW in [0, 1].

kind_tf/families/kind_plus.py is the same file in TensorFlow.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kind_torch import fusion, model
from kind_torch.kind import KinD
from kind_torch.layers import batch_norm, conv2d, deconv2d, sigmoid
from kind_torch.model import lrelu
from kindling.families.kind_plus.nets import ATTENDED
from kindling.families.reach import Spans, check_core
from kindling.families.registry import KIND_PLUS

__all__ = ["Illumination_adjust_net", "KinDPlus", "Restoration_net", "attention", "pool_upsampling"]


class attention(nn.Module):
    """Where the illumination says to look: a 3x3 conv without a bias, then a sigmoid.

    input_i: (n, 1, h, w). Returns (n, 1, h, w) in (0, 1), which the features are multiplied by.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv2d(1, 1, 3, bias=False)

    def forward(self, input_i: Tensor) -> Tensor:
        return sigmoid(self.conv(input_i))


class pool_upsampling(nn.Module):
    """The features seen at 1 / `level` of the resolution, and brought back to the full one. level: 1, 2 or 4.

    features: (n, channels, h, w), h and w multiples of `level`. Returns the same shape. slim's conv and transposed
    convs have a relu that is nobody's choice but slim's default; the one of the conv comes before the batch norm.
    """

    def __init__(self, channels: int, level: int) -> None:
        super().__init__()
        self.level = level
        self.pu_conv = conv2d(channels, channels, 1 if level == 4 else 3, torch.relu)
        self.batch_normalization = batch_norm(channels)
        if level == 4:
            self.conv_up_1 = deconv2d(channels, channels, torch.relu)
        if level > 1:
            self.conv_up = deconv2d(channels, channels, torch.relu)

    def forward(self, features: Tensor) -> Tensor:
        pu_net = features if self.level == 1 else F.max_pool2d(features, self.level)
        pu_conv = torch.relu(self.batch_normalization(self.pu_conv(pu_net)))
        if self.level == 4:
            pu_conv = self.conv_up_1(pu_conv)
        return pu_conv if self.level == 1 else self.conv_up(pu_conv)


class Restoration_net(nn.Module):
    """Restoration at full resolution: convs, and after every second one multi-scale illumination attention.

    input_r: (n, 3, h, w), input_i: (n, 1, h, w), both in [0, 1], h and w multiples of 4. Returns out (n, 3, h, w) in
    (0, 1). In train mode the batch norms go by the batch, and move their statistics.
    """

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for level, widths in enumerate(((32, 64), (128, 256), (512, 256), (128, 64)), start=1):
            for k, width in enumerate(widths, start=1):
                self.add_module(f"de_conv{level}_{k}", conv2d(channels, width, 3, lrelu))
                channels = width
            name = f"de_conv{level}"
            self.add_module(name, attention())
            for scale in (1, 2, 4):
                self.add_module(f"{name}pu{scale}", pool_upsampling(ATTENDED[name], scale))
            self.add_module(f"{name}multi_scale_feature", conv2d(4 * channels, channels, 1, torch.relu))
        self.de_conv5_1 = conv2d(64, 32, 3, lrelu)
        self.de_conv10 = conv2d(32, 3, 3)

    def forward(self, input_r: Tensor, input_i: Tensor) -> Tensor:
        features = input_r
        for level in (1, 2, 3, 4):
            for k in (1, 2):
                features = getattr(self, f"de_conv{level}_{k}")(features)
            features = self._attended(f"de_conv{level}", features, input_i)
        conv10 = self.de_conv10(self.de_conv5_1(features))
        return sigmoid(conv10)

    def _attended(self, name: str, features: Tensor, input_i: Tensor) -> Tensor:
        """Multi-scale illumination attention: (n, c, h, w) and (n, 1, h, w) to (n, c, h, w)."""
        features = torch.mul(features, getattr(self, name)(input_i))
        scales = [getattr(self, f"{name}pu{scale}")(features) for scale in (1, 2, 4)]
        features = torch.cat([features, *scales], 1)  # (n, 4c, h, w)
        del scales
        return getattr(self, f"{name}multi_scale_feature")(features)


class Illumination_adjust_net(nn.Module):
    """KinD's adjustment under other names: the illumination made `input_ratio` times as strong.

    input_i: (n, 1, h, w) in [0, 1], input_ratio: (n, 1, h, w), usefully 0 to 5. Returns (n, 1, h, w) in (0, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_1 = conv2d(2, 32, 3, lrelu)
        self.conv_2 = conv2d(32, 32, 3, lrelu)
        self.conv_3 = conv2d(32, 32, 3, lrelu)
        self.conv_4 = conv2d(32, 1, 3, lrelu)

    def forward(self, input_i: Tensor, input_ratio: Tensor) -> Tensor:
        features = torch.cat([input_i, input_ratio], 1)
        for conv in (self.conv_1, self.conv_2, self.conv_3, self.conv_4):
            features = conv(features)
        return sigmoid(features)


class KinDPlus(KinD):
    """The nets of KinD++ as PyTorch modules; tensors NCHW in [0, 1]. As `kind_torch.KinD` but for `restore`, whose
    sides are made multiples of 4, and `enhance`, whose light is adjusted on demand.

    >>> import torch
    >>> KinDPlus(["Denoise_Net"]).eval().restore(torch.rand(1, 3, 5, 7), torch.rand(1, 1, 5, 7)).shape
    torch.Size([1, 3, 5, 7])
    """

    family = KIND_PLUS
    parts = {  # noqa: RUF012 - of the class, and never changed
        "DecomNet": model.DecomNet_simple,
        "Denoise_Net": Restoration_net,
        "I_enhance_Net": Illumination_adjust_net,
    }
    float32_bytes = 10_600
    ops = {"sigmoid": "sigmoid", "max_pool2d": "pu_net/MaxPool"}  # noqa: RUF012 - as above

    def restore(self, r: Tensor, i: Tensor, core: Spans | None = None) -> Tensor:
        """Clean the reflectance. r: (n, 3, h, w), i: (n, 1, h, w). Returns (n, 3, h, w).

        Where h or w is no multiple of 4, the last row or column is repeated as often as it takes, and cut off again.
        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.net("restore")
        self.check(net, r=(r, 3), i=(i, 1))
        height, width = r.shape[-2:]
        core = core or (slice(0, height), slice(0, width))
        check_core(core, (height, width))
        return net(*self.fit("Denoise_Net", r, i))[..., *core]

    def fit(self, net: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Of the restoration: the last row and column repeated up to a multiple of 4."""
        height, width = inputs[0].shape[-2:]
        if net != "Denoise_Net" or (height % 4 == 0 and width % 4 == 0):
            return inputs
        return tuple(F.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate") for x in inputs)

    def enhance(self, x: Tensor, ratio: float | Sequence[float] | Tensor = 5.0, *, adjustment: bool = False) -> Tensor:
        """The whole of evaluate.py after loading. x, ratio: as `kind_torch.KinD.enhance` has them.

        adjustment: whether the light is adjusted, as its --adjustment; otherwise `ratio` has nothing to say. Returns
        (n, 3, h, w) in [0, 1].
        """
        R, L = self.decompose(x)
        restored = self.restore(R, L)
        light = self.adjust(L, ratio) if adjustment else torch.ones_like(L)
        return fusion.fuse(x, R, L, restored, light)
