"""`kindling map`: the first draft of a table, every doubtful row marked, for a person to look through."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError

from . import files
from .layers import VARIABLE, Array
from .layers_found import Layer, layers_in
from .matching import Match, Place, matched, places_of
from .table import Shape
from .training_state import left_behind

HEAD = """\
# Which layer of {source} becomes which module of {port}: `kindling convert {source} OUT.pth --map THIS`.
# Rows with `doubtful` stop a conversion: look at each, correct it, and take the mark out.
"""
CONVS = ("conv1d", "conv2d", "conv3d")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A drafted table."""

    text: str
    """To be written to a .toml file."""
    rows: int
    doubtful: int
    left_behind: list[str]
    unfilled: list[str]
    """Parameters of the port that no layer has the shapes for."""


def draft(source: str | os.PathLike[str], port: Any = None, *, called: str = "the port") -> Draft:
    """The first table for the checkpoint at `source`.

    port: a torch.nn.Module, by whose modules and shapes the rows are matched; without it, modules are called as the
    scopes are. called: what the port is named in the table. Raises KindlingError if `source` cannot be read, or holds
    nothing but a training's state.
    """
    contents = files.read(Path(source))
    # A whole number by itself is no weight: a step, under whatever name a script gave it.
    steps = [name for name, array in contents.variables.items() if array.ndim == 0 and array.dtype.kind in "iu"]
    layers, behind = layers_in({name: array for name, array in contents.variables.items() if name not in steps})
    steps = [name for name in steps if name not in left_behind(contents.variables, {})]
    if not layers:
        raise KindlingError(f"{source}: no layer is in it, only {', '.join(behind[:3]) or 'nothing'}")
    places, state = places_of(port) if port is not None else ([], {})
    if port is None:
        matches = [_unmatched(layer) for layer in layers]
    else:
        matches = matched(layers, places, contents.variables)
        order = {id(place): k for k, place in enumerate(places)}
        matches.sort(key=lambda match: order[id(match.place)] if match.place else len(order))
    rows = [
        _row(match, list(_doubts(k, matches, contents.variables, port is not None))) for k, match in enumerate(matches)
    ]
    filled = {key for match in matches if match.place for key in _filled(match.place)}
    unfilled = [key for key in state if key not in filled and not key.endswith("num_batches_tracked")]
    text = HEAD.format(source=Path(source).name, port=called)
    text += "layers = [\n" + "".join(f"  {row},\n" for row in rows) + "]\n"
    if steps:
        text += f"left_behind = {_toml(steps)}  # whole numbers by themselves: steps?\n"
    if behind:
        text += "# Of a training, left behind without being named here:\n"
        text += "".join(f"#   {name}\n" for name in behind)
    if unfilled:
        text += "# The port's own, which nothing here fills (of_the_port = [...] names those that are meant to stay):\n"
        text += "".join(f"#   {key} {list(state[key])}\n" for key in unfilled)
    shapes = {name: contents.variables[name].shape for layer in layers for name in layer.variables}
    text += _section("variables", shapes) + (_section("state", state) if state else "")
    return Draft(
        text=text,
        rows=len(rows),
        doubtful=sum("doubtful = " in row for row in rows),
        left_behind=behind,
        unfilled=unfilled,
    )


def _unmatched(layer: Layer) -> Match:
    """Without a port: the module is called as the scope is, and what kind it is must be told by itself."""
    guess = layer.guesses[0] if layer.guesses else None
    doubts = [guess.doubt] if guess and guess.doubt else []
    if guess is None:
        doubts.append("no kind of layer has these variables")
    elif len(layer.guesses) > 1 and _is_open(layer):
        doubts.append(f"or {' or '.join(other.kind.name for other in layer.guesses[1:])}? names and shapes do not say")
    return Match(layer=layer, guess=guess, place=None, doubts=tuple(doubts))


def _is_open(layer: Layer) -> bool:
    """Whether the likeliest of several kinds is not told by the name."""
    name = layer.guesses[0].kind.name
    return name not in CONVS and name != "dense" and not any(part in layer.scope.lower() for part in name.split("_"))


