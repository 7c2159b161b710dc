"""What several losses share: a look at what they are given, gray, gaussian means, and borders that go on.

kind_tf/losses/tools.py is the same file in TensorFlow.
"""

import functools
import operator
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kindling.core import checks
from kindling.core.errors import KindlingError

GRAY = (0.2989, 0.587, 0.114)  # tf.image.rgb_to_grayscale
ROUNDING = 1e-3  # how far beyond [0, 1] a target may be: resizing overshoots by so much


def finfo(x: Tensor) -> torch.finfo:
    """The limits of its dtype."""
    return torch.finfo(x.dtype)


def check_pair(prediction: Tensor, target: Tensor, first: str = "prediction") -> None:
    """Refuse all but two tensors of floats, of one dtype and one shape. first: what the first one is called."""
    pair = {first: prediction, "target": target}
    for name, x in pair.items():
        if not isinstance(x, torch.Tensor):
            raise KindlingError(f"{name} is a {type(x).__name__}, expected a torch.Tensor: torch.as_tensor makes one")
    checks.check_match(**{name: (x.shape, _dtype(x)) for name, x in pair.items()})


def check_images(
    prediction: Tensor,
    target: Tensor,
    channels: Sequence[int] = (),
    least: int = 1,
    why: str = "",
    first: str = "prediction",
) -> None:
    """Refuse all but two batches of images, (n, c, h, w), with so many channels (none: any) and pixels a side."""
    check_pair(prediction, target, first)
    checks.check_images("target", target.shape, "NCHW", channels, least, why)


def check_scores(**scores: Tensor) -> None:
    """Refuse what a discriminator does not say: other than floats, or nothing at all."""
    for name, x in scores.items():
        checks.check_floats(name, _dtype(x))
        if 0 in x.shape:
            raise KindlingError(f"{name} has shape {tuple(x.shape)}: there is nothing in it")


def check_range(name: str, x: Tensor, slack: float = 0.0) -> None:
    """Refuse values beyond [0, 1]. While a graph is traced there are none yet, and nothing is refused."""
    if not torch.compiler.is_compiling():
        low, high = torch.aminmax(x.detach())
        checks.check_range(name, low.item(), high.item(), slack)


def check_classes(name: str, x: Tensor) -> None:
    """Refuse what is not probabilities that sum to 1 along axis 1, its classes."""
    if x.ndim < 2:
        raise KindlingError(f"{name} has shape {tuple(x.shape)}, expected (n, classes, ...)")
    check_range(name, x)
    if not torch.compiler.is_compiling():
        checks.check_sum(name, *(edge.item() for edge in torch.aminmax(x.detach().sum(1))))


def total(parts: Iterable[Tensor]) -> Tensor:
    """The sum of one or more tensors."""
    return functools.reduce(operator.add, parts)


def gray(x: Tensor) -> Tensor:
    """(n, 3, h, w) -> (n, 1, h, w)"""
    return (x * x.new_tensor(GRAY).view(3, 1, 1)).sum(1, keepdim=True)


def singly(x: Tensor) -> Tensor:
    """Every channel by itself: (n, c, h, w) -> (n c, 1, h, w)"""
    return x.reshape(-1, 1, *x.shape[-2:])


def gaussian_mean(x: Tensor, size: int, sigma: float) -> Tensor:
    """The gaussian mean around every pixel whose window of size x size fits.

    x: (n, 1, h, w). Returns (n, 1, h - size + 1, w - size + 1).
    """
    offsets = torch.arange(size, dtype=x.dtype, device=x.device) - size // 2
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    n, kernel = len(x), kernel / kernel.sum()
    if x.device.type == "cpu":
        down = kernel.view(1, 1, -1, 1).expand(n, 1, -1, 1)
        # The images stand as the channels of one: the same sums, and a tenth of the time that n of one take.
        x = x.transpose(0, 1).contiguous(memory_format=torch.channels_last)
        return F.conv2d(F.conv2d(x, down, groups=n), down.transpose(2, 3), groups=n).transpose(0, 1)
    return _shifted_sum(_shifted_sum(x, kernel, 2), kernel, 3)


def with_edges(x: Tensor, before: int, after: int) -> Tensor:
    """The first row of x (n, c, h, w) repeated `before` times in front of it, the last `after` times behind it."""
    parts = [x[:, :, :1].expand(-1, -1, before, -1), x, x[:, :, -1:].expand(-1, -1, after, -1)]
    return torch.cat([part for part in parts if part.shape[2]], 2)


def turned(x: Tensor) -> Tensor:
    """Rows as columns: (n, c, h, w) -> (n, c, w, h)"""
    return x.transpose(2, 3)


def floored_log(p: Tensor, floor: float = 1e-7) -> Tensor:
    """log(max(p, floor)) for p in [0, 1]; below the floor it keeps the slope it has there, so what is wrong learns."""
    return torch.log(p + (p.clamp(min=floor) - p).detach())


def root(x: Tensor) -> Tensor:
    """sqrt(x) for x >= 0, with the slope 0 at 0."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1).sqrt(), 0)


def _shifted_sum(x: Tensor, kernel: Tensor, axis: int) -> Tensor:
    """A conv along one axis, as a sum of shifted images.

    A GPU may round what a conv multiplies to ten bits (TF32), and a variance, the difference of two means, drowns.
    """
    length = x.shape[axis] - len(kernel) + 1
    return total(weight * x.narrow(axis, k, length) for k, weight in enumerate(kernel.unbind()))


def _dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
