"""Drawings and formulas of the docs as SVG: ```mermaid and ```math blocks, without a browser and without a script.

A drawing is a flowchart of the few forms that these docs use; a line of another form is refused, and the build of the
site fails. It is laid out in ranks, each node one further than all that lead to it; an arrow over several ranks bows
around them. A formula is typeset by Matplotlib. Both take the colour of the text around them.
"""

import html
import re
from collections import defaultdict
from dataclasses import dataclass, field

import matplotlib
from matplotlib.path import Path
from matplotlib.textpath import TextPath

NODE = r'(\w+)(?:\(\["(.*?)"\]\)|\["(.*?)"\])?'
LINE = re.compile(rf"^\s*{NODE}(?:\s+(-->|-\.->)\s*(?:\|(.*?)\|)?\s*{NODE})?\s*$")
CHARACTER, LINE_HEIGHT, MARGIN = 7.0, 17.0, 12.0  # pixels
ACROSS, ALONG = 26.0, 34.0  # between nodes of one rank; between ranks
BOW = 16.0  # how far an arrow over two ranks bows; more for each further one
FORMULA_SIZE, FORMULA_GAP = 17.0, 40.0
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


@dataclass
class Node:
    """A box: its lines of text, and, once it is laid out, the middle and the size of it."""

    lines: list[str]
    is_round: bool
    rank: int = 0
    middle: list[float] = field(default_factory=lambda: [0.0, 0.0])
    size: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Arrow:
    """From one node to another, by name."""

    start: str
    end: str
    is_dotted: bool
    label: str


def mermaid(text: str) -> str:
    """A flowchart as an <svg>. Raises ValueError for a line of a form that is not known here."""
    first, *lines = text.strip().splitlines()
    nodes, arrows = _parsed(lines)
    is_down = {"flowchart TD": True, "flowchart LR": False}[first.strip()]
    _lay_out(nodes, arrows, is_down)
    parts = [_arrow(arrow, nodes, is_down) for arrow in arrows] + [_box(node) for node in nodes.values()]
    bows = [_bow(nodes[a.start], nodes[a.end]) for a in arrows if nodes[a.end].rank - nodes[a.start].rank > 1]
    room = max(bows, default=0) * 0.75 + 60
    rights = max(node.middle[0] + node.size[0] / 2 for node in nodes.values())
    bottoms = max(node.middle[1] + node.size[1] / 2 for node in nodes.values())
    left, top = (0.0, 0.0) if is_down else (0.0, -room if bows else 0.0)
    w, h = (rights + (room if bows else 0), bottoms) if is_down else (rights, bottoms - top + (room if bows else 0))
    box = f"{left - MARGIN:.0f} {top - MARGIN:.0f} {w + 2 * MARGIN:.0f} {h + 2 * MARGIN:.0f}"
    names = ", ".join(" ".join(node.lines) for node in nodes.values())
    return (
        f'<svg class="drawing" role="img" aria-label="Drawing: {html.escape(names)}" viewBox="{box}" '
        f'width="{w + 2 * MARGIN:.0f}" xmlns="http://www.w3.org/2000/svg" font-size="12" font-family="inherit" '
        f'text-anchor="middle">{"".join(parts)}</svg>\n'
    )


def math(text: str) -> str:
    r"""A formula in LaTeX, with a number if it ends in \tag{...}, as an <svg>. Raises ValueError where it is wrong."""
    source = " ".join(text.split())
    formula, _, number = source.partition(r"\tag{")
    with matplotlib.rc_context({"mathtext.fontset": "stix"}):
        path = TextPath((0, 0), f"${formula.strip()}$", size=FORMULA_SIZE)
        extents = path.get_extents()
        drawn, w = _outline(path), extents.x1
        if number:
            label = TextPath((w + FORMULA_GAP, 0), f"({number.rstrip('}')})", size=FORMULA_SIZE * 0.8)
            drawn, w = drawn + _outline(label), label.get_extents().x1
    top, bottom = max(extents.y1, FORMULA_SIZE * 0.8) + 4, min(extents.y0, 0) - 4
    return (
        f'<svg class="formula" role="img" aria-label="{html.escape(source)}" width="{w + 8:.0f}" '
        f'viewBox="-4 {-top:.1f} {w + 8:.1f} {top - bottom:.1f}" xmlns="http://www.w3.org/2000/svg">'
        f'<path d="{drawn}" fill="currentColor"/></svg>\n'
    )


def _outline(path: TextPath) -> str:
    return "".join(
        LETTERS[code] + " ".join(f"{x:.2f},{-y:.2f}" for x, y in points.reshape(-1, 2) if code != Path.CLOSEPOLY)
        for points, code in path.iter_segments()
    )


def _parsed(lines: list[str]) -> tuple[dict[str, Node], list[Arrow]]:
    nodes: dict[str, Node] = {}
    arrows = []
    for line in lines:
        match = LINE.match(line)
        if not match:
            raise ValueError(f"a drawing has a line of a form that is not known: {line.strip()}")
        start, *start_texts, kind, label, end = match.groups()[:6]
        end_texts = match.groups()[6:]
        for name, texts in ((start, start_texts), (end, end_texts)):
            if name and (name not in nodes or any(texts)):
                nodes[name] = Node((texts[0] or texts[1] or name).split("<br/>"), texts[0] is not None)
        if end:
            arrows.append(Arrow(start, end, kind == "-.->", label or ""))
    return nodes, arrows


