"""`kindling inspect`: what a checkpoint holds, sound or not."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kindling.core.packages import own

ELSEWHERE = "in no net of KinD"


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
def inspect(path):
    """List name, shape and dtype of every variable in FILE, net by net, and what is missing or extra.

    FILE is told by its content, whatever its name. The exit code is 0 for a sound checkpoint of KinD, 1 for one that
    is incomplete or of another model, and 2 for a file that cannot be read.
    """
    soundness = own("convert.soundness")
    registry = own("convert.forms.registry")

    held = registry.read(path)
    table = Table("variable", "shape", "dtype", "", box=None, header_style="dim", pad_edge=False)
    for net, rows in _by_net(held.variables).items():
        table.add_row(f"[bold]{net}[/]")
        for row in rows:
            table.add_row(*row)
    console = Console(soft_wrap=True)
    console.print(table)
    problems = soundness.problems_with(held.variables)
    for line in _summary(held):
        console.print(line, markup=False)
    for problem in problems:
        console.print(f"problem: {problem}", markup=False)
    if not problems:
        console.print("sound: every net in it is whole and finite")
    return 1 if problems else 0


def _summary(held):
    """Form, nets, family, what was unwrapped, what of a training is there, metadata; a line each."""
    soundness = own("convert.soundness")

    nets = ", ".join(map(_how_much(held.variables), soundness.nets_in(held.variables))) or "none"
    yield f"{held.path}: {held.form}, {len(held.variables)} variables, nets: {nets}"
    yield f"family: {soundness.family_of(held.variables)}"
    if held.unwrapped:
        yield f"unwrapped: {', '.join(held.unwrapped)}"
    slots = soundness.left_behind(held.variables)
    training = ([f"{len(slots)} slots and steps"] if slots else []) + list(held.beside)
    if training:
        yield f"of training, left behind by convert: {', '.join(training)}"
    for key, value in held.metadata.items():
        if key != "family":
            yield f"{key}: {value}"


def _how_much(variables):
    """Net -> "DecomNet" if all of it is there, else "DecomNet (17 of 18 variables)"."""
    from kindling.families.kind.nets import NETS

    def said(net):
        there = sum(name in variables for name in NETS[net].variables)
        of = len(NETS[net].variables)
        return net if there == of else f"{net} ({there} of {of} variables)"

    return said


def _by_net(variables):
    """Net -> rows of the table: what is there in the table's order, what is missing, and what belongs to no net."""
    soundness = own("convert.soundness")
    from kindling.families.kind.nets import NETS

    rows = {}
    for net in soundness.nets_in(variables):
        rows[net] = [
            _row(name, variables[name]) if name in variables else (name, "", "", "[red]missing[/]")
            for name in NETS[net].variables
        ]
    for name, array in variables.items():
        if name not in soundness.EXPECTED:
            remark = "of training" if soundness.is_training_state(name) else "[yellow]extra[/]"
            rows.setdefault(ELSEWHERE, []).append(_row(name, array, remark))
    return rows


def _row(name, array, remark=""):
    """A name is shown as it is, also where it looks like markup: it comes from somebody's file."""
    return Text(name), "x".join(map(str, array.shape)) or "scalar", str(array.dtype), remark
