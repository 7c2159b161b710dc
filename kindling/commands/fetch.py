"""`kindling fetch`: the authors' own weights, from the authors, checked."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from kindling.commands import options
from kindling.commands.output import to_a_reader
from kindling.core.packages import own
from kindling.families.registry import KIND, family_called


@click.command()
@click.option(
    "--to", type=click.Path(path_type=Path), help="Folder for them; default: the platform's folder for caches."
)
@click.option("--from", "source", type=click.Path(path_type=Path), help="A copy at hand: a zip, a folder or a file.")
@options.family
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def fetch(to: Path | None, source: Path | None, family: str, quiet: bool) -> None:
    """Get the weights of KinD, or another family, that its authors trained, from them, and check every byte.

    KinD's decomposition and adjustment come from their repository, the restoration from their file host; what of other
    families cannot be had is said. Existing files are
    kept; broken-off downloads are resumed. Where the host does not serve the file, it is said what to download by hand;
    --from takes it from there.
    """
    fetching = own("convert.originals.fetching")

    of = family_called(family or KIND.id)
    to = to or (fetching.default_folder() if of is KIND else fetching.default_folder(of))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        tasks = {}

        def show(file, done, total):
            if file not in tasks:
                tasks[file] = bar.add_task(file)
            bar.update(tasks[file], completed=done, total=total or None)

        done = fetching.fetch(to, source, show, family=of)
    if quiet:
        return
    with to_a_reader():
        for fetched in done:
            click.echo(f"{fetched.path}: {fetched.how}")
        for net in of.nets:
            if net.unreleased:
                click.echo(f"{net.scope} of {of.title} is not among them: {net.unreleased}")
        click.echo(f"the authors' weights are in {to}, every byte checked; use them with --weights {to}")