def _lay_out(nodes: dict[str, Node], arrows: list[Arrow], is_down: bool) -> None:
    for _ in nodes:  # the longest way there; no drawing has a circle
        for arrow in arrows:
            nodes[arrow.end].rank = max(nodes[arrow.end].rank, nodes[arrow.start].rank + 1)
    for name in nodes.keys() - {arrow.end for arrow in arrows}:  # what nothing leads to stands beside what it feeds
        nodes[name].rank = min((nodes[a.end].rank for a in arrows if a.start == name), default=1) - 1
    ranks = defaultdict(list)
    for node in nodes.values():
        node.size = (
            max(len(line) for line in node.lines) * CHARACTER + 22,
            len(node.lines) * LINE_HEIGHT + 12,
        )
        ranks[node.rank].append(node)
    along, across = (1, 0) if is_down else (0, 1)
    widest = max(_breadth(row, across) for row in ranks.values())
    place = 0.0
    for rank in sorted(ranks):
        row = ranks[rank]
        depth = max(node.size[along] for node in row)
        offset = (widest - _breadth(row, across)) / 2
        for node in row:
            node.middle[along] = place + depth / 2
            node.middle[across] = offset + node.size[across] / 2
            offset += node.size[across] + ACROSS
        place += depth + ALONG + (30 if not is_down else 0)


def _breadth(row: list[Node], across: int) -> float:
    return sum(node.size[across] for node in row) + ACROSS * (len(row) - 1)


def _bow(start: Node, end: Node) -> float:
    return 40 + BOW * (end.rank - start.rank)


def _arrow(arrow: Arrow, nodes: dict[str, Node], is_down: bool) -> str:
    start, end = nodes[arrow.start], nodes[arrow.end]
    (x0, y0), (x1, y1) = start.middle, end.middle
    if end.rank - start.rank > 1 and is_down:  # around, on the right
        x0, x1 = x0 + start.size[0] / 2, x1 + end.size[0] / 2
        out = max(x0, x1) + _bow(start, end)
        way, label = (
            f"M{x0:.0f},{y0:.0f} C{out:.0f},{y0:.0f} {out:.0f},{y1:.0f} {x1:.0f},{y1:.0f}",
            (out, (y0 + y1) / 2),
        )
        label, turn = (x0 * 0.125 + x1 * 0.125 + out * 0.75, (y0 + y1) / 2), (-1, 0)
    elif end.rank - start.rank > 1:  # around, above or below
        side = -1 if y0 < y1 else 1
        y0, y1 = y0 + side * start.size[1] / 2, y1 + side * end.size[1] / 2
        out = (min if side < 0 else max)(y0, y1) + side * _bow(start, end)
        way = f"M{x0:.0f},{y0:.0f} C{x0:.0f},{out:.0f} {x1:.0f},{out:.0f} {x1:.0f},{y1:.0f}"
        label, turn = ((x0 + x1) / 2, y0 * 0.125 + y1 * 0.125 + out * 0.75), (0, -side)
    elif is_down:
        y0, y1 = y0 + start.size[1] / 2, y1 - end.size[1] / 2
        way, label, turn = f"M{x0:.0f},{y0:.0f} L{x1:.0f},{y1:.0f}", ((x0 + x1) / 2 + 20, (y0 + y1) / 2 + 4), (0, 1)
    else:
        x0, x1 = x0 + start.size[0] / 2, x1 - end.size[0] / 2
        half = (x0 + x1) / 2
        way = f"M{x0:.0f},{y0:.0f} C{half:.0f},{y0:.0f} {half:.0f},{y1:.0f} {x1:.0f},{y1:.0f}"
        label, turn = (half, (y0 + y1) / 2 - 4), (1, 0)
    dashes = ' stroke-dasharray="4 3"' if arrow.is_dotted else ""
    text = _text([arrow.label], label[0], label[1], ' font-size="10" opacity="0.8"') if arrow.label else ""
    line = f'<path d="{way}" fill="none" stroke="currentColor" stroke-width="1.2" opacity="0.7"{dashes}/>'
    return line + _tip(x1, y1, turn) + text


def _tip(x: float, y: float, turn: tuple[int, int]) -> str:
    back, side = (x - 7 * turn[0], y - 7 * turn[1]), (3.5 * turn[1], 3.5 * turn[0])
    corners = [(x, y), (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1])]
    return f'<path d="M{" L".join(f"{a:.1f},{b:.1f}" for a, b in corners)}Z" fill="currentColor" opacity="0.7"/>'


def _box(node: Node) -> str:
    (x, y), (w, h) = node.middle, node.size
    corner = h / 2 if node.is_round else 4
    rectangle = (
        f'<rect x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{corner:.0f}" '
        'fill="currentColor" fill-opacity="0.07" stroke="currentColor" stroke-opacity="0.55"/>'
    )
    return rectangle + _text(node.lines, x, y + 4 - (len(node.lines) - 1) * LINE_HEIGHT / 2)


def _text(lines: list[str], x: float, y: float, more: str = "") -> str:
    rows = (
        f'<text x="{x:.1f}" y="{y + i * LINE_HEIGHT:.1f}" fill="currentColor"{more}>{html.escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return "".join(rows)
