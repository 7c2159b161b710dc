"""Charts as inline SVG: marks by row on a logarithmic axis, distributions as steps, and values as a strip.

Colours are the page's (kindling/core/html.py), so that a chart is right in light, in dark and on paper; every series
has a mark or a dash of its own too, since not everybody tells colours apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kindling.core.html import text

__all__ = ["Series", "log_rows", "steps", "strip"]

ROW = 17  # pixels from one row to the next
LABEL = 190
MARKS = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "diamond": "M0 -5L5 0L0 5L-5 0Z",
    "triangle": "M0 -5L5 4L-5 4Z",
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One measure of every row. values: from 0 up, infinite where there is none; style: a, b or c of the page."""

    name: str
    values: Sequence[float]
    style: str
    mark: str


def log_rows(
    labels: Sequence[str],
    series: Sequence[Series],
    bars: Mapping[str, float],
    over: Sequence[bool],
    ends: tuple[int, int] = (-18, 0),
    title: str = "",
) -> str:
    """A row for each label from top to bottom, a mark for each series, along decades from 10**ends[0] to 10**ends[1].

    bars: name -> the value of a line across all rows. over: rows to be marked as failed. What is 0 stands at the left
    end, what is infinite at the right one.
    """
    width, right, top = 860, 20, 46
    height = top + ROW * len(labels) + 12
    low, high = ends

    def x(value: float) -> float:
        exponent = low if value <= 0 else high if math.isinf(value) else min(max(math.log10(value), low), high)
        return LABEL + (exponent - low) / (high - low) * (width - LABEL - right)

    parts = [_legend(series, LABEL)]
    for exponent in range(low, high + 1, 2):
        at = x(10.0**exponent) if exponent > low else LABEL
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 8}" y2="{height}"/>')
        name = "0" if exponent == low else "1" if exponent == 0 else f"1e{exponent}"
        parts.append(f'<text class="dim" x="{at:.1f}" y="{top - 12}" text-anchor="middle">{name}</text>')
    for name, value in bars.items():
        line = f'<line class="bar" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top - 8}" y2="{height}"/>'
        parts.append(f"<g>{line}<title>{text(name)}: {value:g}</title></g>")
    for k, label in enumerate(labels):
        y = top + ROW * k + 6
        shade = ' class="over"' if over[k] else ""
        cross = f'<tspan{shade} style="fill: currentColor">✗ </tspan>' if over[k] else ""
        parts.append(f'<text x="{LABEL - 8}" y="{y + 4}" text-anchor="end">{cross}{text(label)}</text>')
        parts.append(f'<line class="axis" x1="{LABEL}" x2="{width - right}" y1="{y}" y2="{y}" opacity=".4"/>')
    for one in series:
        places = [(x(value), top + ROW * k + 6, value) for k, value in enumerate(one.values)]
        line = " ".join(f"{a:.1f},{b}" for a, b, _ in places)
        parts.append(f'<g class="{one.style}"><polyline class="path" points="{line}" opacity=".35"/>')
        parts += [
            f'<path class="mark" d="{MARKS[one.mark]}" transform="translate({a:.1f} {b})">'
            f"<title>{text(labels[k])}, {text(one.name)}: {_said(value)}</title></path>"
            for k, (a, b, value) in enumerate(places)
        ]
        parts.append("</g>")
    return _svg(width, height, title, parts)


