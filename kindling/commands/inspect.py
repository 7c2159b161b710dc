"""`kindling inspect`: what a checkpoint holds, sound or not."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from kindling.commands import options
from kindling.commands.output import STDOUT, JsonCommand, json_option, printable, put_json, refuse_json, to_a_reader
from kindling.core.packages import own

ELSEWHERE = "in no net of its family"
COLOURS = {"missing": "red", "extra": "yellow"}


@click.command(cls=JsonCommand)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--ema", is_flag=True, help="Look at the exponential averages of the weights, where FILE holds both.")
@options.family
@click.option("--quiet", is_flag=True, help="Print nothing; the exit code says it.")
@json_option("what FILE holds")
@click.option("--force", is_flag=True, help="Overwrite the file of --json.")
def inspect(path: Path, ema: bool, family: str, quiet: bool, json_file: Path | None, force: bool) -> int:
    """List name, shape and dtype of every variable in FILE, net by net, and what is missing or extra.

    FILE is told by its content, whatever its name. The exit code is 0 for a sound checkpoint of a family that can run,
    1 for one that is incomplete or of another model, and 2 for a file that cannot be read.

    \b
    kindling inspect kind.pth
    kindling inspect checkpoints/ --json | jq .nets
    """
    refuse_json(json_file, force)
    found = own("convert").inspect(path, ema=ema, family=family)
    if not quiet and json_file != STDOUT:
        with to_a_reader():
            for line in _lines(found):
                click.echo(line)
    if json_file:
        put_json(found.as_dict(), json_file)
    return 0 if found.sound else 1


def _lines(found: Any) -> Iterator[str]:
    """The variables as a table, and then what else is to be said."""
    yield from _table(found.variables)
    yield from map(printable, _summary(found))


def _summary(found: Any) -> Iterator[str]:
    """Form, nets, family, what was unwrapped, what is of a training, metadata, and the verdict."""
    nets = ", ".join(
        net if there == of else f"{net} ({there} of {of} variables)" for net, (there, of) in found.nets.items()
    )
    count = sum(variable.state != "missing" for variable in found.variables)
    yield f"{found.path}: {found.form}, {count} variables, nets: {nets or 'none'}"
    yield f"family: {found.family}"
    if found.unwrapped:
        yield f"unwrapped: {', '.join(found.unwrapped)}"
    if found.training:
        yield f"of training, left behind by convert: {', '.join(found.training)}"
    for key, value in found.metadata.items():
        if key != "family":
            yield f"{key}: {value}"
    for problem in found.problems:
        yield f"problem: {problem}"
    if found.sound:
        yield "sound: every net in it is whole and finite"


def _table(variables: Sequence[Any]) -> Iterator[str]:
    """A line for each variable, in columns as wide as what is in them: a name is never cut."""
    rows = [(printable(v.name), "x".join(map(str, v.shape)) or "scalar", v.dtype, v.state) for v in variables]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    yield click.style(_row(("variable", "shape", "dtype"), widths), dim=True)
    for net, own_variables in groupby(zip(variables, rows, strict=True), key=lambda pair: pair[0].net):
        yield click.style(net or ELSEWHERE, bold=True)
        for _, (*cells, state) in own_variables:
            shown = "" if state == "there" else click.style(state, COLOURS.get(state))
            if state == "missing":
                cells[1:] = "", ""
            yield f"{_row(cells, widths)}  {shown}".rstrip()


def _row(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
