"""The report as a page: the verdict first, every layer in its chart, and nothing that is asked of another host."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from kindling.parity.check import Case, Report, Row, Side, compare, random_cases
from kindling.parity.diagnosis import Diagnosis, Finding
from kindling.parity.html import as_html
from kindling.parity.spread import EDGES, seen, spread

inf = float("inf")


def row(what, error=1e-7, double=1e-16, ok=True, case="night.png"):
    return Row(
        case=case,
        what=what,
        reference_error=1e-7,
        port_error=error,
        difference=error,
        mean=error / 2,
        double=double,
        ok=ok,
    )


@pytest.fixture
def report():
    """A photo on which one layer is wrong."""
    rng = np.random.default_rng(0)
    x = rng.random((1, 300, 200, 3), np.float32)
    exact = rng.random((1, 300, 200, 3))
    port = exact.astype(np.float32)
    port[0, 250, 100, 1] += 0.5
    layers = [row(f"DecomNet/g_conv{k}/BiasAdd") for k in range(3)]
    layers += [row("DecomNet/g_conv3/BiasAdd", 0.2, 0.2, ok=False), row("Restoration_net/de_conv1/BiasAdd")]
    finding = Finding(kind="flipped", sentence="DecomNet/g_conv3/weights: flipped", names=("DecomNet/g_conv3/weights",))
    return Report(
        outputs=[row("R", 0.5, 0.5, ok=False)], layers=layers, skipped=["Illumination_adjust_net"], tolerance=None,
        reference="TF", port="torch",
        diagnosis=Diagnosis(variables=(), findings=(finding,)), inputs=[seen("night.png", x, photo=True)],
        spreads=spread("night.png", "R", exact, exact.astype(np.float32), port),
        about={"numpy": "9.9", "weights of TF": "abc"},
    )  # fmt: skip


def visible(page):
    """The words of the page, without what is markup, picture or script."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", page)


def test_what_is_in_it(report):
    words = visible(as_html(report))
    told = [
        "No:", "the first layer that differs is DecomNet/g_conv3/BiasAdd", "DecomNet/g_conv3/weights: flipped",
        "Illumination_adjust_net: no weights, not compared", "DecomNet: error by layer",
        "Restoration_net: error by layer",
        "How the errors are spread", "Where they differ", "numpy", "9.9", report.inputs[0].sha256,
        report.spreads[0].port_sha256[:24],
    ]  # fmt: skip
    places = [words.find(word) for word in told]
    assert -1 not in places, told[places.index(-1)]
    assert places[0] == min(places)


def test_a_report_that_passes_says_yes(report):
    good = [replace(r, ok=True, difference=0.0, port_error=0.0, double=0.0) for r in report.outputs + report.layers]
    page = as_html(replace(report, outputs=good[:1], layers=good[1:], diagnosis=None))
    assert "Yes:" in page
    assert "No:" not in page


def test_the_chart_has_every_layer_in_network_order(report):
    page = as_html(report)
    chart = re.search(r'aria-label="DecomNet: error by layer.*?</svg>', page, re.DOTALL)[0]
    labels = re.findall(r'text-anchor="end">(?:<tspan.*?</tspan>)?([^<]*)</text>', chart)
    assert labels == [f"g_conv{k}/BiasAdd" for k in range(4)]
    assert chart.count('class="over"') == 1
    marks = re.findall(r'<path class="mark".*?transform="translate\(([\d.]+) (\d+)\)"><title>(.*?)</title>', chart)
    assert len(marks) == 3 * 4
    by_title = {title: float(x) for x, _, title in marks}
    exact, wrong = (
        by_title[f"g_conv{k}/BiasAdd, float64 from float64: {e}"] for k, e in ((0, "1.0e-16"), (3, "2.0e-01"))
    )
    assert wrong > exact + 400  # fifteen decades to the right


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.png", "a\ud800b.png", '"><img src=x>.png'])
def test_a_name_is_no_markup(report, name):
    case = replace(report.inputs[0], case=name)
    rows = [replace(report.outputs[0], case=name)]
    page = as_html(replace(report, inputs=[case], outputs=rows, spreads=[replace(report.spreads[0], case=name)]))
    page.encode("utf-8")
    assert name not in page
    assert page.count("<script") == 2  # the record and the page's own


def test_it_stands_alone_and_is_small(report):
    page = as_html(report)
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z]+:", page)
    assert "default-src 'none'" in page
    photos = [replace(report.inputs[0], case=f"{k}.png") for k in range(20)]
    many = [replace(report.spreads[0], case=f"{k}.png", what=what) for k in range(20) for what in "abcde"]
    rng = np.random.default_rng(1)
    noisy = [replace(s, heat=rng.random((192, 192)).astype(np.float32)) for s in many]
    assert len(as_html(replace(report, inputs=photos, spreads=noisy)).encode()) < 3e6


def test_the_record_is_the_json(report):
    (held,) = re.findall(r'<script type="application/json" id="record">(.*?)</script>', as_html(report))
    assert json.loads(held) == json.loads(json.dumps(report.as_dict()))
    assert json.loads(held)["results"]["night.png, R"][1] == report.spreads[0].port_sha256


def test_a_map_keeps_the_one_wrong_pixel(report):
    (one,) = report.spreads
    assert max(one.heat.shape) <= 192
    assert one.heat.max() == pytest.approx(0.5)
    assert (one.heat > 0.1).sum() == 1
    row, column = np.unravel_index(one.heat.argmax(), one.heat.shape)
    assert (row, column) == (250 // 2, 100 // 2)


def test_counts_are_of_every_value():
    exact = np.array([0.0, 1e-3, 0.5, 2.0]).reshape(1, 2, 2, 1)
    (one,) = spread("case", "R", exact, exact.copy(), np.zeros_like(exact))
    assert one.reference_counts[0] == 4
    assert one.reference_counts.sum() == one.port_counts.sum() == 4
    assert one.port_counts[0] == 1
    bins = [int(np.flatnonzero(power + 1e-9 >= EDGES)[-1]) + 1 for power in (-3, np.log10(0.5))]
    assert [one.port_counts[k] for k in bins] == [1, 1]
    assert one.port_counts[-1] == 1  # what is further off than 1 is in the last


@pytest.mark.parametrize(
    ("a", "b"),
    [(np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 3, 3))), (np.zeros((1, 2, 2, 3)), np.full((1, 2, 2, 3), np.nan))],
)
def test_nothing_is_drawn_of_what_does_not_compare(a, b):
    assert spread("case", "R", a, a, b) == []


@pytest.mark.torch
def test_from_models_to_the_page(torch_kind, torch_kind64):
    """Two of one kind: equal everywhere, and the page says so."""
    import kind_torch.runtime

    single, double = kind_torch.runtime.Model(torch_kind), kind_torch.runtime.Model(torch_kind64)
    sides = Side("one", single, double), Side("other", single, double)
    x = np.random.default_rng(0).random((1, 9, 7, 3), np.float32)
    report = compare(*sides, [Case(name="photo.png", x=x), *random_cases(["2x3"])])
    assert report.ok
    assert [s.case for s in report.spreads] == ["photo.png"] * 5 + ["random 2x3"] * 5
    assert all(s.reference_sha256 == s.port_sha256 for s in report.spreads)
    assert [one.picture is None for one in report.inputs] == [False, True]
    page = as_html(report)
    assert page.count("equal everywhere") == 10  # as caption and as what is read out, of five outputs
    assert page.count("data:image/") == 6
