"""What two sets of weights differ in, variable by variable, and what the whole of it looks like.

    from kindling.parity.diagnosis import diagnose
    for finding in diagnose(convert.read("ours.npz"), convert.read("theirs.pth")).findings:
        print(finding.sentence)      # DecomNet: 10 of 10 kernels flipped left-right

One variable's likeness is found by kindling/parity/likeness.py. Here likenesses are gathered: what happened to all
kernels of a net is one finding, a net that is another's or was trained on is one, and two variables that changed places
are found among those that look unrelated.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from kindling.parity.distance import distance, mean_distance
from kindling.parity.likeness import Likeness, likeness, relative
from kindling.parity.moves import Array, Kind

State = Literal["equal", "other values", "other shape", "only in the first", "only in the second"]
FindingKind = (
    Kind
    | Literal["missing", "extra", "exchanged", "another net"]
    | Literal["padding", "epsilon", "flatten", "activation", "gates", "resize", "together"]  # kindling/parity/faults.py
)
MOST = 0.75  # the share of a net's kernels that makes it another's, or one that was trained on
SHOWN = 3  # names spelled out in one finding


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One variable of two sets of weights."""

    name: str
    state: State
    largest: float = 0.0
    """The largest absolute difference; infinite where there is none to be had."""
    mean: float = 0.0
    relative: float = 0.0
    """The length of the difference, of the length of the first."""
    likeness: Likeness | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that happened, and to which variables."""

    kind: FindingKind
    sentence: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Every variable of either set, in the order of the first, and what their differences look like together."""

    variables: tuple[Difference, ...]
    findings: tuple[Finding, ...]

    @property
    def same(self) -> bool:
        """Whether every variable is in both and equal bit by bit."""
        return all(variable.state == "equal" for variable in self.variables)

    def of_layer(self, layer: str) -> tuple[Finding, ...]:
        """The findings about one layer, by its scope or by the name of an op in it: DecomNet/g_conv1_1/Conv2D."""
        scope = "/".join(layer.split("/")[:2]) + "/"
        return tuple(f for f in self.findings if any(name.startswith(scope) for name in f.names))

    def as_dict(self) -> dict[str, object]:
        """For JSON; null where a figure is infinite."""
        rows = [{k: None if v == float("inf") else v for k, v in asdict(row).items()} for row in self.variables]
        return {"same": self.same, "variables": rows, "findings": [asdict(finding) for finding in self.findings]}


def diagnose(first: Mapping[str, Array], second: Mapping[str, Array]) -> Diagnosis:
    """Compare two sets of weights, slim names, TF axis order."""
    names = [*first, *(name for name in second if name not in first)]
    variables = tuple(_difference(name, first.get(name), second.get(name)) for name in names)
    different = {row.name: row for row in variables if row.state != "equal"}
    findings = [*_only_in_one(different, first, second)]
    exchanged, explained = _exchanged(different, first, second)
    findings += exchanged
    left = {name: row for name, row in different.items() if row.likeness and name not in explained}
    whole, explained = _whole_nets(left, variables)
    alike: dict[tuple[Kind, str], list[str]] = defaultdict(list)
    for name, row in left.items():
        if name not in explained and row.likeness:
            alike[row.likeness.kind, row.likeness.words].append(name)
    findings += [_finding(*key, own, names) for key, own in alike.items()]
    findings += whole
    return Diagnosis(variables=variables, findings=tuple(findings))


def _difference(name: str, a: Array | None, b: Array | None) -> Difference:
    if a is None or b is None:
        only: State = "only in the second" if a is None else "only in the first"
        return Difference(name=name, state=only, largest=np.inf, mean=np.inf, relative=np.inf)
    found = likeness(a, b)
    if found is None:
        return Difference(name=name, state="equal")
    if a.shape != b.shape:
        infinite = {"largest": np.inf, "mean": np.inf, "relative": np.inf}
        return Difference(name=name, state="other shape", likeness=found, **infinite)
    apart = relative(a, b) if found.kind != "not finite" else np.inf
    return Difference(
        name=name,
        state="other values",
        largest=distance(a, b),
        mean=mean_distance(a, b),
        relative=apart,
        likeness=found,
    )


# --- findings ----------------------------------------------------------------------------------------------------


