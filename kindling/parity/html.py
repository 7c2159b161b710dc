"""A parity report as one file of HTML: the verdict, then what it stands on, for a person and for comparing two reports.

    from kindling.parity.html import as_html
    Path("report.html").write_text(as_html(kindling.parity(images=["photo.png"])), encoding="utf-8")

What the numbers mean is in kindling/parity/check.py and docs/parity.md; this file only lays them out.
"""

import io
import json
import math
from collections.abc import Sequence

import numpy as np

from kindling.core import html
from kindling.core.charts import Series, log_rows, steps
from kindling.core.html import Cell
from kindling.core.model import Array
from kindling.parity.check import CLOSE_ENOUGH, SAME_FUNCTION, Report, Row
from kindling.parity.report import by_net, number
from kindling.parity.spread import EDGES

__all__ = ["as_html"]

RECORD = 1_000_000  # letters of JSON that the page takes along
MAPPED = 4  # cases of which maps are drawn: a file of less than 3 MB is asked for
LEVELS = 32  # colours of a map; fewer compress better
# From no difference to the largest: black, violet, red, orange, pale yellow, each lighter than the one before.
HEAT = np.array([(0, 0, 4), (60, 15, 100), (150, 40, 95), (225, 90, 45), (250, 170, 30), (252, 252, 170)], float)


def as_html(report: Report) -> str:
    """The whole file, of less than 3 MB. `Report.as_dict` is in it as JSON, unless that is long."""
    record = report.as_dict()
    if len(json.dumps(record)) > RECORD:
        record = {"ok": report.ok, "left out": "it would fill the page; kindling parity --json has it"}
    return html.page(
        f"Does {report.port} compute what {report.reference} computes?",
        _verdict(report),
        _diagnosis(report),
        html.section("Outputs", _outputs_say(report), _outputs(report)),
        *(_net(net, rows, report) for net, rows in by_net(report.layers).items()),
        _histograms(report),
        _maps(report),
        _made_with(report),
        record=record,
    )


def _verdict(report):
    checked = f"{len(report.outputs)} outputs and {len(report.layers)} layers compared"
    wrong = sum(not row.ok for row in report.outputs + report.layers)
    if report.ok:
        return html.verdict(
            True, "Yes: ", f"{report.port} computes what {report.reference} computes. {checked}, all pass."
        )
    if not report.outputs:
        return html.verdict(False, "Nothing was compared: ", "the weights hold no net that the input could be fed to.")
    return html.verdict(False, "No: ", f"{report.port} differs from {report.reference}. {checked}, {wrong} over.")


def _diagnosis(report):
    lines = []
    for row in report.first_differences:
        why = row.note or f"by {number(row.difference)} of its largest value"
        lines.append(f"{row.case}: the first layer that differs is {row.what} ({why})")
        if report.diagnosis and report.diagnosis.variables:
            lines += [f"its weights: {finding.sentence}" for finding in report.diagnosis.of_layer(row.what)]
    for finding in report.diagnosis.findings if report.diagnosis else ():
        of_weights = "weights: " if report.diagnosis and report.diagnosis.variables else ""  # else of a net itself
        lines += [] if f"its weights: {finding.sentence}" in lines else [f"{of_weights}{finding.sentence}"]
    lines += [f"{net}: no weights, not compared" for net in report.skipped]
    lines = list(dict.fromkeys(lines))
    return (
        html.section("Diagnosis", f"<ul>{''.join(f'<li>{html.text(line)}</li>' for line in lines)}</ul>")
        if lines
        else ""
    )


def _outputs_say(report):
    if report.tolerance is not None:
        return f"<p>Judged by float32 against float32, at most {report.tolerance:g} apart.</p>"
    if report.outputs and all(row.double == math.inf and math.isfinite(row.port_error) for row in report.outputs):
        return (
            f"<p>One side has no float64. The exact answer is the other's; in float32 both must be as close to it as "
            f"rounding is, or within {CLOSE_ENOUGH:g}. Figures are the largest distances.</p>"
        )
    return (
        f"<p>Both run in float64, where they must agree to {SAME_FUNCTION:g}: then the function is the same. That "
        f"result is the exact answer, and in float32 {html.text(report.port)} must be as close to it as "
        f"{html.text(report.reference)} is, or within {CLOSE_ENOUGH:g}. Figures are the largest distances.</p>"
    )


def _outputs(report):
    return html.sortable(
        ("input", "output", *_heads(report), ""), (_line(row, row.case, row.what) for row in report.outputs)
    )


def _heads(report):
    port, reference = report.port, report.reference
    return f"{port} from {reference}, float32", f"{reference} from exact", f"{port} from exact", "float64 from float64"


def _line(row: Row, *names: str) -> list[Cell | str]:
    figures = (row.difference, row.reference_error, row.port_error, row.double)
    said = "ok" if row.ok else f"over {row.note}"
    return [*names, *(Cell(number(x), x) for x in figures), Cell(said, bad=not row.ok)]


