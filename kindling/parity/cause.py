"""Why a port differs: the classic faults tried one after the other on its first layer that differs, until it does not.

What is told was proven: with the change, the port gives the reference's values further on than before, or to its end.
Where no experiment helps, the results are looked at side by side, and what they look like is said as no more than that.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kindling.parity.changes import Experiment
from kindling.parity.diagnosis import Finding
from kindling.parity.faults import experiments
from kindling.parity.likeness import cosine, likeness
from kindling.parity.moves import Array
from kindling.parity.pairing import Pair, apart, shapes_before
from kindling.parity.ports import Port, Run

MOST_FAULTS = 8  # found one after the other
NEAR = 12  # modules before the first that differs which are tried
MOST_PAIRS = 300  # of experiments at once
CLEARLY = 0.3  # of the distance, which an experiment must leave at most where it does not reach the next layer
SHIFTED = 0.98  # cosine from which two pictures are one, moved


def causes(
    port: Port, arrays: Sequence[Array], reference: Run, pairs: Sequence[Pair], bars: Sequence[float]
) -> list[Finding]:
    """The faults of a port on one case. port: in float64, and changed by this. bars: how far each pair may be apart."""
    trial = _Trial(port, arrays, reference, pairs, bars)
    findings: list[Finding] = []
    run = port.run(arrays)
    score = trial.score()
    while score.equal < len(pairs) and len(findings) < MOST_FAULTS:
        failed = pairs[score.equal]
        single = _single(port, run, failed)
        best = trial.first_that_helps(([one] for one in single), score)
        best = best or trial.first_that_helps(_two_at_once(single, run, failed), score)
        if best is None:
            break
        best = trial.everywhere(best, run)
        for one in best:
            one.begin()
        findings += [_finding(list(own), port.name) for _, own in itertools.groupby(best, lambda one: one.group)]
        run, score = port.run(arrays), trial.score()
    if score.equal == len(pairs) and findings:
        which = "that" if len(findings) == 1 else "all of that"
        sentence = f"with {which} put right, {port.name} computes the reference"
        findings.append(Finding(kind="together", sentence=sentence, names=()))
    elif score.equal < len(pairs):
        findings += _looks(pairs[score.equal], reference, run, port.name)
    return findings


@dataclass(frozen=True)
class _Score:
    """How far a port comes."""

    equal: int
    """How many pairs in a row are equal."""
    far: float
    """How far the first is that is not."""

    def is_beyond(self, other: "_Score") -> bool:
        """Whether a change that leads here helps: to a later layer, or much closer."""
        return self.equal > other.equal or (self.equal == other.equal and self.far < CLEARLY * other.far)


class _Differs(Exception):
    """Ends a run at the first layer that differs: what comes after it says no more."""


@dataclass(frozen=True)
class _Trial:
    """Experiments on one case."""

    port: Port
    arrays: Sequence[Array]
    reference: Run
    pairs: Sequence[Pair]
    bars: Sequence[float]

    def score(self) -> _Score:
        """Of the port as it is now. Raises what it raises."""
        places = {pair.ours: k for k, pair in enumerate(self.pairs) if pair.is_layer}
        found: list[_Score] = []

        def watch(name: str, array: Array) -> None:
            if name in places:
                k = places[name]
                far = apart(self.pairs[k], self.reference, Run(outputs={}, layers={name: array}))[0]
                if not far <= self.bars[k]:
                    found.append(_Score(k, far))
                    raise _Differs

        try:
            run = self.port.run(self.arrays, watch)
        except _Differs:
            return found[0]
        for k, (pair, most) in enumerate(zip(self.pairs, self.bars, strict=True)):
            far = apart(pair, self.reference, run)[0]
            if not far <= most:
                return _Score(k, far)
        return _Score(len(self.pairs), 0.0)

    def changed(self, group: Sequence[Experiment]) -> _Score:
        """The score with changes made, which are taken back."""
        ends = []
        try:
            for one in group:
                ends.append(one.begin())
            return self.score()
        except Exception:  # noqa: BLE001 - a change that the net cannot run with is not what is wrong with it
            return _Score(-1, math.inf)
        finally:
            for end in reversed(ends):
                end()

    def first_that_helps(self, groups: Iterable[list[Experiment]], before: _Score) -> list[Experiment] | None:
        """The first change that leads to a later layer; where none does, one that comes much closer, if any."""
        best, reached = None, before
        for group in groups:
            score = self.changed(group)
            if score.equal > before.equal:
                return group
            if score.is_beyond(reached) or (best and score.equal == reached.equal and score.far < reached.far):
                best, reached = group, score
        return best

    def everywhere(self, best: list[Experiment], run: Run) -> list[Experiment]:
        """The same change in every module that allows it, if that leads further than in one."""
        if len(best) != 1:
            return best
        images = shapes_before(run)
        ran = {name.partition(" (")[0] for name in run.layers}
        modules = [(name, module) for name, module in self.port.module.named_modules() if name in ran]
        alike = [one for name, module in modules for one in experiments(name, module, images)]
        group = [one for one in alike if (one.kind, one.group) == (best[0].kind, best[0].group)]
        return group if len(group) > 1 and self.changed(group).is_beyond(self.changed(best)) else best


def _single(port: Port, run: Run, failed: Pair) -> list[Experiment]:
    """What to try on the module that differs and on those before it, the likeliest faults first."""
    ran = [name.partition(" (")[0] for name in run.layers]
    until = ran.index(failed.ours.partition(" (")[0]) + 1 if failed.is_layer else len(ran)
    before = list(dict.fromkeys(ran[:until]))[::-1][:NEAR]
    modules: dict[str, Any] = dict(port.module.named_modules())
    images = shapes_before(run)
    found = [one for name in before for one in experiments(name, modules[name], images)]
    order = {"padding": 0, "epsilon": 1, "flatten": 2, "gates": 3}
    return sorted(found, key=lambda one: order.get(one.kind, 4 + (one.group != "relu")))


def _two_at_once(single: Sequence[Experiment], run: Run, failed: Pair) -> Iterator[list[Experiment]]:
    """A change on the layer that differs together with one before it: where neither is enough by itself."""
    ran = [name.partition(" (")[0] for name in run.layers]
    here = failed.ours.partition(" (")[0] if failed.is_layer else next(reversed(ran), "")
    own = [one for one in single if one.module == here]
    before = [one for one in single if one.module != here and one.kind in ("padding", "activation", "epsilon")]
    pairs = ([first, second] for second in own for first in before)
    yield from itertools.islice(pairs, MOST_PAIRS)


def _finding(group: Sequence[Experiment], port: str) -> Finding:
    names = tuple(f"{port}/{one.module.replace('.', '/')}/" for one in group)
    also = f"; so in {len(group)} modules: {', '.join(one.module for one in group)}" if len(group) > 1 else ""
    return Finding(kind=group[0].kind, sentence=f"{group[0].sentence}{also}", names=names)


# --- what it looks like ------------------------------------------------------------------------------------------


def _looks(pair: Pair, reference: Run, run: Run, port: str) -> list[Finding]:
    """The first results that differ, side by side."""
    _, name, _ = apart(pair, reference, run)
    theirs = (reference.layers if pair.is_layer else reference.outputs)[name]
    ours = (run.layers if pair.is_layer else run.outputs).get(pair.ours)
    if ours is None:
        return []
    names = (f"{port}/{pair.ours.replace('.', '/')}/",) if pair.is_layer else ()
    if shift := _shift(theirs, ours):
        rows, columns = shift
        sentence = (
            f"{pair.what} looks like the reference's moved by {rows} rows and {columns} columns: padding, or a crop"
        )
        return [Finding(kind="padding", sentence=sentence, names=names)]
    found = likeness(theirs, ours.astype(theirs.dtype))
    if found is None or found.kind in ("unrelated", "noise"):
        return []
    return [Finding(kind=found.kind, sentence=f"{pair.what} looks like the reference's, {found.words}", names=names)]


def _shift(theirs: Array, ours: Array) -> tuple[int, int] | None:
    """By how many pixels (n, h, w, c) is moved, if that is what it looks like."""
    if theirs.ndim != 4 or theirs.shape != ours.shape or min(theirs.shape[1:3]) < 5:
        return None
    best, where = cosine(theirs, ours), (0, 0)
    for rows, columns in itertools.product((-1, 0, 1), repeat=2):
        near = cosine(_cut(theirs, -rows, -columns), _cut(ours, rows, columns))
        if near > best:
            best, where = near, (rows, columns)
    return where if best >= SHIFTED and where != (0, 0) else None


def _cut(x: Array, rows: int, columns: int) -> Array:
    """The part of a picture that is left when it is moved and laid over itself."""
    h, w = x.shape[1:3]
    return np.asarray(x[:, max(rows, 0) : h + min(rows, 0), max(columns, 0) : w + min(columns, 0)])
