"""KinD's model.py in PyTorch: the five original functions, the nets as modules of the same names.

Zhang, Zhang, Guo, "Kindling the Darkness", ACM MM 2019, section 3. Every submodule is called by its slim scope, so
that `DecomNet/g_conv1_1/weights` is `DecomNet.g_conv1_1.weight`; local names are the original's. Tensors are NCHW in
[0, 1]. What TensorFlow does by default and PyTorch does not is made by hand in kind_torch/layers.py.

Python keeps what a local names to the end of its function, so `del` lets go of what is done with: without it
decomposition takes 1279 bytes for each pixel of a tile instead of 591, and restoration 1219 instead of 686.

kind_tf/model.py is the same file in TensorFlow.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kind_torch.layers import SLOPES, concat, conv2d, conv2d_transpose, max_pool2d, sigmoid
from kindling.families.reach import Window

__all__ = ["DecomNet_simple", "Illumination_adjust_net", "Restoration_net", "lrelu", "upsample_and_concat"]


def lrelu(x: Tensor, trainbable: object = None) -> Tensor:
    """max(0.2 x, x), whose slope at exactly 0 is 0.2. `trainbable` is unused and misspelt in the original."""
    return F.leaky_relu(x, 0.2)  # torch.maximum would split the gradient at 0 between its sides: slope 0.6


SLOPES[lrelu] = 0.2  # so conv2d may apply it in the same pass over memory


class upsample_and_concat(nn.Module):
    """Double the resolution of x1 to that of x2 and put x2, the skip, behind it.

    x1: (n, in_channels, ceil(h/2), ceil(w/2)); x2: (n, c, h, w). Returns (n, output_channels + c, h, w). Where h or w
    is odd, the last row or column of the transposed conv falls away. The kernel has no bias and no activation. What
    `concat` gives is for a conv2d to read. window: what is needed of both inputs; they are first cut down to it.
    """

    def __init__(self, output_channels: int, in_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_channels, output_channels, 2, 2))
        nn.init.xavier_uniform_(self.weight)  # tf.get_variable's default

    def forward(self, x1: Tensor, x2: Tensor, window: Window | None = None) -> Any:
        if window:
            x1, x2 = x1[..., *window.below], x2[..., *window.skip]
        deconv = conv2d_transpose(x1, self.weight, x2)
        deconv_output = concat([deconv, x2])
        return deconv_output


class DecomNet_simple(nn.Module):
    """Decomposition: a photo into reflectance and illumination (paper, section 3.1).

    input: (n, 3, h, w) in [0, 1]. Returns R_out (n, 3, h, w) and L_out (n, 1, h, w), both in (0, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.g_conv1_1 = conv2d(3, 32, 3, lrelu)
        self.g_conv2_1 = conv2d(32, 64, 3, lrelu)
        self.g_conv3_1 = conv2d(64, 128, 3, lrelu)
        self.g_up_1 = upsample_and_concat(64, 128)
        self.g_conv8_1 = conv2d(128, 64, 3, lrelu)
        self.g_up_2 = upsample_and_concat(32, 64)
        self.g_conv9_1 = conv2d(64, 32, 3, lrelu)
        self.g_conv10 = conv2d(32, 3, 1)
        self.l_conv1_2 = conv2d(32, 32, 3, lrelu)
        self.l_conv1_4 = conv2d(64, 1, 1)

    def forward(self, input: Tensor) -> tuple[Tensor, Tensor]:
        conv1 = self.g_conv1_1(input)  # (n, 32, h, w)
        pool1 = max_pool2d(conv1)
        conv2 = self.g_conv2_1(pool1)  # (n, 64, h/2, w/2)
        pool2 = max_pool2d(conv2)
        conv3 = self.g_conv3_1(pool2)  # (n, 128, h/4, w/4)
        up8 = self.g_up_1(conv3, conv2)  # (n, 64 + 64, h/2, w/2)
        conv8 = self.g_conv8_1(up8)
        del pool1, conv2, pool2, conv3, up8
        up9 = self.g_up_2(conv8, conv1)  # (n, 32 + 32, h, w)
        del conv8
        conv9 = self.g_conv9_1(up9)
        del up9
        conv10 = self.g_conv10(conv9)
        R_out = sigmoid(conv10)

        l_conv2 = self.l_conv1_2(conv1)
        del conv1
        l_conv3 = concat([l_conv2, conv9])  # (n, 32 + 32, h, w)
        l_conv4 = self.l_conv1_4(l_conv3)
        L_out = sigmoid(l_conv4)
        return R_out, L_out


class Restoration_net(nn.Module):
    """Restoration: a U-Net of five levels cleans the reflectance, told by the illumination where it was dark (3.2).

    input_r: (n, 3, h, w), input_i: (n, 1, h, w), both in [0, 1]. Returns out (n, 3, h, w) in (0, 1).
    windows: what each up-conv is cut down to (kindling/families/reach.py); the result is then smaller.
    """

    def __init__(self) -> None:
        super().__init__()
        self.de_conv1_1 = conv2d(4, 32, 3, lrelu)
        self.de_conv1_2 = conv2d(32, 32, 3, lrelu)
        self.de_conv2_1 = conv2d(32, 64, 3, lrelu)
        self.de_conv2_2 = conv2d(64, 64, 3, lrelu)
        self.de_conv3_1 = conv2d(64, 128, 3, lrelu)
        self.de_conv3_2 = conv2d(128, 128, 3, lrelu)
        self.de_conv4_1 = conv2d(128, 256, 3, lrelu)
        self.de_conv4_2 = conv2d(256, 256, 3, lrelu)
        self.de_conv5_1 = conv2d(256, 512, 3, lrelu)
        self.de_conv5_2 = conv2d(512, 512, 3, lrelu)

        self.up_6 = upsample_and_concat(256, 512)
        self.de_conv6_1 = conv2d(512, 256, 3, lrelu)
        self.de_conv6_2 = conv2d(256, 256, 3, lrelu)
        self.up_7 = upsample_and_concat(128, 256)
        self.de_conv7_1 = conv2d(256, 128, 3, lrelu)
        self.de_conv7_2 = conv2d(128, 128, 3, lrelu)
        self.up_8 = upsample_and_concat(64, 128)
        self.de_conv8_1 = conv2d(128, 64, 3, lrelu)
        self.de_conv8_2 = conv2d(64, 64, 3, lrelu)
        self.up_9 = upsample_and_concat(32, 64)
        self.de_conv9_1 = conv2d(64, 32, 3, lrelu)
        self.de_conv9_2 = conv2d(32, 32, 3, lrelu)
        self.de_conv10 = conv2d(32, 3, 3)

    def forward(self, input_r: Tensor, input_i: Tensor, windows: Sequence[Window | None] = (None,) * 4) -> Tensor:
        input_all = torch.cat([input_r, input_i], 1)

        conv1 = self.de_conv1_1(input_all)
        conv1 = self.de_conv1_2(conv1)  # (n, 32, h, w)
        pool1 = max_pool2d(conv1)
        conv2 = self.de_conv2_1(pool1)
        conv2 = self.de_conv2_2(conv2)  # (n, 64, h/2, w/2)
        pool2 = max_pool2d(conv2)
        conv3 = self.de_conv3_1(pool2)
        conv3 = self.de_conv3_2(conv3)  # (n, 128, h/4, w/4)
        pool3 = max_pool2d(conv3)
        conv4 = self.de_conv4_1(pool3)
        conv4 = self.de_conv4_2(conv4)  # (n, 256, h/8, w/8)
        pool4 = max_pool2d(conv4)
        conv5 = self.de_conv5_1(pool4)
        conv5 = self.de_conv5_2(conv5)  # (n, 512, h/16, w/16)
        del input_all, pool1, pool2, pool3, pool4

        up6 = self.up_6(conv5, conv4, windows[0])  # (n, 256 + 256, h/8, w/8)
        conv6 = self.de_conv6_1(up6)
        del conv4, conv5, up6
        conv6 = self.de_conv6_2(conv6)
        up7 = self.up_7(conv6, conv3, windows[1])  # (n, 128 + 128, h/4, w/4)
        conv7 = self.de_conv7_1(up7)
        del conv3, conv6, up7
        conv7 = self.de_conv7_2(conv7)
        up8 = self.up_8(conv7, conv2, windows[2])  # (n, 64 + 64, h/2, w/2)
        conv8 = self.de_conv8_1(up8)
        del conv2, conv7, up8
        conv8 = self.de_conv8_2(conv8)
        up9 = self.up_9(conv8, conv1, windows[3])  # (n, 32 + 32, h, w)
        del conv1, conv8
        conv9 = self.de_conv9_1(up9)
        del up9
        conv9 = self.de_conv9_2(conv9)
        conv10 = self.de_conv10(conv9)
        out = sigmoid(conv10)
        return out


class Illumination_adjust_net(nn.Module):
    """Adjustment: the illumination made `input_ratio` times as strong, pixel by pixel (3.3).

    input_i: (n, 1, h, w) in [0, 1], input_ratio: (n, 1, h, w), usefully 0 to 5. Returns L_enhance (n, 1, h, w) in
    (0, 1). The last conv keeps its lrelu before the sigmoid, as in the original.
    """

    def __init__(self) -> None:
        super().__init__()
        self.en_conv_1 = conv2d(2, 32, 3, lrelu)
        self.en_conv_2 = conv2d(32, 32, 3, lrelu)
        self.en_conv_3 = conv2d(32, 32, 3, lrelu)
        self.en_conv_4 = conv2d(32, 1, 3, lrelu)

    def forward(self, input_i: Tensor, input_ratio: Tensor) -> Tensor:
        input_all = torch.cat([input_i, input_ratio], 1)

        conv1 = self.en_conv_1(input_all)  # (n, 32, h, w)
        conv2 = self.en_conv_2(conv1)
        conv3 = self.en_conv_3(conv2)
        conv4 = self.en_conv_4(conv3)
        L_enhance = sigmoid(conv4)
        return L_enhance
