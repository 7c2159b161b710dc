"""slim's layers in PyTorch: what TensorFlow does by default and PyTorch does not, and what makes it fast on a CPU.

SAME at odd sizes and slim's initialisation are done here by hand, each with its reason, so that kind_torch/model.py
reads as the original does. Every fast path gives what the plain call gives; only its rounding may differ.
kind_tf/layers.py is the same file in TensorFlow.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["batch_norm", "concat", "conv2d", "conv2d_transpose", "deconv2d", "max_pool2d", "sigmoid"]

Activation = Callable[[Tensor], Tensor]

EPSILON, MOMENTUM = 1e-3, 1 - 0.99  # tf.layers.batch_normalization's

# Activations that are max(slope x, x), which a conv can apply in its own pass over memory. model.py adds its lrelu.
SLOPES: dict[Activation, float] = {}


class _Joined(NamedTuple):
    """Tensors (n, c, h, w) that stand one behind the other on channels, and are not copied together."""

    parts: tuple[Tensor, ...]


def concat(tensors: Sequence[Tensor]) -> Any:
    """tensors, (n, c, h, w) each, one behind the other on channels: (n, sum of c, h, w).

    On a CPU in inference mode they are left where they are, for the conv that reads them: it is then a quarter faster,
    and a tile takes less memory.
    """
    if all(_is_plain(x) and _can_fuse(x) for x in tensors) and _add_conv2d is not None:
        return _Joined(tuple(tensors))
    return torch.cat(list(tensors), 1)


class conv2d(nn.Conv2d):
    """slim's and tf.layers' conv: SAME, then `activation_fn`; initialised glorot-uniform and zeros.

    x: (n, inputs, h, w), or what `concat` gave. Returns (n, outputs, h, w), at `stride` 2 (n, outputs, ceil(h/2),
    ceil(w/2)). size: of the square kernel, odd.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        activation_fn: Activation | None = None,
        *,
        bias: bool = True,
        stride: int = 1,
    ):
        # SAME at stride 1, because the size is odd; at another it hangs on the height and width, see `forward`
        super().__init__(inputs, outputs, size, stride, padding=size // 2 if stride == 1 else 0, bias=bias)
        self.activation_fn = activation_fn

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor | _Joined) -> Tensor:
        if isinstance(x, _Joined):
            return self._summed(x.parts)
        if self.stride[0] > 1:
            (top, bottom), (left, right) = (
                _same(length, self.kernel_size[0], self.stride[0]) for length in x.shape[-2:]
            )
            x = F.pad(x, (left, right, top, bottom))
        if not _is_plain(x):  # a tracer or vmap follows PyTorch's own calls only
            return self._activated(super().forward(x))
        if x.device.type == "cpu":
            x = x.contiguous(memory_format=torch.channels_last)  # in oneDNN's order nothing is turned around each conv
        slope = SLOPES.get(self.activation_fn) if self.activation_fn else None
        if _can_fuse(x):  # by oneDNN on one thread too, where PyTorch would take code that rounds otherwise
            activation = ("leaky_relu", [slope], "") if slope else ("none", [], "")
            fused: Tensor = _conv2d_activated(x, self.weight, self.bias, *self._shape, *activation)
            return fused if slope else self._activated(fused)
        if self.kernel_size == (1, 1) and _trains_on_cpu(x) and torch.get_num_threads() == 1:
            x = _linear(x, self.weight, self.bias)
        else:
            x = super().forward(x)
        if slope and _trains_on_cpu(x):
            return F.leaky_relu(x, slope, inplace=True)  # a conv's gradient does not need its result
        return self._activated(x)

    @property
    def _shape(self) -> tuple[Any, ...]:
        return self.padding, self.stride, self.dilation, self.groups

    def _activated(self, x: Tensor) -> Tensor:
        return self.activation_fn(x) if self.activation_fn else x

    def _summed(self, parts: Sequence[Tensor]) -> Tensor:
        """The conv of each part by its share of the kernel, each added in the pass over memory that computes it."""
        slope = SLOPES.get(self.activation_fn) if self.activation_fn else None
        result, first = None, 0
        for part in parts:
            weight = self.weight[:, first : first + part.shape[1]].contiguous(memory_format=torch.channels_last)
            first += part.shape[1]
            x = part.contiguous(memory_format=torch.channels_last)
            if result is None:
                result = _conv2d_activated(x, weight, self.bias, *self._shape, "none", [], "")
            else:
                _add_conv2d(result, x, weight, None, *self._shape, "add", 1.0, None, [], None)
        assert result is not None
        return F.leaky_relu_(result, slope) if slope else self._activated(result)


