"""`kindling train`: each net of KinD from pairs of photos, with the original's recipe unless told otherwise."""

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
from kindling.training.loop import Progress
from kindling.training.plan import RECIPES, Plan


class _Decay(click.ParamType):
    name = "EPOCH:FACTOR"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        epoch, _, factor = value.partition(":")
        try:
            return int(epoch), float(factor)
        except ValueError:
            self.fail(f"{value!r} is not EPOCH:FACTOR, as in 800:0.5", param, ctx)


class _Train(click.Command):
    """`kindling train joint` is a command of its own, because it is fed and steered differently."""

    def make_context(self, info_name, args, parent=None, **extra):
        if args[:1] == ["joint"]:
            from kindling.commands.joint import command

            return command.make_context(f"{info_name} joint", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


EXAMPLES = """\b
Examples:
  kindling train decomposition --data pairs/ --out nets/
  kindling train restoration --data pairs/ --out nets/ --shot 0.004 --read 0.03
"""


@click.command(cls=_Train, epilog=EXAMPLES)
@click.argument("task", type=click.Choice(list(RECIPES)))
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="Read low/ and high/ in it.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Write the weights here, in the original's layout."
)
@click.option(
    "--decom", type=click.Path(path_type=Path), help="Look through this trained DecomNet; default: the one in OUT."
)
@click.option("--start", type=click.Path(path_type=Path), help="Start from these weights instead of random ones.")
@click.option("--resume", is_flag=True, help="Go on with the training in OUT, to the same weights as if never stopped.")
@options.runtime
@options.device
@click.option(
    "--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True,
    help="Compute the nets in this; weights, loss and optimizer stay float32.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Pass over the pairs so often; default 2000, 2000 and 1000.")
@click.option("--batch", type=click.IntRange(1), help="Take so many patches a step; default 10, 10 and 4.")
@click.option("--patch", type=click.IntRange(2), help="Cut patches of so many pixels; default 48, 48 and 384.")
@click.option("--images", type=click.IntRange(1), help="Use only the first so many pairs; default all, 450 and 466.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Set Adam's learning rate; default 1e-4.")
@click.option("--decay", multiple=True, type=_Decay(), help="Multiply lr by this from this epoch on; may be repeated.")
@click.option("--seed", type=click.IntRange(0), default=2019, show_default=True, help="Draw all chance from this.")
@click.option("--loss", metavar="SUM", help='Minimise this instead, such as "recon + 0.1*color_cosine".')
@click.option("--features", type=click.Path(path_type=Path), help="Look through this VGG16 or VGG19 for `perceptual`.")
@click.option("--cell", type=click.IntRange(2), help="Take the loss in squares of so many pixels (decomposition only).")
@click.option(
    "--equal-r", type=click.FloatRange(0), default=0.01, show_default=True,
    help="Weigh the equal_r term by this (decomposition only).",
)  # fmt: skip
@click.option(
    "--shot", type=click.FloatRange(0), default=0.0, help="Add shot noise of this variance at white (restoration only)."
)
@click.option(
    "--read", type=click.FloatRange(0), default=0.0, help="Add read noise of this deviation (restoration only)."
)
@click.option(
    "--minutes", type=click.FloatRange(0), default=10.0, show_default=True, help="Write a checkpoint so often."
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Write a row of losses.csv so often, in steps.",
)
def train(
    task: str, folder: Path, out: Path, decom: Path | None, runtime: str, start: Path | None, resume: bool,
    minutes: float, every: int, device: str, features: Path | None, **settings: Any,
) -> int:  # fmt: skip
    """Train DecomNet (decomposition), then Illumination_adjust_net (adjustment) and Restoration_net (restoration).

    The last two look at the photos through the first, which stays as it is. Stop with Ctrl-C at any time.
    `kindling train joint --help` is about training all three together after that.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )  # fmt: skip

    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:

        def started(plan: Plan, step: int) -> None:
            bar.add_task(task, total=plan.steps, completed=step, terms="")

        def show(progress: Progress, means: Mapping[str, float] | None) -> None:
            bar.update(bar.task_ids[0], completed=progress.step)
            if means:
                bar.update(bar.task_ids[0], terms=" ".join(f"{k} {v:.4f}" for k, v in means.items()))

        def warn(sentence: str) -> None:
            said = f"kindling: warning: {sentence}"
            console.print(said, style="yellow", markup=False, highlight=False, soft_wrap=True)

        if not RUNTIMES[runtime].keeps_memory:
            memory.keep_freed()
        done = api.train(
            task, folder, out, runtime=runtime, decom=decom, start=start, features=features, resume=resume,
            minutes=minutes, every=every, device=device, started=started, progress=show, warn=warn, **settings,
        )  # fmt: skip
    if done.is_main:
        click.echo(f"{done.net}: {done.steps} of {done.of} steps done, weights in {done.folder}")
    return 0 if done.steps >= done.of else 130
