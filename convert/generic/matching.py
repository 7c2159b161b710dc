"""Which module of a port a checkpoint's layer becomes: by kind and shape, then by name, then by order.

A match is sure if nothing else has the same shapes, or if both are called the same; any other is the likeliest and says
that it is doubtful. The port is described by its modules, so nothing here needs PyTorch.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kindling.core.spelling import likeness, words

from .carrying import COUNTER
from .layers import VARIABLE, Array, Misfit
from .layers_found import Guess, Layer
from .table import KINDS, Shape


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
    fits = {
        (i, j): guess
        for i, layer in enumerate(layers)
        for j, place in enumerate(places)
        if (guess := _fit(layer, place, weights)) is not None
    }
    sure = _sure(layers, places, fits)
    rest = {pair: guess for pair, guess in fits.items() if not _touches(pair, sure, places)}
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


def _sure(layers: Sequence[Layer], places: Sequence[Place], fits: Mapping[tuple[int, int], Guess]) -> dict[int, int]:
    """Layer -> place, where both are called the same, or nothing else is left that either could be."""
    sure: dict[int, int] = {}
    called = {pair for pair in fits if words(layers[pair[0]].scope) == words(places[pair[1]].name)}
    for i, j in called:
        if sum(a == i for a, _ in called) == 1 and sum(b == j for _, b in called) == 1:
            sure[i] = j
    while True:
        left = [pair for pair in fits if not _touches(pair, sure, places)]
        only = [(i, j) for i, j in left if sum(a == i for a, _ in left) == 1 and sum(b == j for _, b in left) == 1]
        if not only:
            return sure
        sure |= dict(only[:1])


def _touches(pair: tuple[int, int], sure: Mapping[int, int], places: Sequence[Place]) -> bool:
    """Whether a layer or a place, or half of it, is taken already."""
    if pair[0] in sure:
        return True
    taken = [places[j] for j in sure.values()]
    return any(_keys(places[pair[1]]) & _keys(place) for place in taken)


def _keys(place: Place) -> set[tuple[str, str]]:
    if isinstance(place.torch, str):
        return {(place.torch, leaf) for leaf in place.shapes}
    return {(place.torch[leaf.partition(".")[0]], leaf.partition(".")[2]) for leaf in place.shapes}


def _likeliest(
    layers: Sequence[Layer], places: Sequence[Place], fits: Mapping[tuple[int, int], Guess]
) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Layer -> (place, why it is doubtful), by likeness of names and by order, the best of all assignments."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    rows, columns = sorted({i for i, _ in fits}), sorted({j for _, j in fits})
    if not rows:
        return {}
    never = 1e3
    cost = np.full((len(rows), len(columns)), never)
    for i, j in fits:
        order = abs(rows.index(i) / len(rows) - columns.index(j) / len(columns))
        cost[rows.index(i), columns.index(j)] = 1 - likeness(layers[i].scope, places[j].name) + order
    chosen: dict[int, tuple[int, tuple[str, ...]]] = {}
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < never:
            i, j = rows[row], columns[column]
            alike = max(sum(a == i for a, _ in fits), sum(b == j for _, b in fits))
            chosen[i] = (j, (f"told by name and order alone: {alike} have these shapes",))
    return chosen
