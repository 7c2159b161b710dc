"""Reports as one file of HTML that needs nothing else: its style, a few lines of script, and pictures as data URIs.

What is put into a page is escaped here, and only here: a file's name may look like markup. Everything that these
functions return is markup that is safe to put into another of them.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Cell", "cards", "data_uri", "facts", "page", "picture", "section", "sortable", "text", "verdict"]

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f5f6f8; --ink: #1b1f24; --dim: #57606a; --line: #d5d9de;
  --good: #116329; --bad: #b3121d; --a: #0b62c4; --b: #b45309; --c: #6b3fa0; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1d2127; --ink: #e7eaee; --dim: #a3abb5;
  --line: #3a414a; --good: #5fd07f; --bad: #ff8a80; --a: #79b8ff; --b: #f0a04b; --c: #c9a6ff; } }
@media print { :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --dim: #444; --line: #bbb;
  --good: #116329; --bad: #b3121d; --a: #0b62c4; --b: #b45309; --c: #6b3fa0; }
  section, figure, tr { break-inside: avoid; } section { break-before: auto; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, ul { margin: .4rem 0 .8rem; max-width: 48rem; } code { font-size: .9em; overflow-wrap: anywhere; }
.verdict { border: 1px solid var(--line); border-left: .5rem solid var(--good); background: var(--card);
  padding: .8rem 1rem; border-radius: .3rem; font-size: 1.15rem; }
.verdict.bad { border-left-color: var(--bad); } .verdict b { color: var(--good); } .verdict.bad b { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; } td.n { white-space: nowrap; }
th { font-weight: 600; } th button { font: inherit; font-weight: 600; color: inherit;
  background: none; border: 0; padding: 0; cursor: pointer; text-decoration: underline dotted; }
td.bad { color: var(--bad); } td.wide { overflow-wrap: anywhere; min-width: 12rem; }
figure { margin: 0; } figcaption { color: var(--dim); font-size: .8rem; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: .8rem; }
.cards.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.cards img, .cards svg { display: block; width: 100%; height: auto; border-radius: .2rem; }
img.map { image-rendering: pixelated; } summary { cursor: pointer; margin: .6rem 0; }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } svg .dim { fill: var(--dim); }
svg .axis { stroke: var(--line); } svg .bar { stroke: var(--dim); stroke-dasharray: 4 3; }
.a { color: var(--a); } .b { color: var(--b); } .c { color: var(--c); } .over { color: var(--bad); }
svg .mark { fill: currentColor; } svg .path { fill: none; stroke: currentColor; stroke-width: 1.5; }
"""
# Columns are sorted by the numbers of data-v; before printing, what is folded is opened.
SCRIPT = """
document.addEventListener("click", event => {
  const head = event.target.closest("th"), table = head?.closest("table.sortable");
  if (!table || !event.target.closest("button")) return;
  const column = head.cellIndex, down = head.ariaSort === "descending" ? 1 : -1;
  const value = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(b) : a - b) * down;
  for (const other of head.parentNode.cells) other.ariaSort = null;
  head.ariaSort = down > 0 ? "ascending" : "descending";
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => compare(value(a), value(b))));
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => part.open = true));
"""


@dataclass(frozen=True)
class Cell:
    """A cell of a table. shown: what stands in it; value: what it is sorted by, where that is another."""

    shown: object
    value: float | None = None
    bad: bool = False


def text(value: object) -> str:
    """Any value as text that no browser takes for markup; what no encoding can show is escaped."""
    return escape(str(value).encode("utf-8", "backslashreplace").decode())


def page(title: str, *parts: str, record: Mapping[str, object] | None = None) -> str:
    """The whole file. record: for programs, as JSON in <script type="application/json" id="record">."""
    data = ""
    if record is not None:
        encoded = json.dumps(record, default=str).replace("<", "\\u003c")
        data = f'<script type="application/json" id="record">{encoded}</script>'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head>\n<body><main>\n<h1>{text(title)}</h1>\n"
        + "\n".join(parts)
        + f"\n</main>{data}<script>{SCRIPT}</script></body></html>\n"
    )


def verdict(good: bool, word: str, rest: str) -> str:
    """The answer, first of all."""
    return f'<p class="verdict{"" if good else " bad"}"><b>{text(word)}</b>{text(rest)}</p>'


def section(title: str, *parts: str, folded: bool = False) -> str:
    """A part with its heading; folded: shown when its heading is clicked."""
    inside = "\n".join(parts)
    if folded:
        return f"<section><details><summary>{text(title)}</summary>{inside}</details></section>"
    return f"<section><h2>{text(title)}</h2>{inside}</section>"


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Names and what they are, a line each."""
    lines = "".join(
        f'<tr><th scope="row">{text(name)}</th><td class="wide">{text(value)}</td></tr>' for name, value in rows
    )
    return f'<div class="scroll"><table>{lines}</table></div>'


def sortable(heads: Sequence[str], rows: Iterable[Sequence[Cell | str]]) -> str:
    """A table whose columns sort when their heads are pressed; cells with a value stand to the right."""
    body = []
    numbers: set[int] = set()
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            cell = cell if isinstance(cell, Cell) else Cell(cell)
            kinds = [name for name, has in (("n", cell.value is not None), ("bad", cell.bad)) if has]
            numbers |= {column} if cell.value is not None else set()
            of = f' class="{" ".join(kinds)}"' if kinds else ""
            value = f' data-v="{cell.value!r}"' if cell.value is not None else ""
            cells.append(f"<td{of}{value}>{text(cell.shown)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    top = "".join(
        f'<th scope="col"{" class=n" if column in numbers else ""}><button>{text(head)}</button></th>'
        for column, head in enumerate(heads)
    )
    table = f'<table class="sortable"><thead><tr>{top}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="table">{table}</div>'


def cards(figures: Iterable[str], *, wide: bool = False) -> str:
    """Figures side by side, as many as the screen has room for; wide: charts, which need more."""
    return f'<div class="cards{" wide" if wide else ""}">{"".join(figures)}</div>'


def picture(kind: str, data: bytes, caption: str, *, map_of: bool = False) -> str:
    """A figure of one picture, the bytes of a file of `kind`, such as "png". map_of: show its pixels as squares."""
    of = ' class="map"' if map_of else ""
    return (
        f'<figure><img{of} src="{data_uri(kind, data)}" alt="{text(caption)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def data_uri(kind: str, data: bytes) -> str:
    """The bytes of a picture where its address would stand."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
