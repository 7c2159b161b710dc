"""`kindling enhance`: evaluate.py of the original, on people's own photos."""

import time
from pathlib import Path

import click

from kindling.commands import options
from kindling.commands.options import Ratio
from kindling.commands.progress import Bar
from kindling.core.errors import KindlingError
from kindling.enhancing import memory
from kindling.enhancing.render import enhance_file
from kindling.photos.jobs import Naming, find_photos, plan
from kindling.photos.photo import MEGAPIXELS
from kindling.runtimes import RUNTIMES, open_model

USEFUL = 5.0  # the largest ratio the original speaks of


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Write the pictures to this folder.")
@click.option("-r", "--recursive", is_flag=True, help="Take photos in sub-folders too, into the same ones in OUT.")
@click.option("--suffix", default="_kindle", show_default=True, help="Put this behind the photo's name.")
@click.option(
    "--ext", type=click.Choice(["auto", "png", "jpg", "webp", "tiff"]), default="png", show_default=True,
    help="Write files of this kind; auto: of the photo's own.",
)  # fmt: skip
@click.option("--no-metadata", is_flag=True, help="Leave the ICC profile, EXIF, XMP and IPTC behind.")
@click.option("--skip-existing", is_flag=True, help="Leave out photos whose pictures are all there: to go on later.")
@click.option("--force", is_flag=True, help="Overwrite pictures that are there already.")
@options.model
@click.option(
    "--ratio", "ratios", type=Ratio("auto"), multiple=True, default=[5.0], show_default=True,
    help="Lighten by this: 0 to 5, below 1 it darkens, and from 2 on hardly anything changes; auto: by what the photo "
    "itself suggests. Give it several times for a series.",
)  # fmt: skip
@click.option(
    "--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Blend with the photo; 0 is the photo itself.",
)  # fmt: skip
@click.option(
    "--denoise", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Clean by this much; at 0 the restoration net is not needed.",
)  # fmt: skip
@click.option("--parts", is_flag=True, help="Write R, L, restored R and adjusted L too.")
@click.option("--compare", is_flag=True, help="Write before and after side by side, too.")
@options.tile
@click.option(
    "--max-megapixels", type=click.FloatRange(0), default=MEGAPIXELS, show_default=True, help="Refuse larger photos."
)
def enhance(
    inputs, out, recursive, suffix, ext, no_metadata, skip_existing, force, weights, runtime, device, precision,
    ratios, strength, denoise, parts, compare, tile, max_megapixels,
):  # fmt: skip
    """Brighten photos (files, folders, or patterns such as '*.jpg') into OUT/<name>_kindle.png.

    A photo that cannot be read is reported and the rest goes on; the exit code is then 2.

    \b
    kindling enhance night.jpg -o brighter/
    kindling enhance photos/ -o brighter/ --recursive --ratio auto --ext auto
    kindling enhance night.jpg -o series/ --ratio 1 --ratio 3 --ratio 5 --compare
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
        if not RUNTIMES[runtime].keeps_memory:
            memory.keep_freed()
        model = open_model(weights, runtime, device=device, precision=precision)
        started = time.monotonic()
        with Bar(jobs) as bar:
            for job in jobs:
                try:
                    taken[job.photo] = enhance_file(
                        job, model, tile=tile, megapixels=max_megapixels, metadata=not no_metadata, strength=strength,
                        denoise=denoise, done=bar.advance,
                    )  # fmt: skip
                    pixels += bar.finish(job)
                except KindlingError as error:
                    failed.append(str(error))
                    bar.finish(job)
                model.rest()
        seconds = time.monotonic() - started
    for reason in failed:
        click.echo(f"kindling: {reason}", err=True)
    if "auto" in ratios:
        for photo, ratio in taken.items():
            click.echo(f"{photo}: ratio auto is {ratio['auto']:.2f}")
    said = ", ".join("auto" if ratio == "auto" else f"{ratio:g}" for ratio in ratios)
    skipped = f", {len(found) - len(jobs)} there already" if len(jobs) < len(found) else ""
    click.echo(f"{len(taken)} of {len(found)} photos enhanced into {out} (ratio {said}, {runtime}){skipped}")
    if taken:
        click.echo(f"{pixels / 1e6:.1f} megapixels in {seconds:.1f} s")
    return 2 if failed else 0
