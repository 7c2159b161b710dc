"""The nets of a family as one module: built by their scopes, their weights in and out under slim names.

kind_torch/kind.py and kind_torch/families/ say which nets and what to do with them. kind_tf/nets.py is the same class
in TensorFlow.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx.experimental import _config

from kindling.core.checks import check_dtype, check_floats, check_input, check_nets, check_same_size, check_state
from kindling.core.errors import MissingNetError
from kindling.core.names import TO_SLIM, slim_name, to_slim, to_torch
from kindling.families.family import Family

__all__ = ["Nets"]


class Nets(nn.Module):
    """nets: which of the family's to build, by default all; freshly initialised as their authors do. dtype: "float32",
    "float64" or another float of PyTorch's. `source` names where the weights came from, for error messages. A net that
    was not built is a MissingNetError wherever it is asked for.
    """

    family: ClassVar[Family]
    parts: ClassVar[Mapping[str, Callable[[], nn.Module]]]
    """Scope -> the class of the net."""
    float32_bytes: ClassVar[int]
    """What the nets take for each pixel of a tile, as benchmarks/enhance.py measures it."""
    ops: ClassVar[Mapping[str, str]] = {}
    """What PyTorch's calls inside the modules of a net are named in the authors' graph, beside kind_torch/arrays.py."""

    scopes: ClassVar[Mapping[str, str]]
    """What a net does -> its scope; of every class, by its family."""

    def __init_subclass__(cls) -> None:
        cls.scopes = {net.verb: net.scope for net in cls.family.nets}

    def __init__(
        self, nets: Sequence[str] | None = None, dtype: str | torch.dtype = "float32", source: str = "this model"
    ):
        super().__init__()
        nets = tuple(self.parts) if nets is None else nets
        check_nets(nets, tuple(self.parts), self.family.title)
        self.source = source
        for net in nets:
            self.add_module(net, self.parts[net]())
        self.to(dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype))

    def __getattr__(self, name: str) -> Any:
        """An nn.Module looks up its parts here; a net of the family that is not among them gets a sentence."""
        if name in self.parts and name not in self._modules:
            raise MissingNetError(self.family.lacks(self._modules, self.source, name))
        return super().__getattr__(name)

    def net(self, verb: str) -> Any:
        """The net that does `verb`."""
        return getattr(self, self.scopes[verb])

    def fit(self, net: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs of a net in a size that it can have; of most nets as they are."""
        return inputs

    @staticmethod
    def check(net: nn.Module, **inputs: tuple[Tensor, int]) -> None:
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

    @staticmethod
    def sizes_of_one_allowed() -> contextlib.AbstractContextManager[object]:
        """Lets torch.export trace one program for all sizes, by default without those that any pool makes 1."""
        if torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling():
            return _config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
        return contextlib.nullcontext()

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the weights as arrays, under their slim names, in TF axis order."""
        arrays = {key: value.detach().cpu().numpy() for key, value in self.state_dict().items()}
        return to_slim(arrays, self.family.variables)

    def assign(self, state: Mapping[str, np.ndarray]) -> None:
        """Set every weight from an array of the same slim name and shape, cast to the model's dtype.

        Raises KindlingError, and changes nothing, if a name is missing or extra or a shape is another.
        """
        own = self.state_dict().items()
        shapes = {slim_name(key, self.family.variables): _slim_shape(value) for key, value in own}
        check_state(self.source, shapes, {name: array.shape for name, array in state.items()})
        self.load_state_dict({key: torch.from_numpy(array) for key, array in to_torch(state).items()})


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
