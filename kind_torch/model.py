"""KinD's model.py in PyTorch: the five original functions, the nets as modules of the same names.

Zhang, Zhang, Guo, "Kindling the Darkness", ACM MM 2019, section 3. Every submodule is called by its slim scope, so
that `DecomNet/g_conv1_1/weights` is `DecomNet.g_conv1_1.weight`. Tensors are NCHW in [0, 1]. What TensorFlow does by
default and PyTorch does not (SAME pools and up-convs at odd sizes, the slope at 0, slim's initialisation) is done
here by hand, each with its reason.

kind_tf/model.py is the same file in TensorFlow.
"""

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["DecomNet_simple", "Illumination_adjust_net", "Restoration_net", "lrelu", "upsample_and_concat"]


def lrelu(x, trainbable=None):
    """max(0.2 x, x), whose slope at exactly 0 is 0.2. `trainbable` is unused and misspelt in the original."""
    return F.leaky_relu(x, 0.2)  # torch.maximum would split the gradient at 0 between its sides: slope 0.6


class upsample_and_concat(nn.Module):
    """Double the resolution of x1 to that of x2 and put x2, the skip, behind it.

    x1: (n, in_channels, ceil(h/2), ceil(w/2)); x2: (n, c, h, w). Returns (n, output_channels + c, h, w). Where h or w
    is odd, the last row or column of the transposed conv falls away. The kernel has no bias and no activation.
    window: a kindling.families.reach.Window; both are then cut down to it first.
    """

    def __init__(self, output_channels, in_channels):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_channels, output_channels, 2, 2))
        nn.init.xavier_uniform_(self.weight)  # tf.get_variable's default

    def forward(self, x1, x2, window=None):
        if window:
            x1, x2 = x1[..., *window.below], x2[..., *window.skip]
        up = F.conv_transpose2d(x1, self.weight, stride=2)
        up = up[..., : x2.shape[-2], : x2.shape[-1]]  # TF's SAME pads the far side only, so the crop is there
        return torch.cat([up, x2], 1)


class DecomNet_simple(nn.Module):
    """Decomposition: a photo into reflectance and illumination (paper, section 3.1).

    input: (n, 3, h, w) in [0, 1]. Returns R_out (n, 3, h, w) and L_out (n, 1, h, w), both in (0, 1).
    """

    def __init__(self):
        super().__init__()
        self.g_conv1_1 = _Conv2d(3, 32, 3)
        self.g_conv2_1 = _Conv2d(32, 64, 3)
        self.g_conv3_1 = _Conv2d(64, 128, 3)
        self.g_up_1 = upsample_and_concat(64, 128)
        self.g_conv8_1 = _Conv2d(128, 64, 3)
        self.g_up_2 = upsample_and_concat(32, 64)
        self.g_conv9_1 = _Conv2d(64, 32, 3)
        self.g_conv10 = _Conv2d(32, 3, 1, activation_fn=None)
        self.l_conv1_2 = _Conv2d(32, 32, 3)
        self.l_conv1_4 = _Conv2d(64, 1, 1, activation_fn=None)

    def forward(self, input):
        conv1 = self.g_conv1_1(input)  # (n, 32, h, w)
        conv2 = self.g_conv2_1(_max_pool2d(conv1))  # (n, 64, h/2, w/2)
        conv3 = self.g_conv3_1(_max_pool2d(conv2))  # (n, 128, h/4, w/4)
        conv8 = self.g_up_1(conv3, conv2)  # (n, 64 + 64, h/2, w/2)
        del conv2, conv3  # what is done with goes, or a tile takes half as much memory again
        conv8 = self.g_conv8_1(conv8)
        conv9 = self.g_up_2(conv8, conv1)  # (n, 32 + 32, h, w)
        del conv8
        conv9 = self.g_conv9_1(conv9)
        R_out = torch.sigmoid(self.g_conv10(conv9))

        l_conv2 = self.l_conv1_2(conv1)
        del conv1
        L_out = torch.sigmoid(self.l_conv1_4(torch.cat([l_conv2, conv9], 1)))  # of (n, 32 + 32, h, w)
        return R_out, L_out


