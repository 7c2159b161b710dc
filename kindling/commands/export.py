"""`kindling export`: weights as graphs for another runtime, proven before they are put in place."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from kindling import api
from kindling.commands.output import STDOUT, JsonCommand, json_option, printable, put_json, refuse_json, to_a_reader
from kindling.exported.formats import FORMATS

EXAMPLES = """\b
Examples:
  kindling export checkpoints/ exported/ --to onnx
  kindling enhance night.jpg -o brighter/ --runtime onnx --weights exported/
"""


@click.command(cls=JsonCommand, epilog=EXAMPLES)
@click.argument("weights", metavar="WEIGHTS", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--to", "to", type=click.Choice(list(FORMATS)), required=True,
    help="; ".join(f"{row.name}: {row.title}" for row in FORMATS.values()) + ".",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an export that is there already.")
@json_option("what kindling.json holds")
def export(weights: Path, out: Path, to: str, force: bool, json_file: Path | None) -> None:
    """Write the nets in WEIGHTS to the folder OUT, as graphs that run without Kindling.

    WEIGHTS is any file or folder that `kindling convert` reads. OUT gets a graph for each net and kindling.json, by
    which `enhance`, `evaluate` and `parity` take it as --weights, the ratio's estimator included. Every graph is run
    on twelve sizes, odd ones too; if one is farther than 1e-5 from kind_torch, nothing is left in OUT.
    """
    refuse_json(json_file, force)
    stderr = Console(stderr=True)
    with stderr.status("reading the weights") as status:
        description = api.export(weights, out, to, force=force, progress=lambda net: status.update(f"writing {net}"))
    if json_file != STDOUT:
        with to_a_reader():
            click.echo(printable(f"{weights} -> {out} ({to}): {', '.join(description.nets)}"))
            for scope, graph in description.nets.items():
                click.echo(f"{scope}: {graph.largest_difference:.1e} at most from {description.compared_with}")
            click.echo(f"weights sha256 {description.weights}")
    if json_file:
        put_json(asdict(description), json_file)