def _net(net, rows, report):
    """The error along one net, in the order in which it runs."""
    labels = [row.what.split("/", 1)[-1] for row in rows]
    series = [
        Series(
            name=f"{report.reference} from exact", values=[r.reference_error for r in rows], style="a", mark="circle"
        ),
        Series(name=f"{report.port} from exact", values=[r.port_error for r in rows], style="b", mark="diamond"),
        Series(name="float64 from float64", values=[r.double for r in rows], style="c", mark="triangle"),
    ]
    bars = {"tolerance": report.tolerance} if report.tolerance is not None else {}
    bars = bars or {"float64 may reach": SAME_FUNCTION, "float32 may reach": CLOSE_ENOUGH}
    over = [not row.ok for row in rows]
    chart = log_rows(labels, series, bars, over, title=f"{net}: error by layer, first to last")
    table = html.sortable(
        ("layer", *_heads(report), ""), (_line(r, label) for r, label in zip(rows, labels, strict=True))
    )
    return html.section(
        f"{net}: error by layer",
        f"<p>From the first layer to the last; the largest distance over all inputs, relative to the layer's largest "
        f"value. Dashed: the bars. {sum(over) or 'None'} of {len(rows)} layers over.</p>",
        f'<div class="scroll" tabindex="0" role="region" aria-label="chart of {html.text(net)}">{chart}</div>',
        html.section(f"The {len(rows)} layers as numbers", table, folded=True),
    )


def _histograms(report):
    figures = []
    for what in dict.fromkeys(s.what for s in report.spreads):
        own = [s for s in report.spreads if s.what == what]
        counts = {
            f"{report.reference} from exact": sum(s.reference_counts for s in own),
            f"{report.port} from exact": sum(s.port_counts for s in own),
        }
        edges = [EDGES[0] - 0.5, *EDGES]
        shares = {name: (values / values.sum()).tolist() for name, values in counts.items()}
        chart = steps(edges, shares, f"{what}: how many values are how far from the exact answer", ("0", "1e-5", "1"))
        caption = f"{what}, {sum(int(s.reference_counts.sum()) for s in own):,} values"
        figures.append(f"<figure>{chart}<figcaption>{html.text(caption)}</figcaption></figure>")
    if not figures:
        return ""
    words = (
        "How many values are how far from the exact answer in float32, over all inputs. Leftmost: those that equal it."
    )
    return html.section("How the errors are spread", f"<p>{words}</p>", html.cards(figures, wide=True))


def _maps(report):
    pictures = {one.case: one.picture for one in report.inputs if one.picture is not None}
    sizes = {one.case: one.shape[1] * one.shape[2] for one in report.inputs}
    cases = list(pictures)[:MAPPED] or sorted(sizes, key=lambda case: -sizes[case])[:1]
    parts = []
    for case in cases:
        figures = []
        if case in pictures:
            figures.append(html.picture("jpeg", _jpeg(pictures[case]), "the photo, stretched as KinD asks"))
        for one in report.spreads:
            if one.case == case:
                largest = float(one.heat.max())
                caption = f"{one.what}: black 0, pale {number(largest)}" if largest else f"{one.what}: equal everywhere"
                figures.append(html.picture("png", _png(one.heat), caption, map_of=True))
        if figures:
            parts += [f"<h3>{html.text(case)}</h3>", html.cards(figures)]
    if not parts:
        return ""
    words = f"{report.port} from {report.reference}, float32; each square shows the largest distance in it."
    if not pictures:
        words += " No photo was given (--image), so this is the largest random input."
    elif len(pictures) > MAPPED:
        words += f" Of {len(pictures)} photos the first {MAPPED}."
    return html.section("Where they differ", f"<p>{html.text(words)}</p>", *parts)


def _made_with(report):
    inputs = [(one.case, f"{'x'.join(map(str, one.shape))}, sha256 {one.sha256}") for one in report.inputs]
    hashes = html.sortable(
        ("input", "output", f"{report.reference} float32, sha256", f"{report.port} float32, sha256"),
        ([s.case, s.what, s.reference_sha256[:24], s.port_sha256[:24]] for s in report.spreads),
    )
    words = (
        "Two people who compare reports look here first: with the same weights and inputs, the same versions on the "
        "same kind of processor give the same hashes."
    )
    return html.section(
        "What this was made with",
        f"<p>{words}</p>",
        html.facts(list(report.about.items()) + inputs),
        html.section("Hashes of every result", hashes, folded=True) if report.spreads else "",
    )


def _jpeg(pixels: Array) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    return file.getvalue()


def _png(heat: Array) -> bytes:
    """A map as a picture with a palette. heat: (h, w) from 0 up."""
    from PIL import Image

    largest = float(heat.max()) or 1.0
    image = Image.fromarray(np.rint(heat / largest * (LEVELS - 1)).astype(np.uint8), "P")
    image.putpalette(_palette(LEVELS))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _palette(levels: int) -> Sequence[int]:
    places = np.linspace(0, len(HEAT) - 1, levels)
    colours = [np.interp(places, np.arange(len(HEAT)), HEAT[:, channel]) for channel in range(3)]
    return np.rint(np.stack(colours, axis=1)).astype(int).ravel().tolist()
