"""`kindling enhance`: people's own photos made lighter, file by file; one that fails does not stop the rest."""

import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from kindling.commands import on_ray, options
from kindling.commands.options import Ratio
from kindling.commands.progress import Bar
from kindling.core import words
from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.core.model import Model
from kindling.enhancing import memory
from kindling.enhancing.folder import enhance_files
from kindling.enhancing.needed import check_needed
from kindling.enhancing.ratio import PROTOCOLS, default_protocol, default_ratio
from kindling.enhancing.render import Tile, enhance_file
from kindling.photos.find import Found, find
from kindling.photos.jobs import Job, Naming, aim, plan
from kindling.photos.kinds import kind_of
from kindling.photos.photo import MEGAPIXELS
from kindling.photos.streams import received
from kindling.runtimes import RUNTIMES, Precision, open_model

USEFUL = 5.0  # the largest ratio the original speaks of
PIPE = "-"  # standard input or output
TYPED = click.core.ParameterSource.COMMANDLINE
START = 64  # bytes by which a kind is told
EXAMPLES = """\b
Examples:
  kindling enhance night.jpg -o brighter/
  kindling enhance night.jpg -o brighter.jpg --strength 0.7
  kindling enhance photos/ -o brighter/ --recursive --skip-existing
  kindling enhance night.jpg -o series/ --ratio 1 --ratio 3 --ratio 5 --compare
  cat night.jpg | kindling enhance - -o - > brighter.jpg
  kindling enhance photos/ -o brighter/ --recursive --on ray --actors 8
"""


@click.command(epilog=EXAMPLES)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--out", required=True, metavar="OUT",
    help="Write the pictures to this folder, or a single one to this file; -: to standard output.",
)  # fmt: skip
@click.option("-r", "--recursive", is_flag=True, help="Take photos in sub-folders too, into the same ones in OUT.")
@click.option("--suffix", default="_kindle", show_default=True, help="Put this behind the photo's name.")
@click.option("--first-dot", is_flag=True, help="Cut names at their first dot, as the original's evaluate.py.")
@click.option(
    "--ext", type=click.Choice(["auto", "png", "jpg", "webp", "tiff"]), default="auto", show_default=True,
    help="Write files of this kind; auto: of the photo's own, where that can be written, else png.",
)  # fmt: skip
@click.option("--no-metadata", is_flag=True, help="Leave behind all that rides along; colours become sRGB.")
@click.option("--skip-existing", is_flag=True, help="Make only the pictures that are not there: to go on later.")
@click.option("--force", is_flag=True, help="Overwrite pictures that are there already.")
@options.model
@click.option(
    "--ratio", "ratios", type=Ratio("auto"), multiple=True,
    help="Lighten by this: 0 to 5; below 1 it darkens, and the higher, the less a step adds; auto: by what the photo "
    "itself suggests. Give it several times for a series. Default: auto if the weights bring an estimator, else 5.",
)  # fmt: skip
@click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)),
    help="Put the picture together as evaluate_LOLdataset.py (lol: restored times adjusted), with bright places left "
    "to the photo (blend), or as evaluate.py (photo), KinD++'s with its light adjusted (adjusted). Default: blend if "
    "the weights bring an estimator, else photo.",
)  # fmt: skip
@click.option("--adjustment", is_flag=True, help="The same as --protocol adjusted, as KinD++'s evaluate.py calls it.")
@click.option(
    "--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Blend with the photo; 0 is the photo itself.",
)  # fmt: skip
@click.option(
    "--denoise", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Clean by this much; at 0 the restoration net is not needed.",
)  # fmt: skip
@click.option("--parts", is_flag=True, help="Write R, L, restored R and adjusted L too.")
@click.option("--compare", is_flag=True, help="Write before and after, labelled, on one sheet too.")
@click.option("--max-side", type=click.IntRange(1), metavar="PIXELS", help="Make photos smaller first, for a preview.")
@options.tile
@click.option(
    "--max-megapixels", type=click.FloatRange(0), default=MEGAPIXELS, show_default=True, help="Refuse larger photos."
)
@on_ray.options
def enhance(
    inputs: tuple[str, ...], out: str, recursive: bool, suffix: str, first_dot: bool, ext: str, no_metadata: bool,
    skip_existing: bool, force: bool, weights: Path | None, family: str, runtime: str, device: str,
    precision: Precision, ratios: tuple[words.Ratio, ...], protocol: words.ProtocolName | None, adjustment: bool,
    strength: float, denoise: float, parts: bool, compare: bool, max_side: int | None, tile: Tile,
    max_megapixels: float, **spread: Any,
) -> int:  # fmt: skip
    """Brighten photos: files, folders, or patterns such as '*.jpg', into OUT/<name>_kindle.<kind>.

    A photo that cannot be read is reported and the rest goes on; the exit code is then 2.
    """
    if Path(suffix).name != suffix and suffix:
        raise click.BadParameter(f"{suffix} has a folder in it.", param_hint="'--suffix'")
    asked: tuple[words.Ratio, ...] = tuple(dict.fromkeys(ratios)) or ("default",)
    for ratio in asked:
        if isinstance(ratio, float) and ratio > USEFUL:
            click.echo(
                f"kindling: a ratio of {ratio:g} is beyond {USEFUL:g}, the most the nets are meant for", err=True
            )
    if adjustment and protocol not in (None, "adjusted"):
        raise click.UsageError(f"--adjustment and --protocol {protocol} are two ways to put the picture together.")
    protocol = "adjusted" if adjustment else protocol
    naming = Naming(suffix=suffix, ext=ext, ratios=asked, parts=parts, compare=compare, first_dot=first_dot)
    dials: dict[str, Any] = {
        "tile": tile, "megapixels": max_megapixels, "max_side": max_side, "metadata": not no_metadata,
        "protocol": protocol or "default", "strength": strength, "denoise": denoise,
    }  # fmt: skip

    if on_ray.is_asked(spread):
        return on_ray.enhance(
            inputs, out, naming, dials, spread, recursive=recursive, force=force, skip_existing=skip_existing,
            weights=weights, family=family, runtime=runtime, device=device, precision=precision,
        )  # fmt: skip
    paths = [Path(given) for given in inputs]

    def opened() -> Model:
        if not RUNTIMES[runtime].keeps_memory:
            memory.keep_freed()
        model = open_model(weights, runtime, device=device, precision=precision, family=family)
        if model.family.ratio is None and ratios:
            raise KindlingError(f"{model.family.title} is told no ratio, so leave --ratio out")
        check_needed(model, denoise)
        return model

    if PIPE in inputs or out == PIPE:
        return _through_a_pipe(paths, out, naming, force, opened, dials)
    context = click.get_current_context()
    searched = find(paths, recursive, None if Path(out).is_file() else Path(out))
    if aim(out, searched.photos) is not None:
        typed = [name for name in ("suffix", "ext", "first_dot") if context.get_parameter_source(name) is TYPED]
        if typed:
            options_named = ", ".join(f"--{name.replace('_', '-')}" for name in typed)
            raise click.UsageError(f"-o {out} names the picture itself, so {options_named} has nothing to say.")
    jobs = plan(searched.photos, out, naming, force, skip_existing)
    failed: list[str] = []
    left: Counter[str] = Counter()
    taken: dict[Path, dict[str, float]] = {}
    pixels, seconds, said = 0, 0.0, ""
    if jobs:
        model = opened()
        said = _said(model, asked, protocol)
        started = time.monotonic()
        with Bar(jobs) as bar:
            notice: dict[str, Any] = {
                "done": bar.advance,
                "through": bar.finish,
                "lost": lambda thing: left.update([thing]),
            }
            for job, outcome in enhance_files(jobs, model, **notice, **dials):
                if isinstance(outcome, Exception):
                    failed.append(str(outcome) if str(job.photo) in str(outcome) else f"{job.photo}: {outcome}")
                else:
                    taken[job.photo] = dict(outcome)
                    pixels += bar.pixels[job.photo]
        seconds = time.monotonic() - started
    for reason in failed:
        click.echo(f"kindling: {_printable(reason)}", err=True)
    for thing, count in left.items():
        click.echo(f"kindling: no room in the pictures' kind of file for {thing} ({count} photos)", err=True)
    for photo, numbers in taken.items():
        for name in ("auto", "default"):
            if name in numbers and ("auto" in said or name == "auto"):
                click.echo(f"{_printable(photo)}: ratio auto is {numbers[name]:.2f}")
    there = len(searched.photos) - len(jobs)
    notes = [f"{there} there already or made earlier"] if there else []
    notes += [searched.said()] if searched.said() else []
    into = f"{len(taken)} of {len(searched.photos)} photos enhanced into {_printable(out)}{said}"
    click.echo("; ".join([into, *notes]))
    if taken:
        click.echo(f"{pixels / 1e6:.1f} megapixels in {seconds:.1f} s")
    return 2 if failed else 0


