"""Which module of a port a checkpoint's layer becomes: by kind and shape, then by name, then by order.

A match is sure if nothing else has the same shapes, or if both are called the same; any other is the likeliest and says
that it is doubtful. The port is described by its modules, so nothing here needs PyTorch.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kindling.core.spelling import likenesses, words

from .carrying import COUNTER
from .layers import VARIABLE, Array, Misfit
from .layers_found import Guess, Layer
from .table import KINDS, Shape

Pair = tuple[int, int]  # a layer and a place, by their numbers


@dataclass(frozen=True, kw_only=True)
class Place:
    """A module of the port, or what of it one layer fills."""

    torch: str | Mapping[str, str]
    """As a row names it."""
    classes: tuple[str, ...]
    """PyTorch's own classes that the module is of."""
    shapes: Mapping[str, Shape]
    """Leaf -> shape."""
    options: Mapping[str, Any] = field(default_factory=dict)
    epsilon: float | None = None

    @property
    def name(self) -> str:
        """The module's, or the first of two."""
        return self.torch if isinstance(self.torch, str) else next(iter(self.torch.values()))


@dataclass(frozen=True, kw_only=True)
class Match:
    """A layer, what it is taken for, and where it goes."""

    layer: Layer
    guess: Guess | None
    place: Place | None
    doubts: tuple[str, ...]


def places_of(port: Any) -> tuple[list[Place], dict[str, Shape]]:
    """(what layers can fill of a port, in the order of its modules; its state, key -> shape).

    port: a torch.nn.Module.
    """
    state = {key: tuple(value.shape) for key, value in port.state_dict().items()}
    places: list[Place] = []
    for name, module in port.named_modules():
        front = f"{name}." if name else ""
        own = {key.removeprefix(front): shape for key, shape in state.items() if key.startswith(front)}
        own = {leaf: shape for leaf, shape in own.items() if "." not in leaf and leaf != COUNTER}
        if own:
            places += _places(name or ".", module, own)
    return [*places, *_pairs(places)], state


