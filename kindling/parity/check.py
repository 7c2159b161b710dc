"""Do two KinDs compute the same function? Same arrays into both, every output and every layer compared.

The yardstick is float64. Both sides also run in float64, where rounding is too small to hide anything: there they
must agree to 1e-10, which says that the function is the same. That result then serves as the exact answer, and in
float32 the port must be as close to it as the reference is, or within 1e-5. A float32
tolerance alone would mislead: some retrained weights put TensorFlow itself 5e-5 from the exact answer, and a right
mirror 2e-5.

Nothing here knows a framework: a side is two loaded models that run on arrays and show their layers.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from kindling.core.errors import MissingNetError
from kindling.core.model import Array, Layered, Model
from kindling.parity.diagnosis import Diagnosis
from kindling.parity.distance import distance, magnitude, mean_distance
from kindling.parity.spread import Seen, Spread, seen, spread

SAME_FUNCTION = 1e-10  # float64 against float64
CLOSE_ENOUGH = 1e-5  # float32 against the exact answer, where the reference is closer still
SIZES = ("1x1", "2x3", "37x51", "95x130", "3x37x51")
RATIO = 5.0


@dataclass(frozen=True)
class Side:
    """One of the two: `single` and `double` hold the same weights in float32 and float64.

    A port may be a graph of another runtime, which computes in float32 only and shows no layers: its `double` is None.
    """

    name: str
    single: Model
    double: Layered | None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input: a photo or random numbers. x: (n, h, w, 3) float32 in [0, 1].

    On random cases r, i and the ratio map are random too, so that no net leans on another; on a photo they are what
    the reference makes of it.
    """

    name: str
    x: np.ndarray
    r: np.ndarray | None = None
    i: np.ndarray | None = None
    ratio: np.ndarray | float = RATIO


