"""`kindling inspect`: what a checkpoint holds, sound or not."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

ELSEWHERE = "in no net of KinD"


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def inspect(path):
    """List name, shape and dtype of every variable in FILE, net by net, and what is missing or extra."""
    from convert import checks, formats

    held = formats.read(path)
    table = Table("variable", "shape", "dtype", "", box=None, header_style="dim", pad_edge=False)
    for net, rows in _by_net(held.variables).items():
        table.add_row(f"[bold]{net}[/]")
        for row in rows:
            table.add_row(*row)
    console = Console(soft_wrap=True)
    console.print(table)
    nets = ", ".join(checks.nets_in(held.variables)) or "none"
    console.print(f"{path}: {held.form}, {len(held.variables)} variables, nets: {nets}", markup=False)
    for key, value in held.metadata.items():
        console.print(f"{key}: {value}", markup=False)
    problems = checks.problems_with(held.variables)
    for problem in problems:
        console.print(f"problem: {problem}", markup=False)
    if not problems:
        console.print("sound: every net in it is whole and finite")


def _by_net(variables):
    """Net -> rows of the table: what is there in the table's order, what is missing, and what belongs to no net."""
    from convert import checks
    from convert.nets import NETS

    rows = {}
    for net in checks.nets_in(variables):
        rows[net] = [
            _row(name, variables[name]) if name in variables else (name, "", "", "[red]missing[/]")
            for name in NETS[net].variables
        ]
    for name, array in variables.items():
        if name not in checks.EXPECTED:
            remark = "of training" if checks.is_training_state(name) else "[yellow]extra[/]"
            rows.setdefault(ELSEWHERE, []).append(_row(name, array, remark))
    return rows


def _row(name, array, remark=""):
    """A name is shown as it is, also where it looks like markup: it comes from somebody's file."""
    return Text(name), "x".join(map(str, array.shape)) or "scalar", str(array.dtype), remark
