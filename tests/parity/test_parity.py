"""The check itself: its yardstick, its cases, its verdicts. (test_pitfalls.py breaks mirrors for it to catch.)"""

import json
import math

import numpy as np
import pytest

from kindling.parity.check import Report, Row, Side, _passes, compare, random_cases
from kindling.parity.distance import distance, magnitude, mean_distance
from tests.support.models import FakeModel
from tests.support.weights import seeded

inf = math.inf


@pytest.mark.parametrize(
    ("a", "b", "largest", "mean"),
    [
        ([1.0, 2.0], [1.0, 2.5], 0.5, 0.25),
        ([1.0], [1.0, 2.0], inf, inf),
        ([np.nan], [0.0], inf, inf),
        ([np.nan], [np.nan], inf, inf),  # NaN on both sides proves nothing
        ([], [], 0, 0),
        ([-3.0], [3.0], 6, 6),
    ],
)
def test_distances(a, b, largest, mean):
    assert distance(np.array(a), np.array(b)) == largest
    assert mean_distance(np.array(a), np.array(b)) == mean


def test_magnitude_of_nothing_is_one():
    assert magnitude(np.zeros(3)) == 1
    assert magnitude(np.array([-4.0, 2.0])) == 4


def row(reference_error, port_error, double, difference=0.0):
    return Row(
        case="case",
        what="R",
        reference_error=reference_error,
        port_error=port_error,
        difference=difference,
        mean=0.0,
        double=double,
        ok=True,
    )


VERDICTS = {
    "both exact": (row(0, 0, 0), True),
    "within 1e-5, though TF is closer": (row(1e-7, 9e-6, 1e-15), True),
    "as far as TF, which is far": (row(5e-5, 5e-5, 1e-15), True),
    "further than TF and than 1e-5": (row(1e-7, 2e-5, 1e-15, 2e-5), False),
    "a hair further than TF, both far": (row(5e-5, 5.01e-5, 1e-15, 1e-6), False),
    "another function, however close in float32": (row(1e-7, 1e-7, 2e-10), False),
    "nothing to compare": (row(inf, inf, inf), False),
    "NaN on both sides, in float32 alone": (row(inf, inf, 0, inf), False),
    "TF overflows, the port does not": (row(inf, 1e-7, 0, inf), False),
}


@pytest.mark.parametrize(("given", "ok"), VERDICTS.values(), ids=VERDICTS)
def test_the_yardstick(given, ok):
    assert _passes(given, None, has_double=True) is ok


@pytest.mark.parametrize(("difference", "ok"), [(1e-6, True), (1e-5, True), (1.1e-5, False), (inf, False)])
def test_an_absolute_tolerance_is_judged_by_itself(difference, ok):
    assert _passes(row(9, 9, 9, difference), 1e-5, has_double=True) is ok
    assert not _passes(row(inf, inf, inf, inf), inf, has_double=True)


def test_random_cases_are_reproducible():
    (a,), (b,), (c,) = random_cases(["2x5x7"]), random_cases(["2x5x7"]), random_cases(["2x5x7"], seed=1)
    assert a.x.shape == (2, 5, 7, 3)
    np.testing.assert_array_equal(a.x, b.x)
    assert not np.array_equal(a.x, c.x)
    assert 0 <= a.ratio.min() < a.ratio.max() <= 5


def test_no_rows_is_no_proof():
    assert not Report(outputs=[], layers=[], skipped=["DecomNet"], tolerance=None, reference="TF", port="torch").ok


@pytest.fixture
def sides(tf_kind, tf_kind64, torch_kind, torch_kind64):
    import kind_tf.runtime
    import kind_torch.runtime

    return (
        Side("TF", kind_tf.runtime.Model(tf_kind), kind_tf.runtime.Model(tf_kind64)),
        Side("torch", kind_torch.runtime.Model(torch_kind), kind_torch.runtime.Model(torch_kind64)),
    )


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("size", ["1x1", "2x3", pytest.param("3x37x51", marks=pytest.mark.slow)])
def test_the_two_pass(sides, size):
    report = compare(*sides, random_cases([size]))
    assert report.ok
    assert [r.what for r in report.outputs] == ["R", "L", "restored", "adjusted", "enhanced"]
    assert len(report.layers) == 23 + 51 + 10
    assert report.skipped == []
    json.dumps(report.as_dict())


