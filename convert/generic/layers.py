"""The rule for the layers of slim, tf.layers and Keras: which variables one has, and how PyTorch keeps them.

A kind turns a layer's arrays from TensorFlow's roles (kernel, bias, gamma, ...) into PyTorch's leaves (weight, bias,
running_mean, ...) and back, bit for bit: values are moved, not computed. The one sum is made on the way back of an LSTM
that PyTorch has trained further: its two biases are one in TensorFlow (recurrent.py). What the two frameworks do not
have in common is filled with the number that does nothing (a missing gamma is 1), and where that number is another one
on the way back, the way back is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = Mapping[str, Array]
Options = Mapping[str, Any]

SLIM_EPSILON = 1e-3  # of slim.batch_norm, tf.layers and every norm of Keras; PyTorch's default is 1e-5
TORCH_EPSILON = 1e-5
# How a variable's last name says its role; Keras 3's .weights.h5 numbers them instead, in the order of Kind.roles.
ROLES = {
    "kernel": "kernel", "weights": "kernel", "weight": "kernel", "bias": "bias", "biases": "bias",
    "depthwise_kernel": "depthwise", "depthwise_weights": "depthwise",
    "pointwise_kernel": "pointwise", "pointwise_weights": "pointwise",
    "gamma": "gamma", "beta": "beta", "moving_mean": "moving_mean", "moving_variance": "moving_variance",
    "embeddings": "embeddings", "embedding": "embeddings", "recurrent_kernel": "recurrent",
}  # fmt: skip


class Misfit(KindlingError):
    """Arrays that are not those of the layer they are said to be; the sentence lacks file and line."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One variable of a layer, and the parameter that it becomes."""

    role: str
    """In TensorFlow: kernel."""
    leaf: str
    """In PyTorch, behind the module's name: weight."""
    there: Callable[[Array, Options], Array] = lambda array, options: array
    back: Callable[[Array, Options], Array] = lambda array, options: array
    rank: int | None = None
    """How many axes TensorFlow's has; None for any number."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of layer: how its variables become a module's parameters, and these its variables."""

    name: str
    roles: tuple[str, ...]
    """In the order in which Keras makes the variables."""
    needed: frozenset[str]
    """The roles without which there is no such layer."""
    to_torch: Callable[[Arrays, Options], dict[str, Array]]
    """By role -> by leaf. Raises Misfit."""
    to_tf: Callable[[Arrays, Options], dict[str, Array]]
    """By leaf -> by role. Raises Misfit."""
    leaves: Callable[[Options], Mapping[str, tuple[str, ...]]]
    """Role -> the leaves that its variable becomes."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What a row of this kind may say besides, with what holds where it does not."""
    fills: Mapping[str, float] = field(default_factory=dict)
    """Leaf -> the number that does nothing, where TensorFlow's layer has no such variable."""
    modules: tuple[str, ...] = ()
    """PyTorch's modules of this kind, by the names of their classes."""


def by_parts(name: str, *parts: Part, outputs: int | None = None, needed: set[str] | None = None, **more: Any) -> Kind:
    """A kind whose variables become parameters one by one.

    outputs: the axis of a weight that is as long as the bias beside it; None where all parameters are alike.
    """
    first = parts[0]

    def to_torch(weights: Arrays, options: Options) -> dict[str, Array]:
        for part in parts:
            if part.role in weights and part.rank is not None and weights[part.role].ndim != part.rank:
                shape = weights[part.role].shape
                raise Misfit(f"{part.role} has shape {shape}, and a {name} has {part.rank} axes there")
        made = {part.leaf: part.there(weights[part.role], options) for part in parts if part.role in weights}
        _check_lengths(name, made, outputs)
        return made

    def to_tf(weights: Arrays, options: Options) -> dict[str, Array]:
        for part in parts:
            if part.leaf in weights and part.rank is not None and weights[part.leaf].ndim != part.rank:
                raise Misfit(
                    f"{part.leaf} has shape {weights[part.leaf].shape}, and a {name} has {part.rank} axes there"
                )
        _check_lengths(name, weights, outputs)
        return {part.role: part.back(weights[part.leaf], options) for part in parts if part.leaf in weights}

    return Kind(
        name=name,
        roles=tuple(part.role for part in parts),
        needed=frozenset({first.role} if needed is None else needed),
        to_torch=to_torch,
        to_tf=to_tf,
        leaves=lambda options: {part.role: (part.leaf,) for part in parts},
        **more,
    )


