"""The one place where kind_torch meets plain arrays: run a net, the chain, or every layer, NHWC numpy in and out.

Beside it, which device a word means.

kind_tf/arrays.py is the same in TensorFlow; parity and the photo pipeline call either without knowing which.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kind_torch.nets import Nets
from kindling.core.errors import KindlingError

__all__ = ["choose_device", "layers", "run"]

# What each PyTorch call is named in the authors' graph. An up-conv counts once it is cropped to its skip.
LAYER_OPS = {
    "conv2d": "BiasAdd",
    "conv_transpose2d": "BiasAdd",
    "batch_norm": "FusedBatchNormV3",
    "leaky_relu": "Maximum",
    "relu": "Relu",
    "mul": "mul",
    "max_pool2d": "MaxPool2D/MaxPool",
    "__getitem__": "{scope}",
    "cat": "concat",
    "sigmoid": "Sigmoid",
}


def choose_device(device: str | torch.device) -> torch.device:
    """The device that a word means: "cpu", "cuda", "cuda:1", "mps"; "auto" is a GPU where PyTorch sees one, else "cpu".

    "meta" is PyTorch's device without memory, on which shapes alone are computed. A device that PyTorch does not see,
    or does not know, is a KindlingError.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    counts = {"cpu": 1, "meta": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    try:
        place = torch.device(device)
        count = counts[place.type]
    except (RuntimeError, TypeError, KeyError):
        known = "auto, cpu, cuda, cuda:1 and so on, mps"
        raise KindlingError(f"there is no device {str(device)!r}; there are {known}") from None
    if (place.index or 0) >= count:
        raise KindlingError(f"PyTorch sees no {device} here: it sees {count} of that kind")
    return place


def run(kind: Nets, step: str, *arrays: np.ndarray, **options: Any) -> tuple[np.ndarray, ...]:
    """One step ("decompose", "restore", "adjust" or "enhance") on NHWC arrays. Always returns a tuple."""
    with torch.inference_mode():
        results = getattr(kind, step)(*(_tensor(kind, x) for x in arrays), **options)
    results = results if isinstance(results, tuple) else (results,)
    return tuple(_array(result) for result in results)


def layers(kind: Nets, net: str, *arrays: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Every layer of one net in the order it runs: its op name in the authors' graph, its result as an NHWC array.

    net: its scope, such as "DecomNet"; arrays: its inputs, NHWC. What is recorded is what really ran: every PyTorch
    call in LAYER_OPS, under the scope of the module that made it. An error in the net comes after the layers that did
    run.
    """
    module = getattr(kind, net)
    inputs = kind.fit(net, *(_tensor(kind, x) for x in arrays))
    recorder = _Recorder(net, LAYER_OPS | dict(kind.ops))
    hooks = []
    for path, child in module.named_modules():
        if path:
            name = path.rpartition(".")[2]
            hooks.append(child.register_forward_pre_hook(lambda *_, name=name: recorder.scopes.append(name)))
            hooks.append(child.register_forward_hook(lambda *_: recorder.leave()))
    failure = None
    try:
        with torch.no_grad(), recorder:  # not inference mode: there conv and activation are one call
            module(*inputs)
    except Exception as error:  # noqa: BLE001 - raised again below, once the layers before it are handed out
        failure = error
    finally:
        for hook in hooks:
            hook.remove()
    yield from recorder.results.items()
    if failure:
        raise failure


class _Recorder(TorchFunctionMode):
    """Keeps the result of every call named in LAYER_OPS, named as TensorFlow would name it.

    inside: what calls are named that a module of the net makes, and not the net itself.
    """

    def __init__(self, net: str, inside: Mapping[str, str]):
        super().__init__()
        self.scopes, self.inside = [net], inside
        self.results: dict[str, np.ndarray] = {}

    def leave(self) -> None:
        """The scope that was entered last is over."""
        self.scopes.pop()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        called = getattr(func, "__name__", "")
        op = (self.inside if len(self.scopes) > 1 else LAYER_OPS).get(called)
        if called.startswith("conv") and (args[2] if len(args) > 2 else None) is None:
            op = {"conv2d": "Conv2D"}.get(called, "")  # without a bias there is none to add
        if op and result.ndim == 4:  # a layer's are images
            self.results[self._unique(op.format(scope=self.scopes[-1]))] = _array(result)
        return result

    def _unique(self, op: str) -> str:
        """`Sigmoid`, then `Sigmoid_1`, within one scope, as TensorFlow counts; the suffix goes on the first part."""
        first, *rest = op.split("/")
        count = 0
        while True:
            numbered = "/".join([*self.scopes, f"{first}_{count}" if count else first, *rest])
            if numbered not in self.results:
                return numbered
            count += 1


def _tensor(kind: Nets, array: np.ndarray) -> Tensor:
    """NHWC array -> NCHW tensor of the model's dtype, on its device; in memory still NHWC, so nothing is copied."""
    like = next(kind.parameters())
    return torch.as_tensor(np.ascontiguousarray(array)).permute(0, 3, 1, 2).to(like.device, like.dtype)


def _array(tensor: Tensor) -> np.ndarray:
    """NCHW tensor -> NHWC array; halves become float32, for arrays have no bfloat16."""
    tensor = tensor.detach().cpu()
    tensor = tensor.float() if tensor.dtype.itemsize < 4 else tensor
    return tensor.permute(0, 2, 3, 1).contiguous().numpy()