def _places(name: str, module: Any, own: Mapping[str, Shape]) -> Iterator[Place]:
    classes = tuple(kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn"))
    known = {called for kind in KINDS.values() for called in kind.modules}
    if "RNNBase" in classes:
        for suffix in sorted({leaf.partition("_l")[2] for leaf in own}):
            leaves = {leaf: shape for leaf, shape in own.items() if leaf.partition("_l")[2] == suffix}
            layer, _, reverse = suffix.partition("_")
            options: dict[str, Any] = {"layer": int(layer)} if layer != "0" else {}
            options |= {"reverse": True} if reverse else {}
            yield Place(torch=name, classes=classes, shapes=leaves, options=options)
    elif known & set(classes):
        options = {"cell": True} if "RNNCellBase" in classes else {}
        epsilon = getattr(module, "eps", None)
        yield Place(torch=name, classes=classes, shapes=own, options=options, epsilon=epsilon)
    else:  # a parameter of a module of one's own
        for leaf, shape in own.items():
            yield Place(torch=leaf if name == "." else f"{name}.{leaf}", classes=(), shapes={"value": shape})


def _pairs(places: Sequence[Place]) -> Iterator[Place]:
    """Two convolutions in a row that a separable one becomes: the first of one input a group, without a bias."""
    for first, second in itertools.pairwise(places):
        if first.shapes.keys() == {"weight"} and first.shapes["weight"][1:2] == (1,) and "weight" in second.shapes:
            shapes = {"depthwise.weight": first.shapes["weight"]}
            shapes |= {f"pointwise.{leaf}": shape for leaf, shape in second.shapes.items()}
            named = {"depthwise": first.name, "pointwise": second.name}
            yield Place(torch=named, classes=("separable",), shapes=shapes)


def matched(layers: Sequence[Layer], places: Sequence[Place], weights: Mapping[str, Array]) -> list[Match]:
    """Every layer with the place that it most likely fills, in the order of the layers."""
    fits = _fits(layers, places, weights)
    sure, rest = _sure(layers, places, fits)
    chosen = {**{i: (j, ()) for i, j in sure.items()}, **_likeliest(layers, places, rest)}
    matches = []
    for i, layer in enumerate(layers):
        if i not in chosen:
            guess = layer.guesses[0] if layer.guesses else None
            doubt = "no module of the port has these shapes" if guess else "no kind of layer has these variables"
            matches.append(Match(layer=layer, guess=guess, place=None, doubts=(doubt,)))
            continue
        j, doubts = chosen[i]
        guess = fits[i, j]
        doubts = (*doubts, *([guess.doubt] if guess.doubt else ()))
        matches.append(Match(layer=layer, guess=guess, place=places[j], doubts=doubts))
    return matches


def _fits(layers: Sequence[Layer], places: Sequence[Place], weights: Mapping[str, Array]) -> dict[Pair, Guess]:
    """(layer, place) -> the guess by which the one fits the other. Places that differ in name alone are tried once."""
    looks = [(place.classes, tuple(place.shapes.items()), tuple(place.options.items())) for place in places]
    fits = {}
    for i, layer in enumerate(layers):
        tried: dict[Any, Guess | None] = {}
        for j, (look, place) in enumerate(zip(looks, places, strict=True)):
            if look not in tried:
                tried[look] = _fit(layer, place, weights)
            if (guess := tried[look]) is not None:
                fits[i, j] = guess
    return fits


def _fit(layer: Layer, place: Place, weights: Mapping[str, Array]) -> Guess | None:
    """The guess by which a layer's parameters have the shapes that a place has."""
    for guess in layer.guesses:
        kind = guess.kind
        separable = kind.name.startswith("separable") and "separable" in place.classes
        variable = kind.name == VARIABLE and not place.classes
        if not (separable or variable or set(kind.modules) & set(place.classes)):
            continue
        arrays = {role: weights[name] for role, name in guess.roles.items()}
        try:
            made = kind.to_torch(arrays, {**kind.options, **guess.options, **place.options})
        except Misfit:
            continue
        spare = {leaf for leaf in place.shapes if leaf not in made} - set(kind.fills)
        if not spare and all(place.shapes.get(leaf) == array.shape for leaf, array in made.items()):
            return guess
    return None


def _sure(
    layers: Sequence[Layer], places: Sequence[Place], fits: Collection[Pair]
) -> tuple[dict[int, int], list[Pair]]:
    """(layer -> place, where both are called the same, or nothing else is left that either could be; what is left)."""
    scopes, names = [words(layer.scope) for layer in layers], [words(place.name) for place in places]
    keys = [_keys(place) for place in places]
    sure = dict(_alone([(i, j) for i, j in fits if scopes[i] == names[j]]))
    taken = {key for j in sure.values() for key in keys[j]}
    left = list(fits)
    while True:
        left = [(i, j) for i, j in left if i not in sure and taken.isdisjoint(keys[j])]
        only = _alone(left)
        if not only:
            return sure, left
        for i, j in only:
            if taken.isdisjoint(keys[j]):  # of two that share half a place the first has it
                sure[i] = j
                taken |= keys[j]


def _alone(pairs: Sequence[Pair]) -> list[Pair]:
    """Those of which neither the layer nor the place is in another pair."""
    of_layer, of_place = Counter(i for i, _ in pairs), Counter(j for _, j in pairs)
    return [(i, j) for i, j in pairs if of_layer[i] == of_place[j] == 1]


def _keys(place: Place) -> set[tuple[str, str]]:
    if isinstance(place.torch, str):
        return {(place.torch, leaf) for leaf in place.shapes}
    return {(place.torch[leaf.partition(".")[0]], leaf.partition(".")[2]) for leaf in place.shapes}


def _likeliest(
    layers: Sequence[Layer], places: Sequence[Place], fits: Collection[Pair]
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Layer -> (place, why it is doubtful), by likeness of names and by order, the best of all assignments."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    rows, columns = sorted({i for i, _ in fits}), sorted({j for _, j in fits})
    if not rows:
        return {}
    never = 1e3
    cost = np.full((len(rows), len(columns)), never)
    row_of, column_of = ({number: k for k, number in enumerate(numbers)} for numbers in (rows, columns))
    fitting: dict[int, list[int]] = {}
    for i, j in fits:
        fitting.setdefault(j, []).append(i)
    for j, those in fitting.items():
        alike = likenesses([layers[i].scope for i in those], places[j].name)
        for i, like in zip(those, alike, strict=True):
            order = abs(row_of[i] / len(rows) - column_of[j] / len(columns))
            cost[row_of[i], column_of[j]] = 1 - like + order
    of_layer, of_place = Counter(i for i, _ in fits), Counter(j for _, j in fits)
    chosen: dict[int, tuple[int, tuple[str, ...]]] = {}
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < never:
            i, j = rows[row], columns[column]
            several = max(of_layer[i], of_place[j])
            chosen[i] = (j, (f"told by name and order alone: {several} have these shapes",))
    return chosen
