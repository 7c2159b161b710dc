"""`--on ray` of `kindling enhance` and `kindling evaluate`: its options, and what is said at the end."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kindling import ray
from kindling.commands.options import Command
from kindling.commands.output import printable
from kindling.enhancing.ratio import default_protocol, default_ratio
from kindling.photos.jobs import Naming
from kindling.ray.run import BATCH
from kindling.runtimes import Precision

__all__ = ["enhance", "evaluation", "is_asked", "options", "spread_options"]


def spread_options(command: Command) -> Command:
    """--on, --address, --actors and --batch"""
    given = (
        click.option("--on", type=click.Choice(["ray"]), help="Spread the work over processes and machines by Ray."),
        click.option(
            "--address", metavar="ADDRESS",
            help="Of a Ray cluster: auto, HOST:PORT, ray://... Default: this machine alone.",
        ),
        click.option(
            "--actors", type=click.IntRange(1), metavar="N",
            help="So many processes on Ray hold the model. Default: one on each GPU, or else on each core.",
        ),
        click.option(
            "--batch", type=click.IntRange(1), metavar="N",
            help=f"A process on Ray takes at most so many photos at a time. Default: {BATCH}.",
        ),
    )  # fmt: skip
    for option in reversed(given):
        command = option(command)
    return command


def options(command: Command) -> Command:
    """Those of `spread_options`, and --to."""
    to = click.option(
        "--to", type=click.Choice(["files", "parquet", "webdataset"]),
        help="With --on ray, write this: files, or Parquet or tar files of a batch of pictures each. Default: files.",
    )  # fmt: skip
    return spread_options(to(command))


def is_asked(spread: Mapping[str, Any]) -> bool:
    """True with --on ray. Raises a usage error for an option that says nothing without it."""
    alone = [f"--{name}" for name, value in spread.items() if name != "on" and value is not None]
    if spread["on"] is None and alone:
        raise click.UsageError(f"{' and '.join(alone)} without --on ray.")
    return spread["on"] == "ray"


def evaluation(spread: Mapping[str, Any]) -> Callable[..., Any]:
    """What takes the place of `kindling.api.evaluate`."""
    return partial(ray.evaluate, address=spread["address"], actors=spread["actors"], batch=spread["batch"] or 1)


def enhance(
    inputs: Sequence[str],
    out: str,
    naming: Naming,
    dials: Mapping[str, Any],
    spread: Mapping[str, Any],
    *,
    weights: Path | None,
    family: str,
    runtime: str,
    device: str,
    precision: Precision,
    recursive: bool,
    force: bool,
    skip_existing: bool,
) -> int:
    """Run it, with a bar on a terminal; say what failed, as in one process. Returns the exit code."""
    if "-" in (*inputs, out):
        raise click.UsageError("Through a pipe goes one photo: leave --on ray away.")
    console = Console(stderr=True)
    columns = (TextColumn("enhancing"), BarColumn(), MofNCompleteColumn(), TextColumn("photos"), TimeRemainingColumn())
    seen: list[ray.Summary] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def progress(summary: ray.Summary) -> None:
            seen[:] = [summary]
            bar.update(task, total=summary.left, completed=summary.done)

        try:
            summary = ray.enhance(
                inputs, out, naming=naming, recursive=recursive, to=spread["to"] or "files", force=force,
                skip_existing=skip_existing, weights=None if weights is None else str(weights), family=family,
                runtime=runtime, device=device, precision=precision, dials=dials, address=spread["address"],
                actors=spread["actors"], batch=spread["batch"] or BATCH, progress=progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            bar.stop()
            if seen:
                _say(seen[0], out, naming, dials)
            raise
    _say(summary, out, naming, dials)
    return 2 if summary.failures else 0


def _say(summary: ray.Summary, out: str, naming: Naming, dials: Mapping[str, Any]) -> None:
    for failure in summary.failures:
        click.echo(f"kindling: {printable(failure)}", err=True)
    for thing, count in summary.lost.items():
        click.echo(f"kindling: no room in the pictures' kind of file for {thing} ({count} photos)", err=True)
    how = _how(summary, summary.weights, naming, dials) if summary.weights else ""
    there = summary.total - summary.left
    notes = [f"{there} there already or made earlier"] if there else []
    notes += [summary.said] if summary.said else []
    into = f"{summary.enhanced} of {summary.total} photos enhanced into {printable(out)}{how}"
    click.echo("; ".join([into, *notes]))
    if summary.enhanced:
        click.echo(f"{summary.pixels / 1e6:.1f} megapixels in {summary.seconds:.1f} s")


def _how(summary: ray.Summary, weights: Any, naming: Naming, dials: Mapping[str, Any]) -> str:
    """What was asked of the models, in words. weights: what a model is, as far as its defaults go."""
    asked = [default_ratio(weights) if ratio == "default" else ratio for ratio in naming.ratios]
    numbers = ", ".join(ratio if isinstance(ratio, str) else f"{ratio:g}" for ratio in asked)
    protocol = default_protocol(weights) if dials["protocol"] == "default" else dials["protocol"]
    actors = f"{summary.actors} actor{'s' if summary.actors > 1 else ''}"
    told = weights.family.title if weights.family.ratio is None else f"ratio {numbers}"
    return f" ({told}, protocol {protocol}, {weights.runtime} on {actors} of Ray)"
