"""KinD as one object: the three nets under their names, and the four things to do with them.

kind_tf/kind.py is the same class in TensorFlow.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental import _config

from kind_torch import fusion, model
from kindling.core.checks import check_dtype, check_floats, check_input, check_nets, check_same_size, check_state
from kindling.core.errors import MissingNetError
from kindling.core.names import TO_SLIM, slim_name, to_slim, to_torch
from kindling.families.kind.nets import RESTORATION
from kindling.families.reach import Spans

__all__ = ["KinD"]

NETS = {
    "DecomNet": model.DecomNet_simple,
    "Restoration_net": model.Restoration_net,
    "Illumination_adjust_net": model.Illumination_adjust_net,
}


class KinD(nn.Module):
    """The nets of KinD (Zhang et al., ACM MM 2019) as PyTorch modules; tensors NCHW in [0, 1].

    nets: which of the three to build, by default all; freshly initialised as slim does. dtype: "float32", "float64" or
    another float of PyTorch's. `source` names where the weights came from, for error messages. A net that was not
    built is a MissingNetError wherever it is asked for. Under torch.autocast inputs of any float will do, and between
    the nets halves are handed on.

    >>> import torch
    >>> R, L = KinD(["DecomNet"]).decompose(torch.rand(1, 3, 5, 7))
    >>> R.shape, L.shape
    (torch.Size([1, 3, 5, 7]), torch.Size([1, 1, 5, 7]))
    """

    def __init__(
        self, nets: Sequence[str] = tuple(NETS), dtype: str | torch.dtype = "float32", source: str = "this model"
    ):
        super().__init__()
        check_nets(nets, tuple(NETS))
        self.source = source
        for net in nets:
            self.add_module(net, NETS[net]())
        self.to(dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype))

    def __getattr__(self, name: str) -> Any:
        """An nn.Module looks up its parts here; a net of KinD that is not among them gets a sentence."""
        if name in NETS and name not in self._modules:
            present = ", ".join(self._modules) or "no net"
            raise MissingNetError(
                f"{self.source} holds {present}, so {name} has no weights; load a file that holds it too"
            )
        return super().__getattr__(name)

    def decompose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A photo into reflectance and illumination. x: (n, 3, h, w). Returns R (n, 3, h, w), L (n, 1, h, w)."""
        net = self.DecomNet
        _check(net, x=(x, 3))
        with _sizes_of_one_allowed():
            return net(x)

    def restore(self, r: Tensor, i: Tensor, core: Spans | None = None) -> Tensor:
        """Clean the reflectance. r: (n, 3, h, w), i: (n, 1, h, w). Returns (n, 3, h, w).

        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.Restoration_net
        _check(net, r=(r, 3), i=(i, 1))
        if core is None:
            with _sizes_of_one_allowed():
                return net(r, i)
        cuts, inside = RESTORATION.reach.windows(core, r.shape[-2:])
        return net(r, i, cuts)[..., *inside]

    def adjust(self, i: Tensor, ratio: float | Sequence[float] | Tensor) -> Tensor:
        """Light the illumination. i: (n, 1, h, w); ratio, usefully 0 to 5: a number, n numbers, or a map (n, 1, h, w).

        Returns (n, 1, h, w).
        """
        net = self.Illumination_adjust_net
        _check(net, i=(i, 1))
        ratio = torch.as_tensor(ratio, dtype=i.dtype, device=i.device)
        if ratio.ndim == 0:
            ratio = ratio.expand(i.shape)
        elif ratio.ndim == 1:
            ratio = ratio.reshape(-1, 1, 1, 1).expand(-1, -1, *i.shape[-2:])
        _check(net, i=(i, 1), ratio=(ratio, 1))
        return net(i, ratio)

    def enhance(self, x: Tensor, ratio: float | Sequence[float] | Tensor = 5.0) -> Tensor:
        """The whole of evaluate.py after loading: decompose, restore, adjust, fuse.

        x: (n, 3, h, w) in [0, 1]. It is taken as it is: stretch a photo to its own minimum and maximum first, as
        evaluate.py does and `kindling.images.load_images` does, or a dark one comes out otherwise. ratio: as in
        `adjust`. Returns (n, 3, h, w) in [0, 1].
        """
        with _sizes_of_one_allowed():
            R, L = self.decompose(x)
            return fusion.fuse(x, R, L, self.restore(R, L), self.adjust(L, ratio))

    def forward(self, x: Tensor, ratio: float | Sequence[float] | Tensor = 5.0) -> Tensor:
        """`enhance`, so that KinD is a module like any other."""
        return self.enhance(x, ratio)

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the weights as arrays, under their slim names, in TF axis order."""
        return to_slim({key: value.detach().cpu().numpy() for key, value in self.state_dict().items()})

    def assign(self, state: Mapping[str, np.ndarray]) -> None:
        """Set every weight from an array of the same slim name and shape, cast to the model's dtype.

        Raises KindlingError, and changes nothing, if a name is missing or extra or a shape is another.
        """
        shapes = {slim_name(key): _slim_shape(value) for key, value in self.state_dict().items()}
        check_state(self.source, shapes, {name: array.shape for name, array in state.items()})
        self.load_state_dict({key: torch.from_numpy(array) for key, array in to_torch(state).items()})


def _sizes_of_one_allowed() -> contextlib.AbstractContextManager[object]:
    """Lets torch.export trace one program for all sizes, where by default those that any pool makes 1 are left out."""
    if torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling():
        return _config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    return contextlib.nullcontext()


def _check(net: nn.Module, **inputs: tuple[Tensor, int]) -> None:
    """Refuse what are no batches of images of one size, or are of other numbers than the net computes in.

    inputs: name=(tensor, channels). Nothing is looked at while torch.jit.trace records: sizes are tensors there.
    """
    if torch.jit.is_tracing():
        return
    (first, (like, _)), *_ = inputs.items()
    for name, (x, channels) in inputs.items():
        check_input(name, x.shape, channels, "NCHW")
        _check_dtype(name, x, _dtype_of(net))
        check_same_size(first, like.shape, name, x.shape, "NCHW")


def _check_dtype(name: str, x: Tensor, dtype: torch.dtype) -> None:
    place = x.device.type
    casts = torch.amp.is_autocast_available(place) and torch.is_autocast_enabled(place)
    if casts and torch.float64 not in (x.dtype, dtype):
        check_floats(name, _name(x.dtype))  # PyTorch brings these together by itself
    else:
        check_dtype(name, _name(x.dtype), _name(dtype))


def _dtype_of(net: nn.Module) -> torch.dtype:
    """Of a layer's weight; `net.parameters()` is empty in the copies that nn.DataParallel makes for each GPU."""
    weights = (getattr(module, "weight", None) for module in net.modules())
    return next(weight.dtype for weight in weights if isinstance(weight, Tensor))


def _slim_shape(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape[axis] for axis in TO_SLIM) if value.ndim == 4 else tuple(value.shape)


def _name(dtype: torch.dtype) -> str:
    """`torch.float32` -> `float32`, as TensorFlow and numpy call it."""
    return str(dtype).removeprefix("torch.")