class deconv2d(nn.ConvTranspose2d):
    """slim's 2x2 transposed conv of stride 2, SAME, with bias, then `activation_fn`: twice the height and width.

    x: (n, inputs, h, w). Returns (n, outputs, 2h, 2w).
    """

    def __init__(self, inputs: int, outputs: int, activation_fn: Activation | None = None):
        super().__init__(inputs, outputs, 2, stride=2)
        self.activation_fn = activation_fn

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.weight)
        assert self.bias is not None  # ours always has one
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        x = super().forward(x, output_size)
        return self.activation_fn(x) if self.activation_fn else x


class batch_norm(nn.Module):
    """tf.layers' batch normalization over channels: by the moving statistics, in train mode by the batch's own.

    x: (n, channels, h, w). Returns the same. Epsilon is 1e-3 and TensorFlow's momentum 0.99, where PyTorch counts the
    other way round; the variance that is kept is the unbiased one in both.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        moments = self.running_mean, self.running_var
        return F.batch_norm(x, *moments, self.weight, self.bias, self.training, MOMENTUM, EPSILON)


def conv2d_transpose(x: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    """A 2x2 transposed conv of stride 2, SAME, without bias, to the height and width of `like`.

    x: (n, inputs, ceil(h/2), ceil(w/2)); weight: (inputs, outputs, 2, 2); like: (n, c, h, w). Returns (n, outputs, h,
    w). TensorFlow pads the far side only, so where h or w is odd the last row or column is cut off.
    """
    up = F.conv_transpose2d(x, weight, stride=2)
    if _is_any_size(like):
        return _resized(up, *like.shape[-2:])
    return up[..., : like.shape[-2], : like.shape[-1]]


def max_pool2d(x: Tensor) -> Tensor:
    """slim's 2x2 pool, stride 2, SAME: an odd height or width rounds up, which PyTorch calls ceil_mode.

    x: (n, c, h, w). Returns (n, c, ceil(h/2), ceil(w/2)).
    """
    if _is_any_size(x):
        h, w = x.shape[-2:]
        return F.max_pool2d(_resized(x, (h + 1) // 2 * 2, (w + 1) // 2 * 2), 2)
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x), of any shape.

    PyTorch computes the last few numbers of each thread's share by another formula, so that some pixels would hang on
    how many threads there are. Of what is used here none does.
    """
    if _is_plain(x) and _can_fuse(x) and x.dtype == torch.float32:
        return (1 + torch.exp(-x)).reciprocal_()
    return torch.sigmoid(x)


# oneDNN's conv with the activation in the same pass over memory, which torch.compile uses too; as fast as TensorFlow.
# The second adds its result to what is there.
_conv2d_activated: Any = None
_add_conv2d: Any = None
if torch.backends.mkldnn.is_available():
    _conv2d_activated = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
    _add_conv2d = getattr(getattr(torch.ops.mkldnn, "_convolution_pointwise_", None), "binary", None)


def _same(length: int, size: int, stride: int) -> tuple[int, int]:
    """How many zeros TensorFlow puts before and behind a side; an odd number has the one more behind."""
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


def _is_any_size(x: Tensor) -> bool:
    """Whether torch.export traces for any height or width, and not for those of its example."""
    return any(isinstance(size, torch.SymInt) for size in x.shape[-2:])


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    """x cut, or extended by its last row and column, to height x width.

    By indices, because slices and ceil_mode would bind the program to sizes as even or odd as its example's.
    """
    for axis, size in ((2, height), (3, width)):
        x = x.index_select(axis, torch.arange(size, device=x.device).clamp(max=x.shape[axis] - 1))
    return x


def _is_plain(x: Tensor) -> bool:
    """False while torch.compile or torch.export traces, inside torch.func.vmap, and in torch.jit.trace."""
    return not (
        torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._functorch.maybe_current_level() is not None
    )


def _can_fuse(x: Tensor) -> bool:
    """In inference mode only: the fused call has no gradient, and no result between conv and activation to look at."""
    return (
        _conv2d_activated is not None
        and torch.is_inference_mode_enabled()
        and x.device.type == "cpu"
        and (x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()))
        and not torch.is_autocast_enabled("cpu")
    )


def _trains_on_cpu(x: Tensor) -> bool:
    """Whether a gradient will be asked for on a CPU, where a step is bound by memory traffic."""
    return x.requires_grad and x.device.type == "cpu"


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1x1 conv on channels-last memory, as the matrix product it is.

    On one thread PyTorch's own conv leaves a 1x1 kernel to slow code; on several it takes oneDNN's, which is
    TensorFlow's to the bit.
    """
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