class Restoration_net(nn.Module):
    """Restoration: a U-Net of five levels cleans the reflectance, told by the illumination where it was dark (3.2).

    input_r: (n, 3, h, w), input_i: (n, 1, h, w), both in [0, 1]. Returns out (n, 3, h, w) in (0, 1).
    windows: what each up-conv is cut down to (kindling/families/reach.py); the result is then smaller.
    """

    def __init__(self):
        super().__init__()
        self.de_conv1_1 = _Conv2d(4, 32, 3)
        self.de_conv1_2 = _Conv2d(32, 32, 3)
        self.de_conv2_1 = _Conv2d(32, 64, 3)
        self.de_conv2_2 = _Conv2d(64, 64, 3)
        self.de_conv3_1 = _Conv2d(64, 128, 3)
        self.de_conv3_2 = _Conv2d(128, 128, 3)
        self.de_conv4_1 = _Conv2d(128, 256, 3)
        self.de_conv4_2 = _Conv2d(256, 256, 3)
        self.de_conv5_1 = _Conv2d(256, 512, 3)
        self.de_conv5_2 = _Conv2d(512, 512, 3)

        self.up_6 = upsample_and_concat(256, 512)
        self.de_conv6_1 = _Conv2d(512, 256, 3)
        self.de_conv6_2 = _Conv2d(256, 256, 3)
        self.up_7 = upsample_and_concat(128, 256)
        self.de_conv7_1 = _Conv2d(256, 128, 3)
        self.de_conv7_2 = _Conv2d(128, 128, 3)
        self.up_8 = upsample_and_concat(64, 128)
        self.de_conv8_1 = _Conv2d(128, 64, 3)
        self.de_conv8_2 = _Conv2d(64, 64, 3)
        self.up_9 = upsample_and_concat(32, 64)
        self.de_conv9_1 = _Conv2d(64, 32, 3)
        self.de_conv9_2 = _Conv2d(32, 32, 3)
        self.de_conv10 = _Conv2d(32, 3, 3, activation_fn=None)

    def forward(self, input_r, input_i, windows=(None,) * 4):
        conv1 = self.de_conv1_1(torch.cat([input_r, input_i], 1))
        conv1 = self.de_conv1_2(conv1)  # (n, 32, h, w)
        conv2 = self.de_conv2_1(_max_pool2d(conv1))
        conv2 = self.de_conv2_2(conv2)  # (n, 64, h/2, w/2)
        conv3 = self.de_conv3_1(_max_pool2d(conv2))
        conv3 = self.de_conv3_2(conv3)  # (n, 128, h/4, w/4)
        conv4 = self.de_conv4_1(_max_pool2d(conv3))
        conv4 = self.de_conv4_2(conv4)  # (n, 256, h/8, w/8)
        conv5 = self.de_conv5_1(_max_pool2d(conv4))
        conv5 = self.de_conv5_2(conv5)  # (n, 512, h/16, w/16)

        conv6 = self.up_6(conv5, conv4, windows[0])  # (n, 256 + 256, h/8, w/8)
        del conv5, conv4
        conv6 = self.de_conv6_1(conv6)
        conv6 = self.de_conv6_2(conv6)
        conv7 = self.up_7(conv6, conv3, windows[1])  # (n, 128 + 128, h/4, w/4)
        del conv6, conv3
        conv7 = self.de_conv7_1(conv7)
        conv7 = self.de_conv7_2(conv7)
        conv8 = self.up_8(conv7, conv2, windows[2])  # (n, 64 + 64, h/2, w/2)
        del conv7, conv2
        conv8 = self.de_conv8_1(conv8)
        conv8 = self.de_conv8_2(conv8)
        conv9 = self.up_9(conv8, conv1, windows[3])  # (n, 32 + 32, h, w)
        del conv8, conv1
        conv9 = self.de_conv9_1(conv9)
        conv9 = self.de_conv9_2(conv9)
        return torch.sigmoid(self.de_conv10(conv9))


class Illumination_adjust_net(nn.Module):
    """Adjustment: the illumination made `input_ratio` times as strong, pixel by pixel (3.3).

    input_i: (n, 1, h, w) in [0, 1], input_ratio: (n, 1, h, w), usefully 0 to 5. Returns L_enhance (n, 1, h, w) in
    (0, 1). The last conv keeps its lrelu before the sigmoid, as in the original.
    """

    def __init__(self):
        super().__init__()
        self.en_conv_1 = _Conv2d(2, 32, 3)
        self.en_conv_2 = _Conv2d(32, 32, 3)
        self.en_conv_3 = _Conv2d(32, 32, 3)
        self.en_conv_4 = _Conv2d(32, 1, 3)

    def forward(self, input_i, input_ratio):
        conv1 = self.en_conv_1(torch.cat([input_i, input_ratio], 1))  # (n, 32, h, w)
        conv2 = self.en_conv_2(conv1)
        conv3 = self.en_conv_3(conv2)
        return torch.sigmoid(self.en_conv_4(conv3))


class _Conv2d(nn.Conv2d):
    """slim's conv: stride 1, SAME, bias, then `activation_fn`; initialised glorot-uniform and zeros."""

    def __init__(self, inputs, outputs, size, activation_fn=lrelu):
        super().__init__(inputs, outputs, size, padding=size // 2)  # for odd kernels, this is SAME
        self.activation_fn = activation_fn

    def reset_parameters(self):
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x):
        if x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last)  # oneDNN's order: no turning before and after each conv
        if self.activation_fn is lrelu and _can_fuse(x):
            return _conv2d_lrelu(x, self.weight, self.bias, self.padding, self.stride, self.dilation, 1, *_LRELU)
        if self.kernel_size == (1, 1) and _trains_on_cpu(x) and torch.get_num_threads() == 1:
            x = _linear(x, self.weight, self.bias)
        else:
            x = super().forward(x)
        if self.activation_fn is lrelu and _trains_on_cpu(x):
            return F.leaky_relu(x, 0.2, inplace=True)  # the conv's gradient does without its result
        return x if self.activation_fn is None else self.activation_fn(x)


# oneDNN's conv with the activation in the same pass over memory, which torch.compile uses too: as fast as TensorFlow.
_conv2d_lrelu = (
    getattr(torch.ops.mkldnn, "_convolution_pointwise", None) if torch.backends.mkldnn.is_available() else None
)
_LRELU = "leaky_relu", [0.2], ""


def _can_fuse(x):
    """In inference mode only: it has no gradient, and no result between conv and activation to look at."""
    return (
        _conv2d_lrelu is not None
        and torch.is_inference_mode_enabled()
        and x.device.type == "cpu"
        and x.dtype == torch.float32
    )


def _trains_on_cpu(x):
    """Where a gradient will be asked for, and memory is slow: there a step saves what passes over it it can."""
    return x.requires_grad and x.device.type == "cpu"


def _linear(x, weight, bias):
    """A 1x1 conv on channels-last memory, as the matrix product it is. On one thread PyTorch's own conv leaves such a
    one to a slow kernel; on several it takes oneDNN's, which is TensorFlow's to the bit.
    """
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


def _max_pool2d(x):
    """slim's 2x2 pool, stride 2, SAME: an odd height or width rounds up, which PyTorch calls ceil_mode."""
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)
