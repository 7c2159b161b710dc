"""Which results of a reference and of a port belong together, and how far they are apart, row by row.

A module is a layer of the reference's if their names have the same words: `enc.conv1` and `net/enc/conv1/BiasAdd`. Of
several operations in one scope the one that comes closest is taken, since a module may or may not hold its activation.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kindling.core.optional import import_framework
from kindling.core.spelling import words
from kindling.parity.check import CLOSE_ENOUGH, SAME_FUNCTION, Row
from kindling.parity.distance import distance, magnitude
from kindling.parity.faults import activations
from kindling.parity.moves import Array
from kindling.parity.ports import Run

ROUNDING = 4  # times as far from the exact answer as the port in float32: no more than another order of sums


@dataclass(frozen=True, kw_only=True)
class Sides:
    """One case as both sides computed it."""

    case: str
    reference: Run
    """In float32."""
    reference_double: Run | None
    """None where the reference has no float64; then the port's is the exact answer."""
    port: Run
    port_double: Run

    @property
    def exact(self) -> Run:
        """The reference as exactly as it can be had."""
        return self.reference_double or self.reference


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two results that should be equal."""

    what: str
    """The module, or the output."""
    is_layer: bool
    ours: str
    """The port's name for it."""
    theirs: tuple[str, ...]
    """The reference's; one of them it is."""


def split(reference: Run, port: Run) -> Run:
    """The reference's run with those of its outputs as layers that are called as modules of the port are."""
    numbered = all(name.isdecimal() for name in reference.outputs)
    if numbered or len(reference.outputs) <= len(port.outputs):
        return reference
    modules = {words(name) for name in port.layers}
    inside = {name: array for name, array in reference.outputs.items() if words(name) in modules}
    rest = {name: array for name, array in reference.outputs.items() if name not in inside}
    last = dict(list(reference.outputs.items())[-1:])
    return replace(reference, outputs=rest or last, layers={**inside, **reference.layers})


def pairs_of(reference: Run, port: Run) -> list[Pair]:
    """The layers in the order in which the port runs them, then the outputs."""
    scopes: dict[tuple[str, ...], list[str]] = {}
    for name in reference.layers:
        for scope in dict.fromkeys((words(name), words(name.rpartition("/")[0]))):
            scopes.setdefault(scope, []).append(name)
    found = []
    for ours in port.layers:
        called = words(ours)
        candidates = scopes.get(called, [])
        if not candidates and called:
            behind = [scope for scope in scopes if scope[-len(called) :] == called]
            candidates = scopes[behind[0]] if len(behind) == 1 else []
        if candidates:
            found.append(Pair(what=ours, is_layer=True, ours=ours, theirs=tuple(candidates)))
    if reference.outputs.keys() == port.outputs.keys():
        names = [(name, name) for name in reference.outputs]
    else:
        names = list(zip(reference.outputs, port.outputs, strict=False))
    outputs = [
        Pair(what=theirs if theirs != "0" else "output", is_layer=False, ours=ours, theirs=(theirs,))
        for theirs, ours in names
    ]
    return [*found, *outputs]


def apart(pair: Pair, reference: Run, port: Run) -> tuple[float, str, str]:
    """(the largest difference, of the reference's largest value; the reference's name; the activation between).

    The reference's result that comes closest; where none does, with an activation that may follow the module outside.
    """
    ours = (port.layers if pair.is_layer else port.outputs).get(pair.ours)
    theirs = reference.layers if pair.is_layer else reference.outputs
    if ours is None:
        return math.inf, pair.theirs[0], ""
    best = min(((_relative(theirs[name], ours), name) for name in pair.theirs), key=lambda one: one[0])
    if not pair.is_layer or best[0] <= CLOSE_ENOUGH:
        return *best, ""
    for called, after in _activated(ours):
        for name in pair.theirs:
            if _relative(theirs[name], after) <= CLOSE_ENOUGH:
                return _relative(theirs[name], after), name, called
    return *best, ""


def row(pair: Pair, sides: Sides, port: str, tolerance: float | None) -> Row:
    """All distances of two results, relative to the reference's largest value, and the verdict."""
    far, name, called = apart(pair, sides.exact, sides.port_double)
    what = f"{port}/{pair.ours.replace('.', '/')}" if pair.is_layer else pair.what
    part = "layers" if pair.is_layer else "outputs"
    theirs, ours, ours_double = (
        getattr(run, part)[key]
        for run, key in ((sides.reference, name), (sides.port, pair.ours), (sides.port_double, pair.ours))
    )
    if called:
        ours, ours_double = (dict(_activated(array))[called] for array in (ours, ours_double))
    if theirs.shape != ours.shape:
        return Row.lost(sides.case, what, f"shape {ours.shape}, expected {theirs.shape}")
    doubles = sides.reference_double is not None
    exact = getattr(sides.exact, part)[name] if doubles else ours_double
    double = far if doubles else math.inf
    made = Row.measured(sides.case, what, theirs, ours, exact, double=double, scale=magnitude(exact))
    made = replace(made, note=f"before its {called}" if called else "")
    return made if _passes(made, doubles, tolerance) else replace(made, ok=False)


def bar(made: Row, doubles: bool) -> float:
    """How far the exact answers of both sides may be apart."""
    return SAME_FUNCTION if doubles else max(CLOSE_ENOUGH, ROUNDING * made.port_error)


def _passes(made: Row, doubles: bool, tolerance: float | None) -> bool:
    if not (math.isfinite(made.difference) and math.isfinite(made.port_error)):
        return False
    if tolerance is not None:
        return made.difference <= tolerance
    if doubles:
        return made.double <= SAME_FUNCTION and made.port_error <= max(made.reference_error, CLOSE_ENOUGH)
    return made.reference_error <= max(CLOSE_ENOUGH, ROUNDING * made.port_error)


def _relative(theirs: Array, ours: Array) -> float:
    return distance(ours, theirs) / magnitude(theirs)


def _activated(array: Array) -> Iterator[tuple[str, Array]]:
    """What an array becomes by each activation that works value by value."""
    torch = import_framework("torch", "comparing")
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    for called, function in activations().items():
        if called != "softmax":  # which is over channels, and here they are last
            yield called, function(tensor).numpy()


def shapes_before(run: Run) -> list[tuple[int, ...]]:
    """The shapes of everything that was computed or given in a run, pictures and what comes of them."""
    return [array.shape for array in (*run.inputs.values(), *run.layers.values())]
