"""`kindling inspect`: what a checkpoint holds, sound or not."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def inspect(path):
    """List name, shape and dtype of every variable in FILE, its net, and what is missing or extra."""
    from convert import checks, formats

    held = formats.read(path)
    table = Table("variable", "shape", "dtype", "net", "", box=None, header_style="bold")
    for name, array in held.variables.items():
        table.add_row(name, "x".join(map(str, array.shape)), str(array.dtype), *_place(name))
    nets = checks.nets_in(held.variables)
    for name in checks.EXPECTED:
        if name.split("/")[0] in nets and name not in held.variables:
            table.add_row(name, "", "", name.split("/")[0], "[red]missing")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(
        f"{path}: {held.form}, {len(held.variables)} variables, nets: {', '.join(nets) or 'none'}", markup=False
    )
    for key, value in held.metadata.items():
        console.print(f"{key}: {value}", markup=False)
    problems = checks.problems_with(held.variables)
    for problem in problems:
        console.print(f"problem: {problem}", markup=False)
    if not problems:
        console.print("sound: every net in it is whole and finite")


def _place(name):
    """(net, remark) of a variable."""
    from convert import checks

    if name in checks.EXPECTED:
        return name.split("/")[0], ""
    return "", "of training" if checks.is_training_state(name) else "[yellow]extra"
