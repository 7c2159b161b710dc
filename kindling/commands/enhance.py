"""`kindling enhance`: evaluate.py of the original, on a folder of photos."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kindling.commands.backends import default_weights, open_backend
from kindling.enhancing import enhance_image, find_photos, plan
from kindling.errors import KindlingError
from kindling.images import load_images, save_images


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the enhanced pictures.")
@click.option("--backend", type=click.Choice(["torch", "tf"]), default="torch", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Any file or folder `kindling convert` reads.")
@click.option("--ratio", type=click.FloatRange(0), default=5.0, show_default=True, help="How much lighter; 0 to 5.")
@click.option("--force", is_flag=True, help="Overwrite pictures that are there already.")
def enhance(inputs, out, backend, weights, ratio, force):
    """Brighten photos (files, or folders of them) into OUT/<name>_kindle.png.

    A photo that cannot be read is reported and the rest goes on; the exit code is then 2.
    """
    if out.exists() and not out.is_dir():
        raise KindlingError(f"{out}: is a file, and -o wants a folder")
    planned = plan(find_photos(inputs), out, force)
    opened = open_backend(backend, weights or default_weights())
    failed = []
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("enhancing", total=len(planned))
        for photo, target in planned:
            try:
                save_images(target, enhance_image(load_images(photo), opened, ratio))
            except KindlingError as error:
                failed.append(str(error))
            progress.advance(task)
    for reason in failed:
        click.echo(f"kindling: {reason}", err=True)
    done = len(planned) - len(failed)
    click.echo(f"{done} of {len(planned)} photos enhanced into {out} (ratio {ratio:g}, {backend})")
    return 2 if failed else 0
