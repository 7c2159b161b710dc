"""evaluate.py's fusion on PyTorch tensors: batches in, gradients through.

The numpy original of it, and what each step is for, is kindling/families/kind/fusion.py; kind_tf/fusion.py is the
mirror.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kindling.families.kind.fusion import GRAY, RADIUS, gaussian_kernel

__all__ = ["blur", "fuse", "mask"]


def fuse(image: Tensor, R: Tensor, L: Tensor, restored: Tensor, adjusted: Tensor) -> Tensor:
    """image, R, restored: (n, 3, h, w); L, adjusted: (n, 1, h, w); all in [0, 1]. Returns (n, 3, h, w) in [0, 1]."""
    fused = restored * mask(R) * adjusted
    return L * image + (1 - L) * fused


def mask(R: Tensor) -> Tensor:
    """min(sqrt(2 g), 1), g the blurred gray of R (n, 3, h, w). Returns (n, 1, h, w).

    Its gradient is infinite where 25x25 pixels of R are exactly 0, which the sigmoid that R comes from does not reach.
    """
    gray = (R * R.new_tensor(GRAY).view(3, 1, 1)).sum(1, keepdim=True)
    return torch.sqrt(blur(gray) * 2).clamp(max=1)


def blur(x: Tensor) -> Tensor:
    """A gaussian of sigma 3 along height, then width; outside the image its edge goes on. x: (n, 1, h, w)."""
    kernel = torch.as_tensor(gaussian_kernel(), dtype=x.dtype, device=x.device)
    x = F.conv2d(F.pad(x, (0, 0, RADIUS, RADIUS), mode="replicate"), kernel.view(1, 1, -1, 1))
    return F.conv2d(F.pad(x, (RADIUS, RADIUS, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