def _said(model, asked, protocol):
    """What was asked of the model, in words."""
    ratios = [default_ratio(model) if ratio == "default" else ratio for ratio in asked]
    numbers = ", ".join(ratio if isinstance(ratio, str) else f"{ratio:g}" for ratio in ratios)
    how = f"protocol {protocol or default_protocol(model)}, {model.runtime} on {model.device}"
    if model.family.ratio is None:
        return f" ({model.family.title}, {how})"
    return f" (ratio {numbers}, {how})"


def _printable(text):
    """A file's name may hold what no terminal, or no encoding of it, can show."""
    return str(text).encode("utf-8", "replace").decode()


def _through_a_pipe(inputs, out, naming, force, opened, dials):
    """One photo from standard input, or to standard output, or both. Nothing else is written to the latter."""
    if len(inputs) > 1:
        raise KindlingError(f"- is one photo, and there are {len(inputs)} inputs")
    if naming.parts or naming.compare or len(naming.ratios) > 1:
        raise KindlingError("through a pipe goes one picture: leave --parts, --compare and further --ratio away")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        photo, name = inputs[0], inputs[0].name
        if str(photo) == PIPE:
            photo = stack.enter_context(received(sys.stdin.buffer))
            name = f"photo.{kind_of(photo.read_bytes()[:START].ljust(START), '')}"
        elif not photo.is_file():
            raise KindlingError(f"{photo}: through a pipe goes one photo, and this is no file")
        target = folder / naming.files(name)[_key(naming)]
        if out != PIPE:
            named = aim(out, [Found(photo)])
            if named is None:
                raise KindlingError(f"{out}: standard input has no name, so name a file, such as -o out.png")
            refuse_existing([named], force)
            target = named
        enhance_file(Job(photo, {_key(naming): target}, naming.ratios), opened(), **dials)
        if out == PIPE:
            sys.stdout.buffer.write(target.read_bytes())
            sys.stdout.buffer.flush()
    return 0


def _key(naming):
    return "enhanced", naming.ratios[0]
