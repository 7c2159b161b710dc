"""An evaluation as one file of HTML: means, pictures side by side, a table that sorts, and how the figures are spread.

from kindling.evaluating.html import as_html
Path("report.html").write_text(as_html(kindling.evaluate("low", "high", out="figures")), encoding="utf-8")
"""

import io
import math
from pathlib import Path

import numpy as np

from kindling.core import html
from kindling.core.charts import strip
from kindling.core.errors import KindlingError
from kindling.core.html import Cell
from kindling.core.machine import machine
from kindling.core.model import Array
from kindling.evaluating.evaluation import Evaluation
from kindling.evaluating.metrics import DEFINITIONS
from kindling.evaluating.tables import COLUMNS, measured
from kindling.photos.photo import read_photo

__all__ = ["as_html"]

SHOWN = 24  # images of which pictures are shown: the file is to stay below 3 MB
TICKS = 200  # of one method in a chart
ROWS = 2000  # of the table
SIDE = 360  # the longer side of a picture that is shown
ROOM = 2_000_000  # bytes of pictures


def as_html(evaluation: Evaluation) -> str:
    """The whole file, of less than 3 MB. The record of `Evaluation.table("json")` has every figure of it, and more."""
    names = measured(evaluation.summaries)
    return html.page(
        "Pictures against their well-lit partners",
        _verdict(evaluation),
        _means(evaluation, names),
        _spread(evaluation, names),
        _pictures(evaluation),
        _table(evaluation, names),
        _made_with(evaluation, names),
    )


def _verdict(evaluation):
    count = f"{len(evaluation.scores)} of {evaluation.total} pictures measured"
    problems = [*evaluation.failures, *(["stopped before its end"] if evaluation.stopped else [])]
    said = "; ".join(
        f"{s.method} {s.means['psnr']:.2f} dB, SSIM {s.means['ssim']:.4f}"
        for s in evaluation.summaries
        if s.means["psnr"] is not None and s.means["ssim"] is not None
    )
    if not problems:
        return html.verdict(True, f"{count}: ", said)
    left = "".join(f"<li>{html.text(problem)}</li>" for problem in problems)
    return html.verdict(False, f"{count}: ", said or "no figure") + f"<ul>{left}</ul>"


def _title(name):
    called, how, _ = COLUMNS[name]
    return f"{called} ({how})"


def _means(evaluation, names):
    rows = []
    for summary in evaluation.summaries:
        row: list[Cell | str] = [summary.method, Cell(summary.images, summary.images)]
        for name in names:
            mean, interval, decimals = summary.means[name], summary.intervals[name], COLUMNS[name][2]
            if mean is None:
                row.append("-")
                continue
            ends = "" if interval is None else " [{}, {}]".format(*(f"{end:.{decimals}f}" for end in interval))
            row.append(Cell(f"{mean:.{decimals}f}{ends}", mean))
        rows.append(row)
    words = "In brackets: the 95 % interval of the mean, by bootstrap over the images."
    notes = "".join(f"<li>{html.text(note)}</li>" for note in evaluation.said())
    table = html.sortable(("method", "images", *map(_title, names)), rows)
    return html.section("Means", f"<p>{words}</p>", table, f"<ul>{notes}</ul>")


def _spread(evaluation, names):
    charts = []
    for name in names:
        means = {s.method: s.means[name] for s in evaluation.summaries if s.means[name] is not None}
        groups = {
            method: _evenly(sorted(_values(evaluation, method, name), key=lambda pair: pair[1]), TICKS)
            for method in means
        }
        chart = strip(groups, means, f"{_title(name)} of every image", "dB" if name == "psnr" else "")
        if chart:
            region = (
                f'<div class="scroll" tabindex="0" role="region" aria-label="{html.text(_title(name))}">{chart}</div>'
            )
            charts.append(f"<h3>{html.text(_title(name))}</h3>{region}")
    words = f"A tick is one image, named when pointed at, of a method at most {TICKS}; the diamond is the mean of all."
    return html.section("How the figures are spread", f"<p>{words}</p>", *charts) if charts else ""


def _values(evaluation, method, name):
    return [(score.image, getattr(score, name)) for score in evaluation.scores if score.method == method]


def _pictures(evaluation):
    """A line of pictures for each image: the dark photo, what each method made, the partner."""
    by_image: dict[str, list[int]] = {}
    for k, score in enumerate(evaluation.scores):
        by_image.setdefault(score.image, []).append(k)
    worst_first = sorted(by_image, key=lambda image: evaluation.scores[by_image[image][0]].psnr)
    room, parts = ROOM, []
    chosen = _evenly(worst_first, SHOWN)
    for image in chosen:
        figures = []
        own = [(evaluation.scores[k], evaluation.files[k]) for k in by_image[image]]
        dark, partner = own[0][1].dark, own[0][1].partner
        for path, caption in (
            (dark, "dark photo"),
            *((files.picture, f"{s.method}: {_decibels(s.psnr)}, SSIM {s.ssim:.3f}") for s, files in own),
            (partner, "well-lit partner"),
        ):
            data = _thumbnail(path)
            if data:
                figures.append(html.picture("jpeg", data, caption))
                room -= len(data) * 4 // 3
        if room < 0:
            break
        parts += [f"<h3>{html.text(image)}</h3>", html.cards(figures)]
    if not parts:
        return ""
    shown = len(parts) // 2
    words = "Worst PSNR first." if shown == len(by_image) else f"{shown} of {len(by_image)} images, worst PSNR first."
    return html.section("Side by side", f"<p>{words}</p>", *parts)


def _table(evaluation, names):
    rows = []
    for score in evaluation.scores[:ROWS]:
        ratio = Cell("-" if score.ratio is None else f"{score.ratio:.3g}", -1.0 if score.ratio is None else score.ratio)
        row: list[Cell | str] = [score.image, score.method, ratio]
        for name in names:
            value = getattr(score, name)
            row.append("-" if value is None else Cell(f"{value:.{COLUMNS[name][2]}f}", value))
        rows.append(row)
    table = html.sortable(("image", "method", "ratio", *map(_title, names)), rows)
    left = len(evaluation.scores) - len(rows)
    more = f" {left:,} more pictures are in evaluation.csv and .json." if left else ""
    return html.section("Image by image", f"<p>Press a heading to sort by it.{more}</p>", table)


def _made_with(evaluation, names):
    made = {name: said for name, said in evaluation.about.items() if not isinstance(said, dict)}
    versions = evaluation.about.get("versions")
    made |= {**machine(), **(versions if isinstance(versions, dict) else {})}
    meanings = [(_title(name), DEFINITIONS[name]) for name in names]
    return html.section("What this was made with", html.facts([*meanings, *made.items()]))


def _evenly(items, count):
    """`count` of them from the first to the last, all if there are no more."""
    if len(items) <= count:
        return items
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]


def _decibels(psnr):
    return f"{psnr:.2f} dB" if math.isfinite(psnr) else "equal"


def _thumbnail(path: Path | None) -> bytes:
    """A small JPEG of the picture in a file; nothing where it is not there, or cannot be read any more."""
    from PIL import Image

    if path is None or not path.is_file():
        return b""
    try:
        pixels: Array = read_photo(path).pixels
    except KindlingError:
        return b""
    eight = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(eight))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
