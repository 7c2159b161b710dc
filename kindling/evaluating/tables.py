"""What was measured, as files for people and programs: CSV, JSON, Markdown and LaTeX.

CSV and JSON have a line for each image; the other two are the table of a paper, a line for each method.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType

from kindling.evaluating.metrics import DEFINITIONS
from kindling.evaluating.scores import Score, Summary

__all__ = ["COLUMNS", "WRITERS", "as_csv", "as_json", "as_markdown", "as_tex", "measured"]

COLUMNS = {
    "psnr": ("PSNR", "dB", 2),
    "ssim": ("SSIM", "gaussian, RGB", 4),
    "ssim_uniform": ("SSIM", "uniform 7x7, RGB", 4),
    "ssim_grey": ("SSIM", "gaussian, grey", 4),
    "lpips": ("LPIPS", "AlexNet", 4),
}
"""Of each figure what it is called, how it is told from others of that name, and its decimals."""
UP, DOWN = "higher is better", "lower is better"


def measured(summaries: Sequence[Summary]) -> list[str]:
    """The figures that any of the methods has."""
    return [name for name in DEFINITIONS if any(summary.means[name] is not None for summary in summaries)]


def as_csv(scores: Sequence[Score], summaries: Sequence[Summary], notes: Sequence[str] = ()) -> str:
    """A line for each image, method after method, each followed by a line of its means."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Score)], lineterminator="\n")
    writer.writeheader()
    for summary in summaries:
        own = [asdict(score) for score in scores if score.method == summary.method]
        writer.writerows(own)
        writer.writerow({**own[0], "image": f"mean of {summary.images}", **summary.means})
    return text.getvalue()


def as_json(about: Mapping[str, object], scores: Sequence[Score], summaries: Sequence[Summary]) -> str:
    """`about`, then all that the CSV has, intervals, and what each word means. What is infinite is "inf"."""
    report = {
        **about,
        "metrics": {name: DEFINITIONS[name] for name in measured(summaries)},
        "methods": {
            summary.method: {"images": summary.images, "mean": summary.means, "interval95": summary.intervals}
            for summary in summaries
        },
        "mean": summaries[0].means if summaries else {},
        "images": [asdict(score) for score in scores],
    }
    return json.dumps(_finite(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_markdown(scores: Sequence[Score], summaries: Sequence[Summary], notes: Sequence[str] = ()) -> str:
    """A line for each method: images, means, and their 95 % intervals; the definitions and `notes` below."""
    names = measured(summaries)
    heads = ["method", "images", *(f"{COLUMNS[name][0]} ({COLUMNS[name][1]})" for name in names)]
    lines = [heads, ["---"] * len(heads)]
    for summary in summaries:
        cells = [_cell(summary, name, "{} [{}, {}]", "inf") for name in names]
        lines.append([summary.method.replace("|", "\\|"), str(summary.images), *cells])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    below = [f"{COLUMNS[name][0]} ({COLUMNS[name][1]}): {_better(name)}; {DEFINITIONS[name]}." for name in names]
    below += ["In brackets: 95 % interval of the mean, by bootstrap over the images.", *(f"{note}." for note in notes)]
    return table + "\n\n" + "\n".join(f"- {line}" for line in below) + "\n"


def as_tex(scores: Sequence[Score], summaries: Sequence[Summary], notes: Sequence[str] = ()) -> str:
    """The same for LaTeX with the package booktabs; the definitions are comments, for the caption."""
    names = measured(summaries)
    heads = ["Method", "Images", *(rf"{COLUMNS[name][0]}$_{{\text{{{COLUMNS[name][1]}}}}}$" for name in names)]
    comments = [f"{COLUMNS[name][0]} ({COLUMNS[name][1]}): {_better(name)}; {DEFINITIONS[name]}." for name in names]
    comments += [
        "In brackets: 95 % interval of the mean, by bootstrap over the images.",
        *(f"{note}." for note in notes),
    ]
    rows = []
    for summary in summaries:
        cells = [_cell(summary, name, "{} [{}, {}]", r"$\infty$") for name in names]
        rows.append(" & ".join([_tex(summary.method), str(summary.images), *cells]) + r" \\")
    return "\n".join(
        [
            *(f"% {' '.join(comment.split())}" for comment in comments),
            "% needs booktabs and amsmath",
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


WRITERS: Mapping[str, Callable[..., str]] = MappingProxyType({"md": as_markdown, "tex": as_tex, "csv": as_csv})
"""By the suffix of their files: (scores, summaries, notes) -> text."""


def _better(name):
    return DOWN if name == "lpips" else UP


def _cell(summary, name, form, infinite):
    mean, interval, decimals = summary.means[name], summary.intervals[name], COLUMNS[name][2]
    if mean is None:
        return "-"
    if math.isinf(mean):
        return infinite
    if interval is None:
        return f"{mean:.{decimals}f}"
    return form.format(*(f"{number:.{decimals}f}" for number in (mean, *interval)))


def _tex(text):
    """A name with LaTeX's own characters escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def _finite(value):
    """JSON has no infinity."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