@pytest.mark.tf
@pytest.mark.torch
def test_one_wrong_weight_is_found(sides):
    import torch

    with torch.no_grad():
        for model in (sides[1].single, sides[1].double):
            model.kind.Restoration_net.de_conv7_1.bias[5] += 1e-3
    report = compare(*sides, random_cases(["16x16"]))
    assert [r.what for r in report.first_differences] == ["Restoration_net/de_conv7_1/BiasAdd"]
    assert {r.what for r in report.outputs if not r.ok} == {"restored", "enhanced"}


@pytest.mark.tf
@pytest.mark.torch
def test_a_partial_checkpoint_is_compared_as_far_as_it_goes():
    import kind_tf.runtime
    import kind_torch.runtime

    variables = seeded("Illumination_adjust_net")
    sides = []
    for name, package in (("TF", kind_tf), ("torch", kind_torch)):
        kinds = [package.KinD(["Illumination_adjust_net"], dtype) for dtype in ("float32", "float64")]
        for kind in kinds:
            kind.assign(variables)
        sides.append(Side(name, *map(package.runtime.Model, kinds)))
    report = compare(*sides, random_cases(["5x7"]))
    assert report.ok
    assert [r.what for r in report.outputs] == ["adjusted"]
    assert report.skipped == ["DecomNet", "Restoration_net"]


def test_json_has_no_infinities():
    report = Report(
        outputs=[
            Row(
                case="case",
                what="R",
                reference_error=inf,
                port_error=inf,
                difference=inf,
                mean=inf,
                double=inf,
                ok=False,
                note="it crashed",
            )
        ],
        layers=[],
        skipped=[],
        tolerance=None,
        reference="TF",
        port="torch",
    )
    read_back = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert read_back["outputs"][0]["difference"] is None
    assert read_back["outputs"][0]["note"] == "it crashed"


def stub(name, single, double):
    """A side whose "decompose" gives fixed numbers: float32 and float64 each."""

    def giving(value):
        return FakeModel(
            lambda verb, *x, **dials: (np.full((1, 2, 2, 3), value), np.full((1, 2, 2, 1), value)), nets=["DecomNet"]
        )

    return Side(name, giving(np.float32(single)), giving(np.float64(double)))


@pytest.mark.parametrize(
    ("port", "note"),
    [
        (stub("torch", 0.5 + 1e-4, 0.5), "the same function, its rounding 1.0e-04 where 0.0e+00 was reached"),
        (stub("torch", 0.5, 0.6), ""),
        (stub("torch", np.nan, 0.5), "not finite: these weights are too large for float32"),
    ],
)
def test_what_is_said_of_a_row_that_is_over(port, note):
    report = compare(stub("TF", 0.5, 0.5), port, random_cases(["2x2"]))
    assert not report.ok
    assert report.outputs[0].note == note


def test_the_diagnosis_stands_beside_the_first_layer_that_differs(capsys):
    from rich.console import Console

    from kindling.parity.diagnosis import diagnose
    from kindling.parity.report import print_parity

    name = "DecomNet/g_conv1_1/weights"
    weights = seeded("DecomNet")
    turned = {**weights, name: np.ascontiguousarray(weights[name][::-1, ::-1])}
    row = Row(
        case="case",
        what="DecomNet/g_conv1_1/BiasAdd",
        reference_error=0.0,
        port_error=0.1,
        difference=0.1,
        mean=0.1,
        double=0.1,
        ok=False,
    )
    report = Report(
        outputs=[row],
        layers=[row],
        skipped=[],
        tolerance=None,
        reference="TF",
        port="torch",
        diagnosis=diagnose(weights, turned),
    )
    print_parity(report, Console(width=200))
    said = capsys.readouterr().out
    assert "the first layer that differs is DecomNet/g_conv1_1/BiasAdd" in said
    assert "its weights: " in said
    assert report.as_dict()["diagnosis"][0]["names"] == (name,)
