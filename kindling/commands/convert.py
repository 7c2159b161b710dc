"""`kindling convert`: weights from any form to any other, read back before it says done."""

from pathlib import Path

import click

from kindling.core.packages import own


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite DST if it is there already.")
def convert(source, target, force):
    """Carry the weights in SRC to DST, bit for bit, in the form DST's suffix asks for.

    \b
    .h5 .hdf5 .npz         neutral dumps: slim names, TF axis order
    .safetensors .pth .pt  PyTorch names and axis order
    NAME.ckpt              one TF checkpoint with everything
    no suffix              a folder in the original's layout

    SRC is any of these, whole or partial, told by its content. A state_dict may lie in a dictionary of other things or
    behind a prefix such as module. Optimizer slots and steps are named and left behind. The VGG16 or VGG19 of a
    perceptual loss is carried too, between Keras' .h5 and torchvision's names in .pth and .safetensors.
    """
    done = own("convert").convert_file(source, target, force=force)
    click.echo(f"{done.source} -> {done.target} ({done.form}): {', '.join(done.nets)}")
    click.echo(f"{done.variables} variables, {done.parameters:,} parameters, read back bit-equal")
    if done.unwrapped:
        click.echo(f"unwrapped: {', '.join(done.unwrapped)}")
    if done.left_behind:
        shown = ", ".join(done.left_behind[:3]) + (", ..." if len(done.left_behind) > 3 else "")
        kind = "of the top" if done.nets[0].startswith("vgg") else "of training"
        click.echo(f"left behind: {len(done.left_behind)} {kind} ({shown})")
    click.echo(f"weights sha256 {done.fingerprint}")
