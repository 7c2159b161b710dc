"""`kindling diff`: in what two checkpoints differ, and what the difference looks like."""

import math
from collections.abc import Iterator
from pathlib import Path

import click

from kindling.commands.output import STDOUT, JsonCommand, json_option, printable, put_json, refuse_json, to_a_reader
from kindling.core.packages import own
from kindling.families.registry import KIND
from kindling.parity.diagnosis import Diagnosis, diagnose


@click.command(cls=JsonCommand)
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.option("--ema", is_flag=True, help="Compare the exponential averages, where both hold them.")
@click.option("--all", "everything", is_flag=True, help="List variables that are equal, too.")
@click.option("--quiet", is_flag=True, help="Print nothing; the exit code says it.")
@json_option("every figure and finding")
@click.option("--force", is_flag=True, help="Overwrite the file of --json.")
def diff(
    first: Path, second: Path, ema: bool, everything: bool, quiet: bool, json_file: Path | None, force: bool
) -> int:
    """Compare the weights in A and B, of any forms, and say what the difference looks like.

    Kernels that were flipped or transposed, channels in BGR order or exchanged, values rounded to float16 or bfloat16,
    scaled, zero or missing, variables and nets that changed places, and nets that were trained on are each named. The
    exit code is 0 if all variables are equal bit by bit, 1 if not, and 2 if a file cannot be read.

    \b
    kindling diff checkpoints/ kind.pth
    kindling diff ours.npz theirs.safetensors --json
    """
    refuse_json(json_file, force)
    registry = own("convert.forms.registry")
    a, b = (_weights(registry.read(path, ema=ema)) for path in (first, second))
    found = diagnose(a, b)
    if not quiet and json_file != STDOUT:
        with to_a_reader():
            for line in _lines(found, first, second, everything):
                click.echo(printable(line))
    if json_file:
        put_json({"first": str(first), "second": str(second), **found.as_dict()}, json_file)
    return 0 if found.same else 1


def _weights(contents):
    """In the table's order, strangers behind. What is of a training is not compared: slots, steps."""
    soundness, family = own("convert.soundness"), contents.family or KIND
    names = [name for name in family.variables if name in contents.variables]
    names += [name for name in contents.variables if name not in family.variables]
    return {name: contents.variables[name] for name in names if not soundness.is_training_state(name, family)}


def _lines(found: Diagnosis, first: Path, second: Path, everything: bool) -> Iterator[str]:
    """A line for each variable that differs, the findings, the verdict."""
    shown = [row for row in found.variables if everything or row.state != "equal"]
    width = max((len(row.name) for row in shown), default=0)
    if shown:
        yield f"{'variable'.ljust(width)}  {'largest':>8}  {'mean':>8}  {'relative':>8}  B's is"
    for row in shown:
        looks = row.likeness.words if row.likeness else row.state
        figures = "  ".join(f"{_figure(x):>8}" for x in (row.largest, row.mean, row.relative))
        yield f"{row.name.ljust(width)}  {figures}  {looks}"
    for finding in found.findings:
        yield f"finding: {finding.sentence}"
    equal = sum(row.state == "equal" for row in found.variables)
    if found.same:
        yield f"the same: {equal} variables of {first} and {second} are equal bit by bit"
    else:
        yield f"they differ: {len(found.variables) - equal} of {len(found.variables)} variables"


def _figure(x: float) -> str:
    return "" if math.isinf(x) else "0" if x == 0 else f"{x:.1e}"
