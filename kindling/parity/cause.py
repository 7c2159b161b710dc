"""Why a port differs: the classic faults tried one after the other on its first layer that differs, until it does not.

What is told was proven: with the change, the port gives the reference's values further on than before, or to its end.
Where no experiment helps, the results are looked at side by side, and what they look like is said as no more than that.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kindling.parity.diagnosis import Finding
from kindling.parity.faults import Experiment, experiments
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

    def _best(groups: Iterable[list[Experiment]], start: tuple[int, float]) -> list[Experiment] | None:
        """The change that leads furthest; None if none leads on."""
        best, reached, left = None, start[0], start[1] * CLEARLY
        for group in groups:
            there, far = _tried(port, arrays, group, reference, pairs, bars)
            if (there, -far) > (reached, -left):
                best, reached, left = group, there, far
            if there == len(pairs):
                break
        return best

    findings: list[Finding] = []
    run = port.run(arrays)
    first, far = _score(run, reference, pairs, bars)
    for _ in range(MOST_FAULTS):
        if first == len(pairs):
            break
        single = _groups(port, run, pairs[first])
        best = _best(single, (first, far))
        if best is None:
            best = _best(_two_at_once(single, run, pairs[first]), (first, far))
        if best is None:
            break
        for one in best:
            one.begin()
        findings += [_finding(list(one), port.name) for _, one in itertools.groupby(best, lambda one: one.group)]
        run = port.run(arrays)
        first, far = _score(run, reference, pairs, bars)
    if first == len(pairs) and findings:
        sentence = (
            f"with {'that' if len(findings) == 1 else 'all of that'} put right, {port.name} computes the reference"
        )
        findings.append(Finding(kind="together", sentence=sentence, names=()))
    elif first < len(pairs):
        findings += _looks(pairs[first], reference, run, port.name)
    return findings


def _score(run: Run, reference: Run, pairs: Sequence[Pair], bars: Sequence[float]) -> tuple[int, float]:
    """(how many pairs in a row are equal, how far the first is that is not)."""
    for k, (pair, most) in enumerate(zip(pairs, bars, strict=True)):
        far = apart(pair, reference, run)[0]
        if not far <= most:
            return k, far
    return len(pairs), 0.0


def _tried(
    port: Port,
    arrays: Sequence[Array],
    group: Sequence[Experiment],
    reference: Run,
    pairs: Sequence[Pair],
    bars: Sequence[float],
) -> tuple[int, float]:
    """The score with a change made, which is taken back."""
    ends = []
    try:
        for one in group:
            ends.append(one.begin())
        return _score(port.run(arrays), reference, pairs, bars)
    except Exception:  # noqa: BLE001 - a change that the net cannot run with is not what is wrong with it
        return -1, math.inf
    finally:
        for end in reversed(ends):
            end()


def _groups(port: Port, run: Run, failed: Pair) -> list[list[Experiment]]:
    """What to try: on the module that differs and those before it, each by itself; then the same in all of them."""
    ran = [name.partition(" (")[0] for name in run.layers]
    until = ran.index(failed.ours.partition(" (")[0]) + 1 if failed.is_layer else len(ran)
    before = list(dict.fromkeys(ran[:until]))
    modules: dict[str, Any] = dict(port.module.named_modules())
    images = shapes_before(run)
    all_of: dict[tuple[str, str], list[Experiment]] = {}
    single = []
    for k, name in enumerate(reversed(before)):
        for one in experiments(name, modules[name], images):
            all_of.setdefault((one.kind, one.group), []).append(one)
            if k < NEAR:
                single.append([one])
    # What costs least to believe comes first: one module, then one fault made everywhere.
    order = {"padding": 0, "epsilon": 1, "flatten": 2, "gates": 3}
    single.sort(key=lambda group: order.get(group[0].kind, 4 + (group[0].group != "relu")))
    return [*single, *(group for group in all_of.values() if len(group) > 1)]


def _two_at_once(single: Sequence[list[Experiment]], run: Run, failed: Pair) -> Iterator[list[Experiment]]:
    """A change on the layer that differs together with one before it: where neither is enough by itself."""
    ran = [name.partition(" (")[0] for name in run.layers]
    here = failed.ours.partition(" (")[0] if failed.is_layer else next(reversed(ran), "")
    alone = [group[0] for group in single if len(group) == 1]
    own = [one for one in alone if one.module == here]
    before = [one for one in alone if one.module != here and one.kind in ("padding", "activation", "epsilon")]
    pairs = ([first, second] for second in own for first in before)
    yield from itertools.islice(pairs, MOST_PAIRS)


def _finding(group: Sequence[Experiment], port: str) -> Finding:
    names = tuple(f"{port}/{one.module.replace('.', '/')}/" for one in group)
    also = f"; so in {len(group)} modules: {', '.join(one.module for one in group)}" if len(group) > 1 else ""
    return Finding(kind=group[0].kind, sentence=f"{group[-1].sentence}{also}", names=names)


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
