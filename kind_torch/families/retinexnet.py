"""RetinexNet in PyTorch: its two nets, and the class that has them.

Wei, Wang, Yang, Liu, "Deep Retinex Decomposition for Low-light Enhancement", BMVC 2018. Every submodule is called by
its scope in the authors' checkpoints; tensors are NCHW.

kind_tf/families/retinexnet.py is the same file in TensorFlow.
"""

import torch
from torch import Tensor, nn

from kind_torch.layers import conv2d, sigmoid
from kind_torch.nets import Nets
from kindling.core.model import Place
from kindling.families.registry import RETINEXNET

__all__ = ["DecomNet", "RelightNet", "RetinexNet", "nearest", "sources"]


def sources(outputs: int, inputs: int, start: int = 0, stop: int | None = None) -> Tensor:
    """The row that tf.image.resize_nearest_neighbor takes for each row: floor(i * inputs / outputs), in float32.

    Rows are counted from the photo's first. start, stop: of those that are wanted.
    """
    scale = torch.tensor(inputs, dtype=torch.float32) / torch.tensor(outputs, dtype=torch.float32)
    rows = torch.arange(start, outputs if stop is None else stop, dtype=torch.float32)
    return torch.floor(rows * scale).long().clamp(max=inputs - 1)


def nearest(x: Tensor, like: Tensor, scales: tuple[int, int], place: Place | None) -> Tensor:
    """x at the height and width of `like`, by the nearest neighbour as TensorFlow's old rule has it.

    x: (n, c, h, w); like: (n, _, H, W). scales: how many of the photo's pixels one of x and one of `like` stands for.
    place: where in a photo the tile lies; the rule hangs on that.
    """
    spans = (place.rows, place.columns) if place else (None, None)
    sizes = (place.height, place.width) if place else (None, None)
    for axis, span, size in zip((2, 3), spans, sizes, strict=True):
        length, target = x.shape[axis], like.shape[axis]
        if span is None or size is None:
            index = sources(target, length)
        else:  # rows of the whole photo at both levels, and where the tile's begin
            whole, wanted = (-(-size // scale) for scale in scales)
            begin, first = span.start // scales[0], span.start // scales[1]
            index = (sources(wanted, whole, first, first + target) - begin).clamp(0, length - 1)
        x = x.index_select(axis, index.to(x.device))
    return x


class DecomNet(nn.Module):
    """Decomposition: a photo into reflectance and illumination.

    input_im: (n, 3, h, w) in [0, 1]. Returns R (n, 3, h, w) and L (n, 1, h, w), both in (0, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.shallow_feature_extraction = conv2d(4, 64, 9)
        for k in range(5):
            self.add_module(f"activated_layer_{k}", conv2d(64, 64, 3, torch.relu))
        self.recon_layer = conv2d(64, 4, 3)

    def forward(self, input_im: Tensor) -> tuple[Tensor, Tensor]:
        input_max = input_im.amax(1, keepdim=True)
        conv = self.shallow_feature_extraction(torch.cat([input_max, input_im], 1))
        for k in range(5):
            conv = getattr(self, f"activated_layer_{k}")(conv)
        R, L = self.recon_layer(conv).split([3, 1], 1)
        return sigmoid(R), sigmoid(L)


class RelightNet(nn.Module):
    """Adjustment: the light that the reflectance is to be seen in, pixel by pixel, and not bounded.

    input_L: (n, 1, h, w), input_R: (n, 3, h, w). Returns delta (n, 1, h, w). place: where in a photo the tile lies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv2d = conv2d(4, 64, 3)
        for k in (1, 2, 3):
            self.add_module(f"conv2d_{k}", conv2d(64, 64, 3, torch.relu, stride=2))
        for k in (4, 5, 6):
            self.add_module(f"conv2d_{k}", conv2d(64, 64, 3, torch.relu))
        self.conv2d_7 = conv2d(192, 64, 1)
        self.conv2d_8 = conv2d(64, 1, 3)

    def forward(self, input_L: Tensor, input_R: Tensor, place: Place | None = None) -> Tensor:
        conv0 = self.conv2d(torch.cat([input_R, input_L], 1))  # (n, 64, h, w)
        conv1 = self.get_submodule("conv2d_1")(conv0)  # (n, 64, h/2, w/2)
        conv2 = self.get_submodule("conv2d_2")(conv1)  # (n, 64, h/4, w/4)
        conv3 = self.get_submodule("conv2d_3")(conv2)  # (n, 64, h/8, w/8)
        deconv1 = self.get_submodule("conv2d_4")(nearest(conv3, conv2, (8, 4), place)) + conv2
        deconv2 = self.get_submodule("conv2d_5")(nearest(deconv1, conv1, (4, 2), place)) + conv1
        deconv3 = self.get_submodule("conv2d_6")(nearest(deconv2, conv0, (2, 1), place)) + conv0
        del conv1, conv2, conv3
        resized = nearest(deconv1, deconv3, (4, 1), place), nearest(deconv2, deconv3, (2, 1), place)
        feature_gather = torch.cat([*resized, deconv3], 1)  # (n, 192, h, w)
        del resized, deconv1, deconv2, deconv3
        feature_fusion = self.conv2d_7(feature_gather)
        return self.conv2d_8(feature_fusion)


class RetinexNet(Nets):
    """The nets of RetinexNet as PyTorch modules; tensors NCHW, a photo divided by 255 and not stretched.

    nets, dtype, source: as `kind_torch.KinD` has them.

    >>> import torch
    >>> RetinexNet().enhance(torch.rand(1, 3, 5, 7)).shape
    torch.Size([1, 3, 5, 7])
    """

    family = RETINEXNET
    parts = {"DecomNet": DecomNet, "RelightNet": RelightNet}  # noqa: RUF012 - of the class, and never changed
    float32_bytes = 2_000

    def decompose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A photo into reflectance and illumination. x: (n, 3, h, w). Returns R (n, 3, h, w), L (n, 1, h, w)."""
        net = self.net("decompose")
        self.check(net, x=(x, 3))
        return net(x)

    def adjust(self, i: Tensor, r: Tensor, place: Place | None = None) -> Tensor:
        """The light for the reflectance. i: (n, 1, h, w), r: (n, 3, h, w). Returns (n, 1, h, w), not bounded.

        place: where in a photo the tile lies, whose rows and columns end as many of 8 before the photo's end.
        """
        net = self.net("adjust")
        self.check(net, i=(i, 1), r=(r, 3))
        return net(i, r, place)

    def enhance(self, x: Tensor) -> Tensor:
        """S = R * delta. x: (n, 3, h, w) in [0, 1]. Returns (n, 3, h, w), which is beyond 1 where it is too light."""
        R, L = self.decompose(x)
        return R * self.adjust(L, R)

    def forward(self, x: Tensor) -> Tensor:
        """`enhance`, so that it is a module like any other."""
        return self.enhance(x)
