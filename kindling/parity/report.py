"""A parity report as tables for a person, in the terminal; kindling/parity/html.py makes a page of it.

What the numbers mean is in kindling/parity/check.py; this file only lays them out.
"""

import math
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kindling.parity.check import Report, Row


def number(x: float) -> str:
    """1.2e-06, 0, or "none" where there is no finite figure."""
    if math.isinf(x):
        return "none"
    return "0" if x == 0 else f"{x:.1e}"


def print_parity(report: Report, console: Console, all_layers: bool = False) -> None:
    """The outputs case by case, the layers in a line for each net (or one by one), and the verdict in one sentence."""
    reference, port = report.reference, report.port
    console.print(_table("Outputs: largest distance", report.outputs, reference, port, lambda r: (r.case, r.what)))
    console.print(
        f"{port}-{reference}: float32 against float32; exact: the float64 result; float64: against each other"
    )
    console.print()
    for net, rows in by_net(report.layers).items():
        if all_layers:
            title = f"{net}: largest distance over all inputs, relative to the layer's largest value"
            console.print(_table(title, rows, reference, port, lambda r: (r.what.split("/", 1)[1],)))
        worst = max(rows, key=lambda row: row.difference)
        layer = worst.what.split("/", 1)[1]
        furthest = f"{layer} furthest apart, by {number(worst.difference)} of its largest value"
        console.print(f"{net}: {len(rows)} layers, {furthest}", markup=False)
        if all_layers:
            console.print()
    for row in report.first_differences:
        console.print(f"{row.case}: the first layer that differs is {row.what}{_because(row)}", markup=False)
        for finding in report.diagnosis.of_layer(row.what) if report.diagnosis and report.diagnosis.variables else ():
            console.print(f"    its weights: {finding.sentence}", markup=False)
    if report.diagnosis and not report.diagnosis.variables:  # of the nets themselves, not of their weights
        for finding in report.diagnosis.findings:
            console.print(f"diagnosis: {finding.sentence}", markup=False)
    for net in report.skipped:
        console.print(f"{net}: no weights, not compared", markup=False)
    layers = f" and {len(report.layers)} layers" if report.layers else ""
    checked = f"{len(report.outputs)} outputs{layers} compared"
    wrong = sum(not row.ok for row in report.outputs + report.layers)
    if report.ok:
        console.print(f"[green]{port} computes what {reference} computes[/]: {checked}, all pass")
    elif not report.outputs:
        console.print("[red]nothing to compare[/]: the weights hold no net that the input could be fed to")
    else:
        console.print(f"[red]{port} differs from {reference}[/]: {checked}, {wrong} over")


def _table(title, rows, reference, port, names):
    """A line for each row; what stands in the first of several name columns is said once."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False)
    for _ in names(rows[0]) if rows else ():
        table.add_column("", no_wrap=True)
    for heading in (f"{port}-{reference}", f"{reference}-exact", f"{port}-exact", "float64"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    table.add_column("")
    said = None
    for row in rows:
        verdict = Text("ok", "green") if row.ok else Text("over ", "red").append(row.note, "default")
        figures = (row.difference, row.reference_error, row.port_error, row.double)
        first, *rest = names(row)
        shown = [Text("" if first == said else first), *map(Text, rest)]  # a file's name may look like markup
        table.add_row(*shown, *map(number, figures), verdict)
        said = first
    return table


def by_net(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Net -> one row for each of its layers: that of the input on which the port is furthest (a failed one first)."""
    worst: dict[str, dict[str, Row]] = {}
    for row in rows:
        layers = worst.setdefault(row.what.split("/")[0], {})
        other = layers.get(row.what)
        if other is None or (other.ok, -other.difference) > (row.ok, -row.difference):
            layers[row.what] = row
    return {net: list(layers.values()) for net, layers in worst.items()}


def _because(row):
    return f" ({row.note})" if row.note else f" (by {number(row.difference)} of its largest value)"