def _only_in_one(
    different: Mapping[str, Difference], first: Mapping[str, Array], second: Mapping[str, Array]
) -> Iterable[Finding]:
    sides: list[tuple[State, Mapping[str, Array], FindingKind, str]] = [
        ("only in the first", first, "missing", "missing in the second"),
        ("only in the second", second, "extra", "only in the second"),
    ]
    for state, others, kind, where in sides:
        names = [name for name, row in different.items() if row.state == state]
        whole = {net for net in map(_net, names) if all(n in names for n in others if _net(n) == net)}
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in names:
            groups[_net(name), "" if _net(name) in whole else _leaf(name)].append(name)
        for (net, leaf), own in groups.items():
            sentence = _counted(own, list(others), where) if leaf else f"{net}: {where}, all {len(own)} variables of it"
            yield Finding(kind=kind, sentence=sentence, names=tuple(own))


def _exchanged(
    different: Mapping[str, Difference], first: Mapping[str, Array], second: Mapping[str, Array]
) -> tuple[list[Finding], set[str]]:
    """Variables that hold what another one holds in the first."""
    owners: dict[tuple[tuple[int, ...], bytes], list[str]] = defaultdict(list)
    for name, array in first.items():
        if array.any():
            owners[array.shape, array.tobytes()].append(name)
    holds = {}
    for name, row in different.items():
        if row.likeness and not row.likeness.exact and name in second:
            others = owners.get((second[name].shape, second[name].tobytes()), [])
            if others and others[0] != name:
                holds[name] = others[0]
    findings = []
    for name, other in holds.items():
        if holds.get(other) == name:
            if name < other:
                sentence = f"{name} and {other} changed places"
                findings.append(Finding(kind="exchanged", sentence=sentence, names=(name, other)))
        else:
            sentence = f"{name} holds what {other} holds in the first"
            findings.append(Finding(kind="exchanged", sentence=sentence, names=(name,)))
    return findings, set(holds)


def _whole_nets(left: Mapping[str, Difference], variables: Iterable[Difference]) -> tuple[list[Finding], set[str]]:
    """Nets of which most kernels are unrelated, or a little changed: their other variables are of the same story."""
    findings: list[Finding] = []
    explained: set[str] = set()
    kinds = {name: row.likeness.kind for name, row in left.items() if row.likeness}
    nets: dict[str, list[Difference]] = defaultdict(list)
    for row in variables:
        nets[_net(row.name)].append(row)
    for net, rows in nets.items():
        kernels = [row for row in rows if _leaf(row.name) == "kernels"] or rows
        for kind in ("unrelated", "fine-tuned"):
            of_kind = [row for row in kernels if kinds.get(row.name) == kind]
            if len(of_kind) < MOST * len(kernels):
                continue
            own = [row for row in rows if kinds.get(row.name) in ("unrelated", "fine-tuned")]
            others = [name for name in nets if name != net]
            equal = [name for name in others if all(row.state == "equal" for row in nets[name])]
            beside = f", while {', '.join(equal)} {'is' if len(equal) == 1 else 'are'} bit-equal" if equal else ""
            count = f"{len(own)} of {len(rows)} variables"
            if kind == "unrelated":
                sentence = f"{net}: other weights altogether, {count} are unrelated{beside}"
                findings.append(_about("another net", sentence, own))
            else:
                middle = float(np.median([row.relative for row in of_kind]))
                sentence = f"{net}: fine-tuned, {count} changed, kernels by {middle:.2g} of their size{beside}"
                findings.append(_about("fine-tuned", sentence, own))
            explained |= {row.name for row in own}
    return findings, explained


def _about(kind: FindingKind, sentence: str, rows: Sequence[Difference]) -> Finding:
    return Finding(kind=kind, sentence=sentence, names=tuple(row.name for row in rows))


def _finding(kind: Kind, words: str, own: Sequence[str], names: Sequence[str]) -> Finding:
    return Finding(kind=kind, sentence=_counted(own, names, words), names=tuple(own))


def _counted(own: Sequence[str], names: Sequence[str], words: str) -> str:
    """`DecomNet: 9 of 10 kernels flipped`, or the few by name."""
    if len(own) <= SHOWN:
        return f"{', '.join(own)}: {words}"
    nets = list(dict.fromkeys(map(_net, own)))
    leaves = {_leaf(name) for name in own}
    among = [name for name in names if _net(name) in nets and _leaf(name) in leaves]
    what = leaves.pop() if len(leaves) == 1 else "variables"
    return f"{', '.join(nets)}: {len(own)} of {len(among)} {what} {words}, {own[0]} first"


def _net(name: str) -> str:
    return name.split("/")[0]


def _leaf(name: str) -> str:
    last = name.split("/")[-1]
    return {"weights": "kernels", "kernel": "kernels", "biases": "biases", "bias": "biases"}.get(last, last)
