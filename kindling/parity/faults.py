"""The classic faults of ports, each as an experiment: what would have to be changed in a module for it to be right.

An experiment changes one module of a running net, for as long as it is tried: pads as TensorFlow's SAME does, takes
another epsilon, reads a flatten in another order, adds the relu that slim's layers have unless told otherwise. If the
net then gives the reference's values, the fault is proven, not guessed (kindling/parity/cause.py). How a module is
changed and put back is in kindling/parity/changes.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kindling.core.names import TO_SLIM, TO_TORCH
from kindling.core.optional import import_framework
from kindling.parity import changes
from kindling.parity.changes import Experiment
from kindling.parity.moves import moves

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-8, 1e-12, 2e-5, 1e-2, 1e-4)
DEFAULTS = {1e-3: " (the default of slim, tf.layers and Keras)", 1e-5: " (PyTorch's default)"}
SLOPES = {
    0.2: "tf.nn.leaky_relu's default",
    0.3: "that of Keras' LeakyReLU",
    0.01: "PyTorch's default",
    0.1: "",
    0.0: "",
}


def experiments(name: str, module: Any, images: Sequence[tuple[int, ...]]) -> Iterator[Experiment]:
    """Everything that can be tried on one module. images: shapes (n, h, w, c) of what was computed before it."""
    yield from _padding(name, module)
    yield from _epsilon(name, module)
    yield from _flatten(name, module, images)
    yield from _activation(name, module)
    yield from _slope(name, module)
    yield from _gates(name, module)
    yield from _resize(name, module)
    yield from _kernel(name, module)


# --- padding -----------------------------------------------------------------------------------------------------


def _padding(name: str, module: Any) -> Iterator[Experiment]:
    kinds = [kind.__name__ for kind in type(module).__mro__]
    if not any(
        kind.startswith(("Conv1d", "Conv2d", "Conv3d", "MaxPool", "AvgPool", "ConvTranspose")) for kind in kinds
    ):
        return
    stride, kernel = _numbers(module.stride), _numbers(module.kernel_size)
    size = f"{'x'.join(map(str, kernel))}, stride {'x'.join(map(str, sorted(set(stride))))}"
    there = (
        module.padding if isinstance(module.padding, str) else "x".join(map(str, sorted(set(_numbers(module.padding)))))
    )
    sentence = (
        f"{name} ({size}) pads by {there} on every side, and the reference as TensorFlow's SAME, the far side first"
        f"{': at a stride its pixels are shifted' if max(stride) > 1 else ''}"
    )
    if max(stride) == 1 and _is_centred(module, kernel):
        return  # where SAME is the same on both sides
    forward = _transposed_same(module) if any("Transpose" in kind for kind in kinds) else _same(module, kinds)
    yield changes.forward("padding", name, module, sentence, forward, "padding")


def _is_centred(module: Any, kernel: tuple[int, ...]) -> bool:
    """Whether a module of stride 1 pads half of an odd kernel on every side."""
    if isinstance(module.padding, str):
        return module.padding == "same"
    spread = _wide(getattr(module, "dilation", 1), len(kernel))
    padding = _wide(module.padding, len(kernel))
    return all(p == d * (k - 1) / 2 for p, d, k in zip(padding, spread, kernel, strict=True))


def _same(module: Any, kinds: Sequence[str]) -> Callable[[Any], Any]:
    """A convolution or pool that pads as TensorFlow's SAME: ceil(size / stride) pixels, the odd one of padding last."""
    functional = import_framework("torch", "comparing").nn.functional

    def pads(x: Any) -> list[int]:
        count = x.dim() - 2
        sizes = zip(x.shape[2:], _wide(module.kernel_size, count), _wide(module.stride, count), strict=True)
        spread = _wide(getattr(module, "dilation", 1), count)
        total = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for (n, k, s), d in zip(sizes, spread, strict=True)]
        return [side for t in reversed(total) for side in (t // 2, t - t // 2)]

    def forward(x: Any) -> Any:
        if any(kind.startswith("Conv") for kind in kinds):
            convolve = getattr(functional, f"conv{x.dim() - 2}d")
            padded = functional.pad(x, pads(x))
            return convolve(padded, module.weight, module.bias, module.stride, 0, module.dilation, module.groups)
        if any(kind.startswith("Max") for kind in kinds):
            pool = getattr(functional, f"max_pool{x.dim() - 2}d")
            return pool(functional.pad(x, pads(x), value=-np.inf), module.kernel_size, module.stride)
        pool = getattr(functional, f"avg_pool{x.dim() - 2}d")
        there = functional.pad(x.new_ones(x.shape), pads(x))  # what is padded does not count in a mean of TensorFlow's
        sums, counts = (pool(a, module.kernel_size, module.stride) for a in (functional.pad(x, pads(x)), there))
        return sums / counts

    return forward


def _transposed_same(module: Any) -> Callable[[Any], Any]:
    """A transposed convolution as TensorFlow's SAME: size * stride, what is too much cut off, the odd pixel last."""
    functional = import_framework("torch", "comparing").nn.functional

    def forward(x: Any, *_: Any) -> Any:
        count = x.dim() - 2
        convolve = getattr(functional, f"conv_transpose{count}d")
        whole = convolve(x, module.weight, module.bias, module.stride, groups=module.groups, dilation=module.dilation)
        strides = _wide(module.stride, count)
        for axis, (size, stride) in enumerate(zip(x.shape[2:], strides, strict=True), start=2):
            wanted = size * stride
            begin = max(whole.shape[axis] - wanted, 0) // 2
            whole = whole.narrow(axis, begin, min(wanted, whole.shape[axis] - begin))
        return whole

    return forward


def _numbers(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _wide(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


# --- numbers of a module -----------------------------------------------------------------------------------------


def _epsilon(name: str, module: Any) -> Iterator[Experiment]:
    own = getattr(module, "eps", None)
    if not isinstance(own, float):
        return
    for value in EPSILONS:
        if value != own:
            sentence = f"{name} has epsilon {own:g}, and the reference {value:g}{DEFAULTS.get(value, '')}"
            yield changes.attribute("epsilon", name, module, "eps", value, sentence)


def _slope(name: str, module: Any) -> Iterator[Experiment]:
    own = getattr(module, "negative_slope", None)
    if isinstance(own, float):
        for value, whose in SLOPES.items():
            if value != own:
                told = f", {whose}" if whose else ""
                sentence = f"{name} has a slope of {own:g} below 0, and the reference {value:g}{told}"
                yield changes.attribute("activation", name, module, "negative_slope", value, sentence)
    if type(module).__name__ == "GELU":
        other = "none" if module.approximate == "tanh" else "tanh"
        yield changes.attribute(
            "activation", name, module, "approximate", other, f"{name} is a GELU, the reference's approximate={other!r}"
        )


def _resize(name: str, module: Any) -> Iterator[Experiment]:
    if getattr(module, "mode", None) in ("bilinear", "bicubic", "trilinear", "linear"):
        value = not module.align_corners
        sentence = f"{name} resizes with align_corners={module.align_corners}, and the reference with {value}"
        yield changes.attribute("resize", name, module, "align_corners", value, sentence)


# --- orders ------------------------------------------------------------------------------------------------------


def _flatten(name: str, module: Any, images: Sequence[tuple[int, ...]]) -> Iterator[Experiment]:
    if type(module).__name__ != "Linear":
        return
    torch = import_framework("torch", "comparing")
    sides = {shape[1:] for shape in images if len(shape) > 2 and np.prod(shape[1:]) == module.in_features}
    for shape in sorted(sides):
        *space, channels = shape
        if channels in (1, module.in_features):
            continue  # either order is the same
        order = np.moveaxis(np.arange(module.in_features).reshape(*space, channels), -1, 0).ravel()
        sentence = (
            f"{name} reads its {module.in_features} inputs in the order (h, w, c) in which TensorFlow flattens, and is "
            f"given (c, h, w): flatten = {list(shape)} in its row of the table"
        )
        weight = module.weight.data[:, torch.from_numpy(order)]
        yield changes.weights("flatten", name, module, {"weight": weight}, sentence)


def _gates(name: str, module: Any) -> Iterator[Experiment]:
    kinds = [kind.__name__ for kind in type(module).__mro__]
    order = (0, 2, 1, 3) if "LSTM" in kinds or "LSTMCell" in kinds else (1, 0, 2)
    if not {"LSTM", "LSTMCell", "GRU", "GRUCell"} & set(kinds):
        return
    torch = import_framework("torch", "comparing")
    turned = {}
    for leaf, parameter in module.named_parameters():
        blocks = parameter.data.chunk(len(order))
        turned[leaf] = torch.cat([blocks[k] for k in order])
    whose = "i, c, f, o of TF1's cells" if len(order) == 4 else "z, r, h of Keras"
    yield changes.weights(
        "gates", name, module, turned, f"{name} holds its gates in the order {whose}, which PyTorch's is not"
    )


def _kernel(name: str, module: Any) -> Iterator[Experiment]:
    """Kernels that were flipped, transposed or read in the wrong order: the moves of kindling/parity/moves.py."""
    weight = getattr(module, "weight", None)
    if weight is None or weight.dim() not in (2, 4) or "Embedding" in type(module).__name__:
        return
    torch = import_framework("torch", "comparing")
    array = weight.data.numpy()
    if array.ndim == 2:
        if array.shape[0] == array.shape[1] > 1:
            sentence = f"the weight of {name} is not transposed"
            yield changes.weights("transposed", name, module, {"weight": weight.data.T.contiguous()}, sentence)
        return
    kernel = array.transpose(TO_SLIM)
    for kind, words, move in moves(kernel):
        came_from = move(np.arange(kernel.size).reshape(kernel.shape))  # each move only puts values elsewhere
        right = np.empty(kernel.size, kernel.dtype)
        right[came_from.ravel()] = kernel.ravel()
        turned = np.ascontiguousarray(right.reshape(kernel.shape).transpose(TO_TORCH))
        yield changes.weights(
            kind, name, module, {"weight": torch.from_numpy(turned)}, f"the kernel of {name}: {words}"
        )


# --- activations -------------------------------------------------------------------------------------------------


def activations() -> dict[str, Callable[[Any], Any]]:
    """What may follow a layer, by its name."""
    torch = import_framework("torch", "comparing")
    functional = torch.nn.functional
    return {
        "relu": functional.relu,
        "leaky relu of slope 0.2": lambda x: functional.leaky_relu(x, 0.2),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu6": functional.relu6,
        "elu": functional.elu,
        "leaky relu of slope 0.3": lambda x: functional.leaky_relu(x, 0.3),
        "silu": functional.silu,
        "gelu": functional.gelu,
        "softmax": lambda x: functional.softmax(x, 1),
    }


def _activation(name: str, module: Any) -> Iterator[Experiment]:
    if getattr(module, "weight", None) is None or any(True for _ in module.children()):
        return
    for called, function in activations().items():
        hidden = ", as slim's layers have unless told otherwise" if called == "relu" else ""
        sentence = f"{name} is followed by a {called} in the reference{hidden}, and not in the port"
        yield changes.result("activation", name, module, sentence, function, called)
