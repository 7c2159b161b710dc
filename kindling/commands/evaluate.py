"""`kindling evaluate`: evaluate_LOLdataset.py of the original, with the figures it leaves to others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from kindling import api
from kindling.commands import on_ray, options
from kindling.commands.output import printable, put_text
from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.core.words import ProtocolName
from kindling.enhancing import memory
from kindling.enhancing.render import Tile
from kindling.evaluating import tables
from kindling.evaluating.evaluation import Evaluation
from kindling.evaluating.html import as_html
from kindling.evaluating.metrics import DEFINITIONS
from kindling.evaluating.scores import PROTOCOLS
from kindling.runtimes import RUNTIMES, Precision


@click.command()
@click.argument("folders", nargs=-1, metavar="[LOW HIGH | ROOT]", type=click.Path(path_type=Path))
@click.option("--low", type=click.Path(path_type=Path), help="Take the dark photos from this folder.")
@click.option("--high", type=click.Path(path_type=Path), help="Take the well-lit partners from this folder.")
@click.option(
    "--results", multiple=True, metavar="[NAME=]DIR",
    help="Measure the pictures of another method in DIR, too; several times for several methods.",
)  # fmt: skip
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="Write pictures and figures to this folder."
)
@click.option("--force", is_flag=True, help="Overwrite pictures and figures that are there already.")
@options.model
@click.option(
    "--ratio", type=options.Ratio("auto", "gt"), default="gt", show_default=True,
    help="gt: from the well-lit partner, as the original, so not blind; auto: from the dark photo; or a number.",
)  # fmt: skip
@click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), default="lol", show_default=True,
    help="; ".join(f"{name}: {protocol.what}" for name, protocol in PROTOCOLS.items()) + ".",
)  # fmt: skip
@click.option(
    "--denoise", type=click.FloatRange(0, 1), default=1.0, show_default=True,
    help="Clean by this much; at 0 the restoration net is not needed.",
)  # fmt: skip
@click.option("--gt-mean", is_flag=True, help="Set the brightness to the partner's before measuring; not blind.")
@options.tile
@click.option("--psnr-at-least", type=float, help="Exit with 1 if a mean PSNR is lower.")
@click.option(
    "--table", "kind", type=click.Choice(list(tables.WRITERS)), help="Print the figures as this, in place of the text."
)
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page to look at to this file.")
@on_ray.spread_options
def evaluate(
    folders: tuple[Path, ...], low: Path | None, high: Path | None, results: tuple[str, ...], out: Path, force: bool,
    weights: Path | None, family: str, runtime: str, device: str, precision: Precision,
    ratio: float | Literal["auto", "gt"], protocol: ProtocolName, denoise: float, gt_mean: bool, tile: Tile,
    psnr_at_least: float | None, kind: str | None, html_file: Path | None, **spread: Any,
) -> int:  # fmt: skip
    """Enhance the photos in LOW and measure them against their partners in HIGH.

    Of one folder, ROOT, the layout is recognised: LOL, LOL-v2, low/ and high/, input/ and target/ or gt/. With
    --results and --high alone, only the pictures of other methods are measured. OUT gets <name>_kindle.png, and
    evaluation.csv, .json, .md and .tex: PSNR, SSIM by three definitions, and LPIPS if lpips and torchvision are
    installed. A pair that cannot be measured is reported, the rest goes on, and the exit code is then 2.

    \b
    kindling evaluate LOL/eval15 -o figures/
    kindling evaluate low/ high/ -o figures/ --ratio auto --psnr-at-least 17
    kindling evaluate low/ high/ -o figures/ --html figures.html
    kindling evaluate --results theirs/ --results Ours=mine/ --high eval15/high -o figures/ --table tex
    """
    low, high = _sides(folders, low, high)
    refuse_existing([html_file] if html_file else [], force)
    if low is not None and not RUNTIMES[runtime].keeps_memory:
        memory.keep_freed()
    console = Console(stderr=True)
    seen: list[Evaluation] = []
    with Progress(console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task("evaluating", total=None)

        def progress(evaluation: Evaluation) -> None:
            seen[:] = [evaluation]
            shown.update(task, total=evaluation.total, completed=evaluation.done)

        run = on_ray.evaluation(spread) if on_ray.is_asked(spread) else api.evaluate
        try:
            evaluation = run(
                low, high, model=runtime, weights=weights, family=family, device=device, precision=precision,
                ratio=ratio, protocol=protocol, gt_mean=gt_mean, denoise=denoise, tile=tile, results=results, out=out,
                force=force, progress=progress,
            )  # fmt: skip
        except (KeyboardInterrupt, KindlingError):  # stopped, or a full disk: what was measured is told all the same
            shown.stop()
            if seen:
                _show(seen[0], kind)
                _put(html_file, seen[0])
            raise
    _show(evaluation, kind)
    _put(html_file, evaluation)
    bar = float("-inf") if psnr_at_least is None else psnr_at_least
    psnrs = [(summary, summary.means["psnr"]) for summary in evaluation.summaries]
    short = [(summary, psnr) for summary, psnr in psnrs if psnr is not None and psnr < bar]
    for summary, psnr in short:
        _say(
            f"the mean PSNR of {summary.method} is {psnr:.2f} dB over {summary.images} images, and "
            f"--psnr-at-least asks for {psnr_at_least:g}"
        )
    return 2 if evaluation.failures else int(bool(short))


def _sides(folders: tuple[Path, ...], low: Path | None, high: Path | None) -> tuple[Path | None, Path | None]:
    if len(folders) > 2:
        raise click.UsageError(f"there are {len(folders)} folders; name LOW and HIGH, or one ROOT.")
    for word, side, position in (("--low", low, 0), ("--high", high, 1)):
        if side is not None and len(folders) > position:
            raise click.UsageError(f"{word} {side} and {folders[position]} are one too many.")
    first, second = (*folders, None, None)[:2]
    return first if low is None else low, second if high is None else high


def _say(sentence: str) -> None:
    click.echo(f"kindling: {printable(sentence)}", err=True)


def _put(file: Path | None, evaluation: Evaluation) -> None:
    if file and evaluation.scores:
        put_text(as_html(evaluation), file)


def _show(evaluation: Evaluation, kind: str | None) -> None:
    """What went wrong, then the figures: of one method image by image, of several side by side."""
    for failure in evaluation.failures:
        _say(failure)
    summaries = evaluation.summaries
    tried = f"{len(evaluation.scores)} of {evaluation.total} pictures measured"
    if not summaries:
        click.echo(tried)
        return
    if kind:
        click.echo(evaluation.table(kind).encode("utf-8", "backslashreplace").decode(), nl=False)
        return
    names = [name for name in DEFINITIONS if any(summary.means[name] is not None for summary in summaries)]
    rows: list[tuple[str, Mapping[str, Any]]]
    if len(summaries) == 1:
        rows = [(score.image, vars(score)) for score in evaluation.scores]
        rows.append((f"mean of {summaries[0].images}", summaries[0].means))
        names = ["ratio", *names] if summaries[0].means["ratio"] is not None else names
        table = Table("", *names, box=None, header_style="dim", pad_edge=False)
    else:
        rows = [(summary.method, {"images": summary.images, **summary.means}) for summary in summaries]
        names = ["images", *names]
        table = Table("means of", *names, box=None, header_style="dim", pad_edge=False)
    for title, of in rows:
        table.add_row(Text(printable(title)), *("-" if of[name] is None else f"{of[name]:.4g}" for name in names))
    console = Console(soft_wrap=True)
    console.print(table)
    for note in evaluation.said():
        console.print(printable(note), markup=False, highlight=False)
    console.print(tried, highlight=False)