@dataclass(frozen=True, kw_only=True)
class Row:
    """One compared array. Distances of layers are relative to the layer's largest value, those of outputs absolute."""

    case: str
    what: str  # "R", "L", "restored", "adjusted", "enhanced", or the op name of a layer
    reference_error: float  # reference float32 from the exact answer, max
    port_error: float  # port float32 from the exact answer, max
    difference: float  # port float32 from reference float32, max
    mean: float  # the same, mean
    double: float  # port float64 from reference float64, max; infinite for a port that has no float64
    ok: bool
    note: str = ""  # why it could not be compared, or what else to know of a row that is over

    @classmethod
    def lost(cls, case: str, what: str, note: str) -> "Row":
        """Of what could not be compared."""
        far = math.inf
        return cls(
            case=case, what=what, reference_error=far, port_error=far, difference=far, mean=far, double=far, ok=False,
            note=note,
        )  # fmt: skip

    @classmethod
    def measured(
        cls, case: str, what: str, reference: Array, port: Array, exact: Array, *, double: float, scale: float = 1.0
    ) -> "Row":
        """The distances of two float32 results, in units of `scale`; the verdict is still to be spoken.

        double: how far the port's float64 is off, in the same units.
        """
        return cls(
            case=case,
            what=what,
            reference_error=distance(reference, exact) / scale,
            port_error=distance(port, exact) / scale,
            difference=distance(port, reference) / scale,
            mean=mean_distance(port, reference) / scale,
            double=double,
            ok=True,
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """All rows, and for every net and case that differs its first layer that does."""

    outputs: list[Row]
    layers: list[Row]
    skipped: list[str]  # nets whose weights are not there
    tolerance: float | None
    reference: str  # what the two sides are called
    port: str
    diagnosis: Diagnosis | None = None  # what the two sides' weights differ in, where they are not the same
    inputs: list[Seen] = field(default_factory=list)  # what went into both
    spreads: list[Spread] = field(default_factory=list)  # of every output: how far off how many values are, and where
    about: dict[str, object] = field(default_factory=dict)  # versions, machine, weights: what two reports differ in

    @property
    def ok(self) -> bool:
        return bool(self.outputs) and all(row.ok for row in self.outputs + self.layers)

    @property
    def first_differences(self) -> list[Row]:
        """The first layer that differs, of each net in each case: where to look for what is wrong."""
        first: dict[tuple[str, str], Row] = {}
        for row in self.layers:
            if not row.ok:
                first.setdefault((row.case, row.what.split("/")[0]), row)
        return list(first.values())

    def as_dict(self) -> dict:
        """For JSON: the verdict, the bars it was judged by, every row; null where a figure is infinite."""
        bars = {"tolerance": self.tolerance} if self.tolerance is not None else {}
        bars |= {"same_function": SAME_FUNCTION, "close_enough": CLOSE_ENOUGH} if not bars else {}
        rows = {"outputs": [_plain(row) for row in self.outputs], "layers": [_plain(row) for row in self.layers]}
        findings = {"diagnosis": [asdict(finding) for finding in self.diagnosis.findings]} if self.diagnosis else {}
        hashes = {f"{s.case}, {s.what}": [s.reference_sha256, s.port_sha256] for s in self.spreads}
        made = {"about": self.about, "inputs": {i.case: i.sha256 for i in self.inputs}, "results": hashes}
        return {"ok": self.ok, "bars": bars, "skipped": self.skipped, **findings, **made, **rows}


def random_cases(sizes: Sequence[str] = SIZES, seed: int = 0) -> list[Case]:
    """Uniform random input for every size, written HxW or NxHxW."""
    cases = []
    for size in sizes:
        n, h, w = [1, *map(int, size.split("x"))][-3:]
        rng = np.random.default_rng([seed, n, h, w])
        x, r, i = (rng.random((n, h, w, c), np.float32) for c in (3, 3, 1))
        cases.append(Case(name=f"random {size}", x=x, r=r, i=i, ratio=RATIO * rng.random((n, h, w, 1), np.float32)))
    return cases


def compare(reference: Side, port: Side, cases: Iterable[Case], tolerance: float | None = None) -> Report:
    """Run every case through both sides. `tolerance`: judge float32 against float32 by it, instead of by float64."""
    outputs, layers, inputs_seen, spreads = [], [], [], []
    nets = [net.scope for net in reference.single.family.nets]
    present = [net for net in nets if net in reference.single.nets]
    for case in cases:
        inputs_seen.append(seen(case.name, case.x, photo=case.r is None))
        for step, net, names, inputs, options in _steps(case, reference, present):
            results = _run_all(reference, port, step, inputs, options)
            for k, name in enumerate(names):
                of = [r if isinstance(r, str) else r[k] for r in results]
                outputs.append(_row(case.name, name, of, tolerance, relative=False))
                exact, ours, _, theirs = of
                if isinstance(exact, np.ndarray) and isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
                    spreads += spread(case.name, name, exact, ours, theirs)
            if net and port.double is not None:
                layers += _layer_rows(case, reference, port, net, inputs, options, tolerance)
    skipped = [net for net in nets if net not in present]
    return Report(
        outputs=outputs,
        layers=layers,
        skipped=skipped,
        tolerance=tolerance,
        reference=reference.name,
        port=port.name,
        inputs=inputs_seen,
        spreads=spreads,
    )


def _steps(case, reference, present):
    """(verb, net, names of its results, arrays, dials) for every net that is present, and for the chain if all are."""
    family, r, i = reference.single.family, case.r, case.i
    given: dict[str, np.ndarray] = {"image": case.x}
    if r is None and family.net("decompose").scope in present:
        r, i = reference.single.run("decompose", case.x)
    if r is not None:  # else it is a photo, and there is nothing to decompose it with
        ratio = case.ratio if isinstance(case.ratio, np.ndarray) else np.full_like(i, case.ratio)
        given |= {"R": r, "L": i, "ratio": ratio}
    for net in family.nets:
        if net.scope in present and given.keys() >= set(net.reads):
            yield net.verb, net.scope, net.parts, tuple(given[name] for name in net.reads), {}
    if len(present) == len(family.nets):
        yield "enhance", None, ("enhanced",), (case.x,), {} if family.ratio is None else {"ratio": RATIO}


def _run_all(reference, port, step, inputs, options):
    """Reference float64, reference float32, port float64, port float32; an error message where the port failed."""
    results = [model.run(step, *inputs, **options) for model in (reference.double, reference.single)]
    for model in (port.double, port.single):
        try:
            results.append([None] * len(results[0]) if model is None else model.run(step, *inputs, **options))
        except MissingNetError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a wrong port raises is a finding, and is shown as one
            results.append(_said(error))
    return results


def _layer_rows(case, reference, port, net, inputs, options, tolerance):
    corner = [_corner(x) for x in inputs]
    sides = [dict(model.layers(net, *corner)) for model in (reference.double, reference.single)]
    found, stopped = [], ""
    for model in (port.double, port.single):
        ran = {}
        try:
            for name, array in model.layers(net, *corner):
                ran[name] = array
        except Exception as error:  # noqa: BLE001 - as above; the layers before it have been handed out
            stopped = _said(error)
        found.append(ran)
    for name in sides[0]:
        missing = stopped or f"{port.name} has no such layer"
        yield _row(
            case.name,
            name,
            [*(s[name] for s in sides), *(f.get(name, missing) for f in found)],
            tolerance,
            relative=True,
        )
    for name in found[1]:
        if name not in sides[1]:
            nothing = f"{reference.name} has no such layer"
            yield _row(case.name, name, [nothing] * 4, tolerance, relative=True)


def _row(case, what, results, tolerance, relative):
    notes = [r for r in results if isinstance(r, str)]
    if notes:
        return Row.lost(case, what, notes[0])
    exact, reference, exact_port, port = results
    scale = magnitude(exact) if relative else 1.0
    double = math.inf if exact_port is None else distance(exact_port, exact) / scale
    row = Row.measured(case, what, reference, port, exact, double=double, scale=scale)
    passes = _passes(row, tolerance, exact_port is not None)
    return row if passes else replace(row, ok=False, note=_why(row, port, reference, tolerance))


def _why(row, port, reference, tolerance):
    """What the numbers of a row that is over do not say by themselves."""
    if port.shape != reference.shape:
        return f"shape {port.shape}, expected {reference.shape}"
    if not np.isfinite(port).all() or not np.isfinite(reference).all():
        return "not finite: these weights are too large for float32"
    if tolerance is None and row.double <= SAME_FUNCTION:
        return f"the same function, its rounding {row.port_error:.1e} where {row.reference_error:.1e} was reached"
    return ""


def _passes(row: Row, tolerance: float | None, has_double: bool) -> bool:
    if not (math.isfinite(row.difference) and math.isfinite(row.port_error)):
        return False  # NaN and overflow on both sides prove nothing
    if tolerance is not None:
        return row.difference <= tolerance
    return (row.double <= SAME_FUNCTION or not has_double) and row.port_error <= max(row.reference_error, CLOSE_ENOUGH)


def _corner(x: np.ndarray, side: int = 255) -> np.ndarray:
    """The bottom right corner, where padding goes wrong first, at an odd size: all layers of a photo fill memory."""
    return x[:, -side:, -side:]


def _plain(row: Row) -> dict:
    return {key: None if value == math.inf else value for key, value in asdict(row).items()}


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
