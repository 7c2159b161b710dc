"""A torch.nn.Module as parity sees it: NHWC arrays in, every output and every module's result out, in either precision.

The module itself is never touched: a copy of it, in evaluation mode, is run with hooks on every module inside.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from kindling.core.optional import import_framework
from kindling.parity.moves import Array

Layout = Literal["channels last", "same"]
"""channels last: arrays of four and five axes are (n, h, w, c) for the reference, (n, c, h, w) for the port."""
Precision = Literal["float32", "float64"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run gave, in the reference's axis order."""

    outputs: Mapping[str, Array]
    """By the port's own names where it returns a dictionary, else numbered from 0."""
    layers: Mapping[str, Array] = field(default_factory=dict)
    """By the modules' names, in the order in which they ran; `conv (2)` is the second call of conv."""
    inputs: Mapping[str, Array] = field(default_factory=dict)
    """What each of them was given."""


class Port:
    """A copy of a module in one precision."""

    def __init__(self, module: Any, precision: Precision, layout: Layout = "channels last"):
        self.torch = import_framework("torch", "comparing with a PyTorch module")
        self.name = type(module).__name__
        own = copy.deepcopy(module).eval().cpu().to(getattr(self.torch, precision))
        if not any(True for _ in own.children()):  # a single layer becomes the only one of a net
            own = _net_of(self.torch, self.name.lower(), own)
        self.module = own
        self.precision, self.layout = precision, layout

    def run(self, arrays: Sequence[Array], watch: Callable[[str, Array], None] | None = None) -> Run:
        """One run on the reference's inputs. Raises whatever the module raises.

        watch: is shown every layer when it is there, and may end the run by raising.
        """
        layers: dict[str, Array] = {}
        inputs: dict[str, Array] = {}
        handles = [
            module.register_forward_hook(
                self._hook(name, layers, inputs, watch), prepend=True
            )  # before what is put behind it
            for name, module in self.module.named_modules()
            if name
        ]
        try:
            with self.torch.no_grad():
                given = self.module(*(self._given(array) for array in arrays))
        finally:
            for handle in handles:
                handle.remove()
        outputs = {name: self._taken(tensor) for name, tensor in flat(given).items()}
        return Run(outputs=outputs, layers=layers, inputs=inputs)

    def _hook(
        self, name: str, layers: dict[str, Array], inputs: dict[str, Array], watch: Callable[[str, Array], None] | None
    ) -> Any:
        def keep(module: Any, given: Any, result: Any) -> None:
            first = next(iter(flat(result).values()), None)
            if first is None:
                return
            times = sum(key == name or key.startswith(f"{name} (") for key in layers)
            called = f"{name} ({times + 1})" if times else name
            layers[called] = self._taken(first)
            if given and hasattr(given[0], "detach"):
                inputs[called] = self._taken(given[0])
            if watch is not None:
                watch(called, layers[called])

        return keep

    def _given(self, array: Array) -> Any:
        turned = np.moveaxis(array, -1, 1) if self.layout == "channels last" and array.ndim in (4, 5) else array
        tensor = self.torch.from_numpy(np.array(turned, order="C"))
        return tensor.to(getattr(self.torch, self.precision)) if array.dtype.kind == "f" else tensor

    def _taken(self, tensor: Any) -> Array:
        array: Array = tensor.detach().cpu().numpy()
        turned = np.moveaxis(array, 1, -1) if self.layout == "channels last" and array.ndim in (4, 5) else array
        return np.array(turned, order="C")  # its own: what follows may write into the tensor


def _net_of(torch: Any, name: str, layer: Any) -> Any:
    """A net that is one layer, so that the layer has a name."""

    class Net(torch.nn.Module):
        def forward(self, *arrays: Any) -> Any:
            return getattr(self, name)(*arrays)

    net = Net()
    net.add_module(name, layer)
    return net.eval()


def flat(result: Any) -> dict[str, Any]:
    """Every array of a result by name: of a dictionary by its keys, of a tuple by number, of one array as 0."""
    if isinstance(result, Mapping):
        pairs = [(str(key), value) for key, value in result.items()]
    elif isinstance(result, (list, tuple)):
        pairs = [(str(k), value) for k, value in enumerate(result)]
    else:
        return {"0": result} if hasattr(result, "shape") else {}
    found = {}
    for key, value in pairs:
        for inside, array in flat(value).items():
            found[key if hasattr(value, "shape") else f"{key}/{inside}"] = array
    return found
