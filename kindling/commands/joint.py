"""`kindling train joint`: all nets together, on the picture that people get, after the original's three trainings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from kindling import api
from kindling.commands import options
from kindling.enhancing import memory
from kindling.runtimes import RUNTIMES
from kindling.training.joint import LOSS, JointPlan
from kindling.training.loop import Progress

SHARE = click.FloatRange(0, 1)
WEIGHT = click.FloatRange(0)


@click.command()
@click.option(
    "--data",
    "folders",
    multiple=True,
    required=True,
    type=options.Weighted(),
    help="low/ and high/; may be given again.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Weights go here, in the original's layout."
)
@click.option("--init", required=True, type=click.Path(path_type=Path), help="Weights of all three nets to start from.")
@click.option(
    "--val", "kept", multiple=True, type=click.Path(path_type=Path), help="Pairs to measure by; may be given again."
)
@options.runtime
@click.option("--steps", type=click.IntRange(1), default=10000, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=3, show_default=True)
@click.option("--patch", type=click.IntRange(16), default=128, show_default=True, help="Pixels.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), default=4e-4, show_default=True)
@click.option("--warm", type=click.IntRange(0), default=500, show_default=True, help="Steps in which the rate rises.")
@click.option(
    "--cool", type=click.IntRange(0), help="Last steps, in which it falls to 0; default: all but the warm ones."
)
@click.option("--decay", type=WEIGHT, default=0.0, show_default=True, help="AdamW's weight decay.")
@click.option(
    "--clip", type=click.FloatRange(0, min_open=True), default=3.0, show_default=True, help="The longest gradient."
)
@click.option(
    "--average",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.999,
    show_default=True,
    help="Of the weights: the share kept.",
)
@click.option("--loss", metavar="SUM", default=LOSS, show_default=True, help="Of the picture, by its bright partner.")
@click.option("--adjust", type=WEIGHT, default=0.1, show_default=True, help="Weight of the illumination's own term.")
@click.option(
    "--decompose", type=WEIGHT, default=0.3, show_default=True, help="Weight of the decomposition's own loss."
)
@click.option("--restore", type=WEIGHT, default=0.1, show_default=True, help="Weight of the reflectance's own term.")
@click.option("--cell", type=click.IntRange(0), default=64, show_default=True, help="Its squares, in pixels; 0: none.")
@click.option(
    "--noisy", type=SHARE, default=0.25, show_default=True, help="Share of the pairs with noise added to low/."
)
@click.option("--shot", type=WEIGHT, default=0.004, show_default=True, help="Its variance at white, at most.")
@click.option("--read", type=WEIGHT, default=0.03, show_default=True, help="Its deviation in the dark, at most.")
@click.option("--dark", type=SHARE, default=0.0, show_default=True, help="Share of patches darkened by a camera model.")
@click.option(
    "--blind", type=SHARE, default=0.0, show_default=True, help="Share of pairs whose ratio is guessed, not given."
)
@click.option("--seed", type=click.IntRange(0), default=2019, show_default=True)
@click.option("--features", type=click.Path(path_type=Path), help="VGG16 or VGG19, Keras' .h5: for perceptual.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@options.device
@click.option("--resume", is_flag=True, help="Go on with the training in OUT, to the same weights as if never stopped.")
@click.option("--minutes", type=click.FloatRange(0), default=10.0, show_default=True, help="Between checkpoints.")
@click.option(
    "--every", type=click.IntRange(1), default=100, show_default=True, help="Steps between rows of losses.csv."
)
@click.option("--validate", type=click.IntRange(1), default=1000, show_default=True, help="Steps between measurements.")
def command(
    folders: tuple[tuple[Path, float], ...], out: Path, init: Path, kept: tuple[Path, ...], runtime: str, resume: bool,
    minutes: float, every: int, validate: int, device: str, features: Path | None, **settings: Any,
) -> int:  # fmt: skip
    """Train all nets together on the picture that people get: restored R times adjusted L, against the bright photo.

    What is written is the weights' average along the way, in OUT; the best by --val is kept in OUT/best.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )  # fmt: skip
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:

        def started(plan: JointPlan, step: int) -> None:
            bar.add_task("joint", total=plan.steps, completed=step, terms="")

        def show(progress: Progress, means: Mapping[str, float] | None) -> None:
            bar.update(bar.task_ids[0], completed=progress.step)
            if means:
                bar.update(bar.task_ids[0], terms=" ".join(f"{k} {v:.4f}" for k, v in means.items()))

        if not RUNTIMES[runtime].keeps_memory:
            memory.keep_freed()
        done = api.train(
            "joint", folders, out, runtime=runtime, init=init, val=kept, features=features, resume=resume,
            minutes=minutes, every=every, validate=validate, device=device, started=started, progress=show, **settings,
        )  # fmt: skip
    click.echo(f"joint: {done.steps} of {done.of} steps done, weights in {out}")
    return 0 if done.steps >= done.of else 130
