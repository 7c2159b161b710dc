"""Does somebody's port compute what its original does? `compare` tells, for any reference and any torch.nn.Module.

    from kindling.parity import compare
    report = compare(run_tf, Net(), x)      # x: (n, h, w, c); for run_tf a SavedModel folder, a .pb or .onnx file too
    report.ok, report.first_differences, report.diagnosis.findings

The yardstick is float64, as for KinD (kindling/parity/check.py). Where the reference runs in float64 too, both must
agree to 1e-10 there. A graph in a file has float32 alone: then the port in float64 is the exact answer, and the
reference must be as near to it as rounding is.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.machine import machine
from kindling.parity.cause import causes
from kindling.parity.check import Report, Row
from kindling.parity.diagnosis import Diagnosis, Finding
from kindling.parity.moves import Array
from kindling.parity.pairing import Pair, Sides, bar, pairs_of, row, split
from kindling.parity.ports import Layout, Port, Run
from kindling.parity.references import Reference, opened
from kindling.parity.spread import Seen, Spread, seen, spread
from kindling.version import __version__

PACKAGES = ("numpy", "torch", "tensorflow", "tensorflow-cpu", "onnxruntime")

Inputs = Array | tuple[Array, ...] | Sequence[Array] | Mapping[str, Array | tuple[Array, ...]]


def compare(
    reference: Any,
    port: Any,
    inputs: Inputs,
    *,
    layout: Layout = "channels last",
    tolerance: float | None = None,
    diagnose: bool = True,
) -> Report:
    """Hold a port against its original: outputs, layers by their names, the first that differs, and why.

    reference: a function of arrays (its results; or a dictionary with layers; or (results, {name: layer})), or the path
    of a SavedModel folder, a frozen graph .pb or an .onnx file. port: a torch.nn.Module, which is copied, put into
    evaluation mode, and left as it is. inputs: one array; a tuple, if the reference takes several; a list of cases, or
    name -> case. layout: "channels last" turns arrays of 4 and 5 axes to (n, c, h, w) for the port and back; "same"
    turns nothing. tolerance: judge float32 against float32 by it, relative to the largest value. diagnose: look for the
    cause.

    Returns a Report; every figure is relative to the largest value of the reference's array. Raises KindlingError for
    inputs and references that cannot be run; what the port raises is a row of the report.
    """
    if not hasattr(port, "named_modules"):
        raise KindlingError(f"the port is a {type(port).__name__}, expected a torch.nn.Module")
    original = opened(reference)
    single, double = Port(port, "float32", layout), Port(port, "float64", layout)
    rows: list[Row] = []
    layers: list[Row] = []
    findings: list[Finding] = []
    spreads: list[Spread] = []
    inputs_seen: list[Seen] = []
    for case, arrays in _cases(inputs).items():
        theirs, theirs_double = _run_reference(original, case, arrays)
        inputs_seen += [seen(case, array, photo=False) for array in arrays[:1]]
        try:
            ours, ours_double = single.run(arrays), double.run(arrays)
        except Exception as error:  # noqa: BLE001 - whatever a wrong port raises is a finding, and is shown as one
            rows.append(Row.lost(case, "output", (str(error).strip().splitlines() or [type(error).__name__])[0]))
            continue
        theirs = split(theirs, ours)
        theirs_double = split(theirs_double, ours) if theirs_double else None
        sides = Sides(case=case, reference=theirs, reference_double=theirs_double, port=ours, port_double=ours_double)
        pairs = pairs_of(sides.exact, ours_double)
        found = [row(pair, sides, single.name, tolerance) for pair in pairs]
        spreads += _spreads(pairs, sides)
        layers += [one for one, pair in zip(found, pairs, strict=True) if pair.is_layer]
        rows += [one for one, pair in zip(found, pairs, strict=True) if not pair.is_layer]
        if len(theirs.outputs) != len(ours.outputs):
            said = f"{len(ours.outputs)} outputs, expected {len(theirs.outputs)}: {', '.join(theirs.outputs)}"
            rows.append(Row.lost(case, "outputs", said))
        if diagnose and not findings and not all(one.ok for one in found):
            bars = [bar(one, theirs_double is not None) for one in found]
            bars = [most if math.isfinite(most) else bar(Row.lost(case, "", ""), True) for most in bars]
            if tolerance is not None:
                bars = [tolerance] * len(bars)
            findings = causes(double, arrays, sides.exact, pairs, bars)
            double = Port(port, "float64", layout)  # the other one was changed
    diagnosis = Diagnosis(variables=(), findings=tuple(findings)) if findings else None
    return Report(
        outputs=rows, layers=layers, skipped=[], tolerance=tolerance, reference=original.name, port=single.name,
        diagnosis=diagnosis, inputs=inputs_seen, spreads=spreads,
        about={"kindling": __version__, **machine(PACKAGES), **_said(original)},
    )  # fmt: skip


def _said(original: Reference) -> dict[str, str]:
    """Why a function was not run in float64, where it could not be."""
    why = getattr(original, "why_no_double", "")
    return {f"{original.name} in float64": f"cannot be run: {why}"} if why else {}


def _spreads(pairs: Sequence[Pair], sides: Sides) -> list[Spread]:
    """How far off how many values of each output are."""
    found = []
    for pair in pairs:
        if not pair.is_layer:
            ours = sides.port.outputs[pair.ours]
            theirs = sides.reference.outputs[pair.theirs[0]]
            exact = (sides.reference_double or sides.port_double).outputs
            name = pair.theirs[0] if sides.reference_double else pair.ours
            found += spread(sides.case, pair.what, exact[name], theirs, ours)
    return found


def _cases(inputs: Inputs) -> dict[str, list[Array]]:
    """Case -> the arrays that the reference takes."""
    if isinstance(inputs, Mapping):
        named: dict[str, Any] = dict(inputs)
    elif isinstance(inputs, list):
        named = {f"input {k}": one for k, one in enumerate(inputs, start=1)}
    else:
        named = {"input": inputs}
    cases = {case: [np.asarray(a) for a in (one if isinstance(one, tuple) else (one,))] for case, one in named.items()}
    strange = [case for case, arrays in cases.items() for a in arrays if a.dtype.kind not in "fiub"]
    if strange or not cases:
        raise KindlingError(f"inputs: expected arrays of numbers{f', and {strange[0]} is none' if strange else ''}")
    return cases


def _run_reference(original: Reference, case: str, arrays: Sequence[Array]) -> tuple[Run, Run | None]:
    try:
        single = original.run(arrays, "float32")
        if single is None:
            raise KindlingError(f"{original.name} does not run in float32")
        return single, original.run(arrays, "float64")
    except KindlingError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise KindlingError(f"{original.name}: running it on {case} fails: {type(error).__name__}: {said}") from error
