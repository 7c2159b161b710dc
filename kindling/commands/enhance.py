"""`kindling enhance`: evaluate.py of the original, on people's own photos."""

import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kindling.commands import options
from kindling.commands.options import Ratio
from kindling.core.errors import KindlingError
from kindling.enhancing import allocator
from kindling.enhancing.render import enhance_file
from kindling.photos.jobs import Naming, find_photos, plan
from kindling.photos.photo import MEGAPIXELS, count_pixels
from kindling.runtimes import default_weights, open_backend

USEFUL = 5.0  # the largest ratio the original speaks of


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the enhanced pictures.")
@click.option("-r", "--recursive", is_flag=True, help="Photos in sub-folders too; the sub-folders are kept in OUT.")
@click.option("--backend", type=click.Choice(["torch", "tf"]), default="torch", show_default=True)
@click.option("--weights", type=click.Path(path_type=Path), help="Any file or folder `kindling convert` reads.")
@click.option(
    "--ratio", "ratios", type=Ratio("auto"), multiple=True, default=[5.0], show_default=True,
    help="How much lighter: 0 to 5, or auto, from the photo itself. Several times for a series of exposures.",
)  # fmt: skip
@click.option("--parts", is_flag=True, help="Also R, L, restored R and adjusted L.")
@click.option("--compare", is_flag=True, help="Also before and after, side by side.")
@click.option("--suffix", default="_kindle", show_default=True, help="Put behind the photo's name.")
@click.option(
    "--ext", type=click.Choice(["auto", "png", "jpg", "webp", "tiff"]), default="png", show_default=True,
    help="Kind of file to write; auto: the photo's own.",
)  # fmt: skip
@options.tile
@click.option("--no-metadata", is_flag=True, help="Leave the ICC profile, EXIF, XMP and IPTC behind.")
@click.option("--max-megapixels", type=click.FloatRange(0), default=MEGAPIXELS, show_default=True)
@click.option("--skip-existing", is_flag=True, help="Leave out photos whose pictures are all there: to go on later.")
@click.option("--force", is_flag=True, help="Overwrite pictures that are there already.")
def enhance(
    inputs, out, recursive, backend, weights, ratios, parts, compare, suffix, ext, tile, no_metadata, max_megapixels,
    skip_existing, force,
):  # fmt: skip
    """Brighten photos (files, folders, or patterns such as '*.jpg') into OUT/<name>_kindle.png.

    A photo that cannot be read is reported and the rest goes on; the exit code is then 2.
    """
    if out.exists() and not out.is_dir():
        raise KindlingError(f"{out}: is a file, and -o wants a folder")
    if Path(suffix).name != suffix and suffix:
        raise click.BadParameter(f"{suffix} has a folder in it.", param_hint="'--suffix'")
    ratios = tuple(dict.fromkeys(ratios))
    naming = Naming(suffix, ext, ratios, parts, compare)
    found = find_photos(inputs, recursive, out)
    jobs = plan(found, out, naming, force, skip_existing)
    for ratio in ratios:
        if ratio != "auto" and ratio > USEFUL:
            click.echo(
                f"kindling: a ratio of {ratio:g} is beyond {USEFUL:g}, the most the nets are meant for", err=True
            )
    failed, taken, pixels, seconds = [], {}, 0, 0.0
    if jobs:
        if backend == "torch":
            allocator.keep_freed()
        opened = open_backend(backend, weights or default_weights())
        started = time.monotonic()
        with _Bar(jobs) as bar:
            for job in jobs:
                try:
                    taken[job.photo] = enhance_file(job, opened, tile, max_megapixels, not no_metadata, bar.advance)
                    pixels += bar.finish(job)
                except KindlingError as error:
                    failed.append(str(error))
                    bar.finish(job)
                allocator.give_back()
        seconds = time.monotonic() - started
    for reason in failed:
        click.echo(f"kindling: {reason}", err=True)
    if "auto" in ratios:
        for photo, ratio in taken.items():
            click.echo(f"{photo}: ratio auto is {ratio['auto']:.2f}")
    said = ", ".join("auto" if ratio == "auto" else f"{ratio:g}" for ratio in ratios)
    skipped = f", {len(found) - len(jobs)} there already" if len(jobs) < len(found) else ""
    click.echo(f"{len(taken)} of {len(found)} photos enhanced into {out} (ratio {said}, {backend}){skipped}")
    if taken:
        click.echo(f"{pixels / 1e6:.1f} megapixels in {seconds:.1f} s")
    return 2 if failed else 0


class _Bar:
    """A progress bar of photos and megapixels, on a terminal; it moves with every tile."""

    def __init__(self, jobs):
        self.pixels = {job.photo: count_pixels(job.photo) for job in jobs}
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[photos]} photos, {task.fields[megapixels]} megapixels, left:"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self.task = self.progress.add_task(
            "enhancing", total=max(sum(self.pixels.values()), 1), photos="", megapixels=""
        )
        self.photos = self.before = self.now = 0
        self._show()

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *_):
        self.progress.stop()

    def advance(self, pixels):
        self.now += pixels
        self._show()

    def finish(self, job):
        """One photo is through, enhanced or not. Returns its pixels."""
        self.photos += 1
        self.before, self.now = self.before + self.pixels[job.photo], 0
        self._show()
        return self.pixels[job.photo]

    def _show(self):
        done, total = self.before + self.now, sum(self.pixels.values())
        megapixels = f"{done / 1e6:.1f}/{total / 1e6:.1f}"
        photos = f"{self.photos}/{len(self.pixels)}"
        self.progress.update(self.task, completed=done, photos=photos, megapixels=megapixels)