def _doubts(k: int, matches: Sequence[Match], weights: Mapping[str, Array], with_port: bool) -> Iterator[str]:
    """Everything that a person has to look at in one row."""
    match = matches[k]
    yield from match.doubts
    if match.guess is None:
        return
    kind, place = match.guess.kind, match.place
    if place is not None and place.epsilon is not None and "epsilon" in kind.options:
        own = kind.options["epsilon"]
        if place.epsilon != own:
            yield (
                f"the port's epsilon is {place.epsilon:g}, the default of slim and Keras {own:g}: build the port with "
                "the checkpoint's, and say it here as epsilon"
            )
    if kind.name == "dense":
        yield from _flattened(k, matches, weights, with_port)


def _flattened(k: int, matches: Sequence[Match], weights: Mapping[str, Array], with_port: bool) -> Iterator[str]:
    """A dense layer whose inputs may be pixels of a convolution's result, in TensorFlow's order."""
    inputs = _size(matches[k], weights, 0)
    before = matches[:k] if with_port else [*matches[:k], *matches[k + 1 :]]
    if with_port and before and before[-1].guess and _outputs(before[-1], weights) == inputs:
        return
    channels = {_outputs(m, weights) for m in before if m.guess and ("conv" in m.guess.kind.name)}
    fitting = sorted((c for c in channels if c and c < inputs and inputs % c == 0), reverse=True)
    if fitting and inputs not in channels:
        c = fitting[0]
        yield f"does a flatten stand before it? then flatten = [h, w, c]; for c = {c}, h * w = {inputs // c}"


def _size(match: Match, weights: Mapping[str, Array], axis: int) -> int:
    assert match.guess is not None
    first = match.guess.roles[match.guess.kind.roles[0]]
    return int(weights[first].shape[axis])


def _outputs(match: Match, weights: Mapping[str, Array]) -> int:
    """How many channels a layer's result has, as far as its variables say."""
    if match.guess is None:
        return 0
    roles = match.guess.roles
    if "bias" in roles:
        return int(np.prod(weights[roles["bias"]].shape))
    if "gamma" in roles or "beta" in roles:
        return int(weights[roles.get("gamma", roles.get("beta", ""))].shape[-1])
    last = roles.get("pointwise") or roles.get("kernel") or ""
    return int(weights[last].shape[-2 if "transpose" in match.guess.kind.name else -1]) if last else 0


def _row(match: Match, doubts: Sequence[str]) -> str:
    """One row of the table, as it is written."""
    guess, place = match.guess, match.place
    kind = guess.kind.name if guess else VARIABLE
    torch: str | Mapping[str, str] = place.torch if place else ""
    if place is None and "no module of the port has these shapes" not in doubts:
        torch = match.layer.scope.replace("/", ".") or "."
    cells: dict[str, Any] = {"tf": match.layer.scope, "torch": torch, "kind": kind}
    if guess:
        if guess.kind.options.get("epsilon"):
            cells["epsilon"] = guess.kind.options["epsilon"]
        cells |= {"roles": list(guess.said)} if guess.said else {}
        cells |= {**guess.options, **(place.options if place else {})}
    if doubts:
        cells["doubtful"] = "; ".join(doubts)
    return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in cells.items()) + " }"


def _filled(place: Place) -> list[str]:
    if isinstance(place.torch, str):
        if not place.classes:
            return [place.torch]
        return [leaf if place.torch == "." else f"{place.torch}.{leaf}" for leaf in place.shapes]
    return [f"{place.torch[leaf.partition('.')[0]]}.{leaf.partition('.')[2]}" for leaf in place.shapes]


def _section(name: str, shapes: Mapping[str, Shape]) -> str:
    return f"\n[{name}]\n" + "".join(f"{_toml(key)} = {list(shape)}\n" for key, shape in shapes.items())


def _toml(value: Any) -> str:
    """A value in TOML's notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)
