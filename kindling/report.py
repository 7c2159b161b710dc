"""A parity report as tables for a person: in the terminal, or recorded as HTML.

What the numbers mean is in convert/parity.py; this file only lays them out.
"""

import math

from rich.console import Console
from rich.table import Table


def number(x: float) -> str:
    """1.2e-06, 0, or - where there is nothing to show."""
    if math.isinf(x):
        return "-"
    return "0" if x == 0 else f"{x:.1e}"


def print_parity(report, reference: str, port: str, console: Console, all_layers: bool = False) -> None:
    """The outputs case by case, the layers in a line for each net (or one by one), and the verdict in one sentence."""
    console.print(_table("Outputs: largest distance", "input", report.outputs, reference, port, lambda r: r.case))
    console.print()
    furthest = _furthest(report.layers, lambda row: row.what)
    if all_layers:
        title = "Layers: largest distance over all inputs, relative to the layer's largest value"
        console.print(_table(title, "net", furthest, reference, port, lambda r: r.what.split("/")[0]))
        console.print()
    for row in _furthest(report.layers, lambda row: row.what.split("/")[0]):
        net, layer = row.what.split("/", 1)
        count = sum(other.what.startswith(f"{net}/") for other in furthest)
        console.print(f"{net}: {count} layers, {layer} furthest: {number(row.difference)} of its largest value")
    for row in report.first_differences:
        console.print(f"{row.case}: the first layer that differs is {row.what}{_because(row)}", markup=False)
    for net in report.skipped:
        console.print(f"{net}: no weights, not compared", markup=False)
    checked = f"{len(report.outputs)} outputs and {len(report.layers)} layers compared"
    wrong = sum(not row.ok for row in report.outputs + report.layers)
    if report.ok:
        console.print(f"[green]{port} computes what {reference} computes[/]: {checked}, all pass")
    elif not report.outputs:
        console.print("[red]nothing to compare[/]: the weights hold no net that the input could be fed to")
    else:
        console.print(f"[red]{port} differs from {reference}[/]: {checked}, {wrong} over")


def _table(title, first, rows, reference, port, place):
    """One line a row; the same thing twice under each other in the first column is said once."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    table.add_column("output" if first == "input" else "layer", no_wrap=True)
    for heading in (f"{port}-{reference}", f"{reference}-exact", f"{port}-exact", "float64"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    said = None
    for row in rows:
        verdict = "[green]ok[/]" if row.ok else f"[red]over[/] {row.note}"
        figures = (row.difference, row.reference_error, row.port_error, row.double)
        what = row.what if first == "input" else row.what.split("/", 1)[1]
        table.add_row("" if place(row) == said else place(row), what, *map(number, figures), verdict)
        said = place(row)
    return table


def _furthest(rows, key):
    """Of the rows with one key, the one in which the port is furthest from the reference (a failed one first)."""
    worst = {}
    for row in rows:
        other = worst.get(key(row))
        if other is None or (other.ok, -other.difference) > (row.ok, -row.difference):
            worst[key(row)] = row
    return list(worst.values())


def _because(row):
    return f" ({row.note})" if row.note else f" (by {number(row.difference)} of its largest value)"