def steps(edges: Sequence[float], counts: Mapping[str, Sequence[float]], title: str, names: Sequence[str]) -> str:
    """Distributions as outlines. edges: n + 1 numbers; counts: name -> n shares; names: what stands below the ends."""
    width, height, top, bottom = 420, 190, 34, 24
    most = max((max(values, default=0) for values in counts.values()), default=0) or 1
    scale = (width - 20) / (edges[-1] - edges[0])

    def x(edge: float) -> float:
        return 10 + (edge - edges[0]) * scale

    def y(value: float) -> float:
        return height - bottom - value / most * (height - top - bottom)

    parts = [f'<line class="axis" x1="10" x2="{width - 10}" y1="{height - bottom}" y2="{height - bottom}"/>']
    for (name, values), style, dash in zip(counts.items(), "abc", ("", "5 3", "1 3"), strict=False):
        points = [(x(edges[0]), y(0))]
        for k, value in enumerate(values):
            points += [(x(edges[k]), y(value)), (x(edges[k + 1]), y(value))]
        points.append((x(edges[-1]), y(0)))
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(
            f'<g class="{style}"><polyline class="path" stroke-dasharray="{dash}" points="{line}"/>'
            f"<title>{text(name)}</title></g>"
        )
    for place, (name, style, dash) in enumerate(zip(counts, "abc", ("", "5 3", "1 3"), strict=False)):
        left = 10 + place * 200
        parts.append(
            f'<g class="{style}"><line class="path" stroke-dasharray="{dash}" x1="{left}" x2="{left + 24}" y1="12" '
            f'y2="12"/></g><text x="{left + 30}" y="16">{text(name)}</text>'
        )
    for place, name in enumerate(names):
        at = 10 + (width - 20) * place / max(len(names) - 1, 1)
        anchor = "start" if place == 0 else "end" if place == len(names) - 1 else "middle"
        parts.append(f'<text class="dim" x="{at:.1f}" y="{height - 8}" text-anchor="{anchor}">{text(name)}</text>')
    return _svg(width, height, title, parts)


def strip(
    groups: Mapping[str, Sequence[tuple[str, float]]], means: Mapping[str, float], title: str, unit: str = ""
) -> str:
    """A line for each group, a tick for each of its (name, value), a diamond at its mean; none for infinite ones."""
    finite = {group: [(n, v) for n, v in pairs if math.isfinite(v)] for group, pairs in groups.items()}
    values = [value for pairs in finite.values() for _, value in pairs]
    if not values:
        return ""
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    width, line, top = 860, 34, 24
    height = top + line * len(finite) + 22

    def x(value: float) -> float:
        return LABEL + (value - low) / (high - low) * (width - LABEL - 40)

    parts = []
    for place in range(5):
        value = low + (high - low) * place / 4
        at = x(value)
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 6}" y2="{height - 18}"/>')
        parts.append(
            f'<text class="dim" x="{at:.1f}" y="{top - 10}" text-anchor="middle">{value:.4g} {text(unit)}</text>'
        )
    for k, (group, pairs) in enumerate(finite.items()):
        y = top + line * k + 14
        parts.append(f'<text x="{LABEL - 14}" y="{y + 4}" text-anchor="end">{text(group)}</text><g class="a">')
        parts += [
            f'<line class="path" opacity=".6" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{y - 8}" y2="{y + 8}">'
            f"<title>{text(name)}: {v:.4g} {text(unit)}</title></line>"
            for name, v in pairs
        ]
        mean = means.get(group, math.inf)
        if low <= mean <= high:
            parts.append(
                f'</g><g class="b"><path class="mark" d="{MARKS["diamond"]}" transform="translate({x(mean):.1f} {y})">'
                f"<title>mean {mean:.4g} {text(unit)}</title></path>"
            )
        parts.append("</g>")
    return _svg(width, height, title, parts)


def _legend(series: Sequence[Series], left: int) -> str:
    parts = []
    for place, one in enumerate(series):
        at = left + place * 215
        parts.append(
            f'<g class="{one.style}"><path class="mark" d="{MARKS[one.mark]}" transform="translate({at + 5} 10)"/></g>'
            f'<text x="{at + 15}" y="14">{text(one.name)}</text>'
        )
    return "".join(parts)


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    least = 600 if width > 600 else 0  # narrower, the names of layers could not be read
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="width: 100%; max-width: '
        f'{width}px; min-width: {least}px" role="img" aria-label="{text(title)}">{"".join(parts)}</svg>'
    )


def _said(value: float) -> str:
    return "none" if math.isinf(value) else "0" if value == 0 else f"{value:.1e}"
