"""`kindling convert`: weights from any form to any other, read back before it says done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kindling.commands import options
from kindling.commands.output import STDOUT, JsonCommand, json_option, printable, put_json, refuse_json, to_a_reader
from kindling.core.packages import own


@click.command(cls=JsonCommand)
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "table",
    metavar="TABLE",
    type=click.Path(path_type=Path),
    help="Carry any model's weights by this table, which `kindling map` drafts.",
)
@click.option("--ema", is_flag=True, help="Take the exponential averages of the weights, where SRC holds both.")
@click.option("--cast", type=click.Choice(["float32"]), help="Turn weights of another precision into this one.")
@options.family
@click.option("--force", is_flag=True, help="Overwrite DST if it is there already.")
@click.option("--dry-run", "dry", is_flag=True, help="Read and check everything, and write nothing.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@json_option("what was done")
def convert(
    source: Path, target: Path, table: Path | None, ema: bool, cast: str | None, family: str, force: bool, dry: bool,
    quiet: bool,
    json_file: Path | None,
) -> None:  # fmt: skip
    """Carry the weights in SRC to DST, bit for bit, in the form DST's suffix asks for.

    \b
    .h5 .hdf5 .npz         neutral dumps: slim names, TF axis order
    .safetensors .pth .pt  PyTorch names and axis order
    NAME.ckpt              one TF checkpoint with everything
    no suffix              a folder in the original's layout

    SRC is any of these, whole or partial, told by its content; TensorFlow's V1 checkpoints, tf.train.Checkpoint and the
    variables of a SavedModel too. Weights may lie in dictionaries of other things and behind any prefix. Optimizer
    slots and steps are named and left behind. The VGG16 or VGG19 of a perceptual loss is carried too, between Keras'
    .h5 and torchvision's names in .pth and .safetensors.

    \b
    kindling convert checkpoints/ kind.safetensors
    kindling convert half.safetensors kind.pth --cast float32
    kindling convert train.pth kind.h5 --ema --dry-run

    With --map the weights are of any model: a TF checkpoint, .h5, .keras or .npz becomes .pth or .safetensors, and a
    state of PyTorch's .npz, .h5 or NAME.ckpt, each by the rows of the table.

    \b
    kindling convert model.ckpt net.pth --map net.toml
    """
    refuse_json(json_file, force)
    done: Any
    if table:
        by_table = own("convert.generic").convert_by_table
        done = by_table(source, target, table, force=force, cast=cast, ema=ema, dry=dry)
    else:
        done = own("convert").convert_file(source, target, force=force, cast=cast, ema=ema, dry=dry, family=family)
    if not quiet and json_file != STDOUT:
        with to_a_reader():
            for line in _lines_by_table(done) if table else _lines(done):
                click.echo(printable(line))
    if json_file:
        put_json(done.as_dict(), json_file)


def _lines(done):
    """What a person is told of a conversion."""
    yield f"{done.source} -> {done.target} ({done.form}): {', '.join(done.nets)}"
    how = "read and sound; nothing is written" if done.dry else "read back bit-equal"
    yield f"{done.variables} variables, {done.parameters:,} parameters, {how}"
    if done.unwrapped:
        yield f"unwrapped: {', '.join(done.unwrapped)}"
    if done.cast:
        yield f"cast: {'; '.join(done.cast)}"
    if done.left_behind:
        shown = ", ".join(done.left_behind[:3]) + (", ..." if len(done.left_behind) > 3 else "")
        kind = "of the top" if done.nets[0].startswith("vgg") else "of training"
        yield f"left behind: {len(done.left_behind)} {kind} ({shown})"
    yield f"weights sha256 {done.fingerprint}"


def _lines_by_table(done: Any) -> Iterator[str]:
    """What a person is told of a conversion of another model's weights."""
    yield f"{done.source} -> {done.target}: {done.layers} layers, by {done.table}"
    how = "read and sound; nothing is written" if done.dry else "read back bit-equal"
    yield f"{done.variables} arrays, {done.parameters:,} numbers, {how}"
    yield from done.notes
    if done.cast:
        yield f"cast: {'; '.join(done.cast)}"
    if done.left_behind:
        shown = ", ".join(done.left_behind[:3]) + (", ..." if len(done.left_behind) > 3 else "")
        yield f"left behind: {len(done.left_behind)} ({shown})"
    if done.epsilons:
        told = ", ".join(f"{module} with eps={number:g}" for module, number in done.epsilons.items())
        yield f"to be built: {told} (PyTorch's default is 1e-05)"
    yield f"sha256 {done.fingerprint}"
