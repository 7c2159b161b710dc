"""The layers that a checkpoint's variables make up, told by their names and shapes alone: what each of them may be.

    "conv1/weights" (3, 3, 3, 32), "conv1/biases" (32,)   ->   conv1: a conv2d, or else a conv2d_transpose

Where names and shapes leave more than one kind open, all of them are handed on, the likeliest first: the port's modules
decide, or a person does.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .layers import ROLES, VARIABLE, Array, Kind, Misfit
from .table import KINDS
from .training_state import left_behind

# What Keras and slim call layers, as far as their kind can be told by it.
WORDS = (
    ("separable_conv", "separable_conv"), ("depthwise", "depthwise_conv"), ("transpose", "transpose"),
    ("deconv", "transpose"), ("upconv", "transpose"), ("batch", "batch_norm"), ("layer_norm", "layer_norm"),
    ("layernorm", "layer_norm"), ("group", "group_norm"), ("instance", "instance_norm"), ("embed", "embedding"),
    ("lstm", "lstm"), ("gru", "gru"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A kind that a layer may be of, and what a row has to say then."""

    kind: Kind
    roles: Mapping[str, str]
    """Role -> variable."""
    options: Mapping[str, Any]
    said: tuple[str, ...] = ()
    """The roles of numbered variables, where a row has to name them."""
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Variables of one scope that belong together."""

    scope: str
    variables: tuple[str, ...]
    guesses: tuple[Guess, ...]
    """The likeliest first; none where nothing fits."""


def layers_in(weights: Mapping[str, Array]) -> tuple[list[Layer], list[str]]:
    """(the layers of a checkpoint, conv2d_2 before conv2d_10; what is of a training, and left behind)."""
    behind = left_behind(weights, {})
    scopes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(weights.keys() - set(behind), key=natural):
        scopes[name.rpartition("/")[0]].append(name)
    layers = []
    for scope, names in scopes.items():
        numbered = [name for name in names if name.rpartition("/")[2].isdecimal()]
        known = [name for name in names if name.rpartition("/")[2] in ROLES]
        for own in (numbered, known):
            if own:
                guesses = _numbered(scope, own, weights) if own is numbered else _named(scope, own, weights)
                layers.append(Layer(scope=scope, variables=tuple(own), guesses=tuple(guesses)))
        for name in names:
            if name not in numbered and name not in known:
                guess = Guess(kind=KINDS[VARIABLE], roles={"value": name}, options={})
                layers.append(Layer(scope=name, variables=(name,), guesses=(guess,)))
    return layers, behind


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers by their size: conv2d, conv2d_2, conv2d_10."""
    return [(int(part or 0), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _named(scope: str, names: Iterable[str], weights: Mapping[str, Array]) -> list[Guess]:
    roles = {ROLES[name.rpartition("/")[2]]: name for name in names}
    shapes = {role: weights[name].shape for role, name in roles.items()}
    found = []
    for kind in _kinds(scope, shapes):
        own = dict(roles)
        if "kernel" in own and "kernel" not in kind.roles:
            own[kind.roles[0]] = own.pop("kernel")
        if own.keys() <= set(kind.roles) and kind.needed <= own.keys():
            found += _checked(kind, own, weights)
    return found


def _numbered(scope: str, names: list[str], weights: Mapping[str, Array]) -> list[Guess]:
    """Keras 3 numbers a layer's variables in the order in which it made them."""
    found: list[Guess] = []
    for kind in _by_words(scope, [kind for kind in KINDS.values() if kind.name not in (VARIABLE, "lstm_cell")]):
        fewer = len(names) < len(kind.roles)
        if kind.fills and fewer:  # without gamma, or without beta, or both
            statistics = [role for role in kind.roles if role in kind.needed]
            rest = len(names) - len(statistics)
            if rest in (0, 1):
                said = (*["beta"] * rest, *statistics)
                doubt = "gamma or beta? its variables are numbered, not named" if rest else ""
                found += _checked(kind, dict(zip(said, names, strict=True)), weights, said, doubt)
            continue
        roles = dict(zip(kind.roles, names, strict=False))
        if len(names) <= len(kind.roles) and kind.needed <= roles.keys():
            found += _checked(kind, roles, weights)
    return found


def _checked(
    kind: Kind, roles: Mapping[str, str], weights: Mapping[str, Array], said: tuple[str, ...] = (), doubt: str = ""
) -> list[Guess]:
    """The guess, if the arrays are those of such a layer."""
    options: dict[str, Any] = {}
    if "multiplier" in kind.options:
        multiplier = weights[roles["depthwise"]].shape[-1:]
        options = {"multiplier": multiplier[0]} if multiplier != (1,) else {}
    if kind.name == "gru" and "bias" not in roles:
        doubt = "whether reset_after was True is not in a checkpoint without biases; torch.nn.GRU needs it"
    if kind.name == "lstm_cell":
        options = {"forget_bias": kind.options["forget_bias"]}
        doubt = "forget_bias is not in a checkpoint: 1.0 is the default of TF1's cells"
    try:
        kind.to_torch({role: weights[name] for role, name in roles.items()}, {**kind.options, **options})
    except (Misfit, ValueError, IndexError) as error:
        if kind.name == "gru":  # a GRU it is, and the reason why it cannot be carried is worth a row
            return [Guess(kind=kind, roles=roles, options={"reset_after": False}, doubt=str(error).split(",")[0])]
        return []
    return [Guess(kind=kind, roles=roles, options=options, said=said, doubt=doubt)]


def _kinds(scope: str, shapes: Mapping[str, tuple[int, ...]]) -> list[Kind]:
    """The kinds that have variables of these roles and numbers of axes, the likeliest first."""
    roles = set(shapes)
    if "recurrent" in roles:
        names = ["lstm", "gru"]
    elif {"moving_mean", "moving_variance"} <= roles:
        names = ["batch_norm"]
    elif roles <= {"gamma", "beta"}:
        names = ["layer_norm", "group_norm", "instance_norm"]
    elif "embeddings" in roles:
        names = ["embedding"]
    elif "depthwise" in roles:
        dims = len(shapes["depthwise"]) - 2
        names = [f"separable_conv{dims}d" if "pointwise" in roles else f"depthwise_conv{dims}d"]
    elif "kernel" in roles:
        names = _of_kernel(shapes["kernel"], shapes.get("bias"), scope)
    else:
        names = []
    return _by_words(scope, [KINDS[name] for name in names if name in KINDS])


def _of_kernel(kernel: tuple[int, ...], bias: tuple[int, ...] | None, scope: str) -> list[str]:
    dims = len(kernel) - 2
    if dims == 0:
        cell = "lstm" in scope.rpartition("/")[2].lower() and bias is not None and kernel[1] % 4 == 0
        return ["lstm_cell"] if cell else ["dense", "embedding"]
    names = [f"conv{dims}d", f"conv{dims}d_transpose", f"depthwise_conv{dims}d"]
    if bias and bias[0] != kernel[-1]:
        names = [*names[1:], names[0]]
    return names


def _by_words(scope: str, kinds: list[Kind]) -> list[Kind]:
    """The same kinds, those first that the last scopes of a name speak of."""
    for part in reversed(scope.lower().split("/")):
        told = [word for sign, word in WORDS if sign in part][:1]
        plain = re.sub(r"_\d+$", "", part)
        said = [kind for kind in kinds if kind.name == plain or any(word in kind.name for word in told)]
        if said:
            return [*said, *(kind for kind in kinds if kind not in said)]
    return kinds
