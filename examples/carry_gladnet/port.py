"""GLADNet in PyTorch: all that a person writes to carry it. `FirstTry` is how one would write it at first."""

import torch
from torch import nn
from torch.nn import functional as F


class GLADNet(nn.Module):
    """(n, 3, h, w) in [0, 1] -> the same, brighter."""

    def __init__(self):
        super().__init__()
        for k in range(1, 7):
            setattr(self, f"p_conv{k}", nn.Conv2d(64 if k > 1 else 3, 64, 3, stride=2))
        for k in range(1, 7):
            setattr(self, f"p_deconv{k}", nn.Conv2d(64, 64, 3, padding=1))
        for k, (inputs, outputs) in enumerate([(67, 128), *[(128, 128)] * 3, (128, 3)], start=1):
            setattr(self, f"a_conv{k}", nn.Conv2d(inputs, outputs, 3, padding=1))

    def pad(self, x):
        """TensorFlow's SAME at stride 2: at even sizes nothing in front, one pixel behind."""
        near = x.shape[-1] % 2
        return F.pad(x, (near, 1, near, 1))

    def forward(self, x):
        down = [F.interpolate(x, (96, 96))]
        for k in range(1, 7):
            down.append(torch.relu(getattr(self, f"p_conv{k}")(self.pad(down[-1]))))
        y = down.pop()
        for k, skip in enumerate(reversed(down), start=1):
            y = torch.relu(getattr(self, f"p_deconv{k}")(F.interpolate(y, skip.shape[2:])))
            y = y + skip if k < 6 else y
        y = torch.cat([F.interpolate(y, x.shape[2:]), x], 1)
        for k in range(1, 6):
            y = torch.relu(getattr(self, f"a_conv{k}")(y))
        return y


class FirstTry(GLADNet):
    """padding=1, as every tutorial has it for a 3x3 convolution."""

    def __init__(self):
        super().__init__()
        for k in range(1, 7):
            getattr(self, f"p_conv{k}").padding = (1, 1)

    def pad(self, x):
        return x
