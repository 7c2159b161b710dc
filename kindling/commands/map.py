"""`kindling map`: the first draft of the table by which `kindling convert --map` carries another model's weights."""

from pathlib import Path

import click

from kindling.commands.output import printable, to_a_reader
from kindling.core.factories import build
from kindling.core.files import move_into_place, refuse_existing, staging
from kindling.core.packages import own


@click.command("map")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.option(
    "--torch", "port", metavar="FILE.py:NAME", help="Match against the net that this builds; its code is run."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the table to this file, not to stdout.")
@click.option("--force", is_flag=True, help="Overwrite it if it is there already.")
def map(source: Path, port: str | None, out: Path | None, force: bool) -> None:
    """Draft the table that says which layer of SRC becomes which module: names matched by shape, likeness and order.

    SRC is a TF checkpoint of any format, .h5, .keras or .npz. Every row that something else could be meant by is marked
    `doubtful`, with the reason, and stops `kindling convert --map` until a person has taken the mark out.

    \b
    kindling map model.ckpt --torch net.py:Net -o net.toml
    kindling convert model.ckpt net.pth --map net.toml
    """
    if out:
        refuse_existing([out], force)
    net = build(port, "--torch") if port else None
    drafted = own("convert.generic").draft(source, net, called=port or "a port of the same names")
    if not out:
        with to_a_reader():
            click.echo(drafted.text, nl=False)
        return
    with staging(out.parent) as folder:
        (folder / out.name).write_text(drafted.text, encoding="utf-8")
        move_into_place(folder / out.name, out)
    click.echo(printable(f"{source} -> {out}: {drafted.rows} layers, {drafted.doubtful} of them doubtful"))
    if drafted.left_behind:
        click.echo(f"left behind: {len(drafted.left_behind)} of a training")
    if drafted.unfilled:
        click.echo(printable(f"of the port, filled by nothing: {', '.join(drafted.unfilled)}"))