def _check_lengths(name: str, made: Arrays, outputs: int | None) -> None:
    """A bias is as long as there are outputs; the vectors of a norm are all alike."""
    sizes = {leaf: array.shape for leaf, array in made.items()}
    if outputs is None:
        if len(set(sizes.values())) > 1:
            raise Misfit(f"the variables of a {name} have one shape, and these have {_listed(sizes)}")
        return
    for leaf, shape in sizes.items():
        weight = sizes.get(f"{leaf.removesuffix('bias')}weight")
        if leaf.endswith("bias") and weight and shape != (weight[outputs],):
            raise Misfit(f"bias has shape {shape}, and its kernel has {weight[outputs]} outputs")


def _listed(sizes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{leaf} {shape}" for leaf, shape in sizes.items())


# --- convolutions ------------------------------------------------------------------------------------------------


def _outer_first(array: Array, options: Options) -> Array:
    """(k..., a, b) -> (b, a, k...): a kernel's, and a transposed one's, whose inputs and outputs change places."""
    return array.transpose(array.ndim - 1, array.ndim - 2, *range(array.ndim - 2))


def _outer_last(array: Array, options: Options) -> Array:
    return array.transpose(*range(2, array.ndim), 1, 0)


def _depthwise(array: Array, options: Options) -> Array:
    """(k..., in, multiplier) -> (in * multiplier, 1, k...): groups of one input each."""
    *kernel, inputs, multiplier = array.shape
    if multiplier != options["multiplier"]:
        raise Misfit(
            f"depthwise kernel has shape {array.shape}, so its multiplier is {multiplier}, and the row says "
            f"multiplier = {options['multiplier']}"
        )
    rank = len(kernel)
    return array.transpose(rank, rank + 1, *range(rank)).reshape(inputs * multiplier, 1, *kernel)


def _depthwise_back(array: Array, options: Options) -> Array:
    channels, one, *kernel = array.shape
    multiplier = options["multiplier"]
    if one != 1 or channels % multiplier:
        raise Misfit(f"weight has shape {array.shape}, and a depthwise one has (in * {multiplier}, 1, ...)")
    parted = array.reshape(channels // multiplier, multiplier, *kernel)
    return parted.transpose(*range(2, parted.ndim), 0, 1)


BIAS = Part(role="bias", leaf="bias", rank=1)


def _conv(dims: int) -> Kind:
    kernel = Part(role="kernel", leaf="weight", there=_outer_first, back=_outer_last, rank=dims + 2)
    return by_parts(f"conv{dims}d", kernel, BIAS, outputs=0, modules=(f"Conv{dims}d",))


def _transposed(dims: int) -> Kind:
    """TensorFlow's kernel is (k..., out, in), PyTorch's (in, out, k...)."""
    kernel = Part(role="kernel", leaf="weight", there=_outer_first, back=_outer_last, rank=dims + 2)
    return by_parts(f"conv{dims}d_transpose", kernel, BIAS, outputs=1, modules=(f"ConvTranspose{dims}d",))


def _depthwise_kind(dims: int) -> Kind:
    kernel = Part(role="depthwise", leaf="weight", there=_depthwise, back=_depthwise_back, rank=dims + 2)
    options = {"multiplier": 1}
    return by_parts(f"depthwise_conv{dims}d", kernel, BIAS, outputs=0, options=options, modules=(f"Conv{dims}d",))


def _separable(dims: int) -> Kind:
    """One layer here, two modules there."""
    parts = (
        Part(role="depthwise", leaf="depthwise.weight", there=_depthwise, back=_depthwise_back, rank=dims + 2),
        Part(role="pointwise", leaf="pointwise.weight", there=_outer_first, back=_outer_last, rank=dims + 2),
        Part(role="bias", leaf="pointwise.bias", rank=1),
    )
    needed = {"depthwise", "pointwise"}
    return by_parts(f"separable_conv{dims}d", *parts, outputs=0, needed=needed, options={"multiplier": 1})


# --- dense -------------------------------------------------------------------------------------------------------


def _dense(array: Array, options: Options) -> Array:
    """(in, out) -> (out, in); rows that came of a flatten of (h, w, c) are put into the order of (c, h, w)."""
    flatten = options["flatten"]
    if not flatten:
        return array.transpose()
    if np.prod(flatten) != array.shape[0]:
        raise Misfit(f"kernel has {array.shape[0]} inputs, and flatten = {list(flatten)} are {int(np.prod(flatten))}")
    rank = len(flatten)
    parted = array.reshape(*flatten, array.shape[1]).transpose(rank, rank - 1, *range(rank - 1))
    return parted.reshape(array.shape[1], array.shape[0])


def _dense_back(array: Array, options: Options) -> Array:
    flatten = options["flatten"]
    if not flatten:
        return array.transpose()
    if np.prod(flatten) != array.shape[1]:
        raise Misfit(f"weight has {array.shape[1]} inputs, and flatten = {list(flatten)} are {int(np.prod(flatten))}")
    *sides, channels = flatten
    parted = array.reshape(array.shape[0], channels, *sides)
    return parted.transpose(*range(2, parted.ndim), 1, 0).reshape(array.shape[1], array.shape[0])


# --- norms -------------------------------------------------------------------------------------------------------


def _channels_first(array: Array, options: Options) -> Array:
    """The scale of a norm over (h, w, c), for one over (c, h, w)."""
    return np.moveaxis(array, -1, 0) if array.ndim > 1 else array


def _channels_last(array: Array, options: Options) -> Array:
    return np.moveaxis(array, 0, -1) if array.ndim > 1 else array


def _norm(name: str, modules: tuple[str, ...], *statistics: Part) -> Kind:
    parts = (
        Part(role="gamma", leaf="weight", there=_channels_first, back=_channels_last),
        Part(role="beta", leaf="bias", there=_channels_first, back=_channels_last),
        *statistics,
    )
    needed = {part.role for part in statistics}  # gamma and beta are each left out by slim, Keras and PyTorch alike
    options = {"epsilon": SLIM_EPSILON}
    return by_parts(name, *parts, needed=needed, options=options, modules=modules, fills={"weight": 1.0, "bias": 0.0})


# --- what else ---------------------------------------------------------------------------------------------------


def _turned(array: Array, options: Options) -> Array:
    axes = options["axes"] or range(array.ndim)
    if sorted(axes) != list(range(array.ndim)):
        raise Misfit(f"it has shape {array.shape}, and axes = {list(axes)} is no order of its axes")
    return array.transpose(*axes)


def _turned_back(array: Array, options: Options) -> Array:
    axes = options["axes"] or range(array.ndim)
    if sorted(axes) != list(range(array.ndim)):
        raise Misfit(f"it has shape {array.shape}, and axes = {list(axes)} is no order of its axes")
    return array.transpose(*np.argsort(axes))


VARIABLE = "variable"  # one variable to one parameter, both by their whole names

LAYERS = (
    *(make(dims) for make in (_conv, _transposed) for dims in (1, 2, 3)),
    *(make(dims) for make in (_depthwise_kind, _separable) for dims in (1, 2)),
    by_parts(
        "dense",
        Part(role="kernel", leaf="weight", there=_dense, back=_dense_back, rank=2),
        BIAS,
        outputs=0,
        options={"flatten": ()},
        modules=("Linear",),
    ),
    _norm(
        "batch_norm",
        ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
        Part(role="moving_mean", leaf="running_mean"),
        Part(role="moving_variance", leaf="running_var"),
    ),
    _norm("layer_norm", ("LayerNorm",)),
    _norm("group_norm", ("GroupNorm",)),
    _norm("instance_norm", ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")),
    by_parts("embedding", Part(role="embeddings", leaf="weight", rank=2), modules=("Embedding",)),
    by_parts(VARIABLE, Part(role="value", leaf="value", there=_turned, back=_turned_back), options={"axes": ()}),
)
