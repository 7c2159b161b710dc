"""`kindling train joint`: all nets together, on the picture that people get, after the original's three trainings."""

import contextlib
import csv
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from kindling import runtimes
from kindling.commands import options
from kindling.core.errors import KindlingError
from kindling.core.packages import own
from kindling.enhancing import memory
from kindling.evaluating.validation import Validation, mean_score
from kindling.families.registry import KIND
from kindling.losses import expression as objectives
from kindling.training import batches as data
from kindling.training import joint
from kindling.training import loop as training
from kindling.training.board import Board
from kindling.training.log import Log
from kindling.training.protocols import State

FOLDER = "joint"  # beside the folders of the nets
SAMPLE = 48  # training pairs that the blind guess of a validation is fitted to


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
@click.option(
    "--loss", metavar="SUM", default=joint.LOSS, show_default=True, help="Of the picture, by its bright partner."
)
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
    target = out / FOLDER
    _refuse(target, resume, settings)
    objective, seen_through, phi = _objective(settings, features)
    pairs = [data.load_pairs(data.find_pairs(folder), settings["patch"]) for folder, _ in folders]
    measured = _validation(kept, pairs)
    start, fingerprint = _weights(init)
    mix = joint.Mix(
        tuple(weight for _, weight in folders), settings["batch"], settings["patch"], settings["seed"],
        settings["noisy"], data.Noise(settings["shot"], settings["read"]), settings["dark"], blind=settings["blind"],
    )  # fmt: skip
    held = joint.Held(settings["adjust"], settings["decompose"], settings["restore"], settings["cell"] or None)
    steps, warm = settings["steps"], settings["warm"]
    cool = max(0, steps - warm) if settings["cool"] is None else settings["cool"]
    prints = [data.fingerprint(some) for some in pairs]
    plan = joint.JointPlan(
        mix, "".join([*prints, fingerprint]), steps, settings["lr"], warm, cool, runtime, settings["precision"],
        settings["loss"], held, settings["decay"], settings["average"], phi, settings["clip"],
    )  # fmt: skip
    if not runtimes.RUNTIMES[runtime].keeps_memory:
        memory.keep_freed()
    trainer = runtimes.trainer(
        runtime,
        objective,
        plan.precision,
        device,
        plan.decay,
        plan.average,
        seen_through,
        plan.held,
        plan.clip,
        joint=True,
    )
    if resume:
        state, begun = training.load_state(target, plan)
    else:
        zeros = {name: np.zeros_like(array) for name, array in start.items()}
        state, begun = {"weights": start, "m": zeros, "v": zeros, "ema": start}, 0
    known = _measured(target, pairs, prints, start, fingerprint, trainer)
    trainer.assign(state, begun)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Bar(*columns, console=console, disable=not console.is_terminal))
        shown = bar.add_task("joint", total=plan.steps, completed=begun, terms="")
        board = stack.enter_context(Board(target / "board", begun))
        log = Log(target, every, begun)
        scores = _Scores(target, out, measured, begun, plan)

        def seen(progress: training.Progress) -> None:
            means = log(progress)
            bar.update(shown, completed=progress.step)
            if means:
                bar.update(shown, terms=" ".join(f"{k} {v:.4f}" for k, v in means.items()))
                board.numbers(progress.step, {f"loss/{k}": v for k, v in means.items()} | {"lr": progress.lr})
            if measured and (progress.step % validate == 0 or progress.step == plan.steps):
                figures = scores(progress.step, trainer.run, trainer)
                board.numbers(progress.step, {f"val/{name}": value for name, value in figures.items()})

        def save(step: int, state: State) -> None:
            training.save_state(target, state, plan, step)
            _export(out, state["ema"], plan, step)

        stopped = stack.enter_context(training.stoppable())
        batch = partial(joint.batch, pairs, known, joint.guesses(known, mix.weights), mix)
        done = training.train(plan, trainer, batch, begun, seen, save, minutes, stopped)
    trainer.close()
    click.echo(f"joint: {done} of {plan.steps} steps done, weights in {out}")
    return 0 if done >= plan.steps else 130


class _Scores:
    """target/validation.csv: a row of figures each time; and the best weights beside the last, in out/best."""

    def __init__(self, target, out, measured, begun, plan):
        self.path, self.best, self.measured, self.plan = target / "validation.csv", out / "best", measured, plan
        rows = []
        if begun and self.path.is_file():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["step"]) <= begun]
        self.rows = rows
        self._write()

    def __call__(self, step, run, trainer):
        figures = self.measured(run)
        score = mean_score(figures)
        best = max((float(row["score"]) for row in self.rows), default=float("-inf"))
        self.rows.append({"step": step, "score": f"{score:.4f}", **{k: f"{v:.4f}" for k, v in figures.items()}})
        self._write()
        if score > best:
            _export(self.best, trainer.state()["ema"], self.plan, step)
        return figures | {"score": score}

    def _write(self):
        if not self.rows:
            return
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _refuse(target, resume, settings):
    """What can be seen to be wrong before anything is read."""
    if (target / training.STATE).exists() and not resume:
        raise KindlingError(f"{target}: holds a training already; --resume goes on with it, another --out starts anew")
    laid = [str(target.parent / net.folder) for net in KIND.nets if (target.parent / net.folder).exists()]
    if laid and not resume:
        raise KindlingError.of("weights are there already, and would be overwritten", laid, "give another --out")
    if settings["cell"] and settings["patch"] % settings["cell"]:
        raise KindlingError(f"--patch {settings['patch']} cannot be cut into squares of --cell {settings['cell']}")


def _objective(settings, features):
    """What --loss asks for, the weights of its features, and their fingerprint."""
    found = objectives.parse(settings["loss"], "joint", settings["patch"])
    settings["loss"] = str(found)
    if bool(features) != bool(found.perceptual):
        raise KindlingError("perceptual in --loss and a VGG in --features go together: give both or neither")
    if not features:
        return found, None, None
    convert = own("convert")
    weights = convert.read_vgg(features)
    return found, weights, convert.fingerprint(weights)


def _validation(kept, pairs):
    if not kept:
        return None
    names = [path.name if path.name not in ("val", "train") else path.parent.name for path in kept]
    if len(set(names)) < len(names):
        raise KindlingError(f"--val: {', '.join(names)} are not all different; their names head the columns of figures")
    every = [pair for some in pairs for pair in some]
    sample = every[:: max(1, len(every) // SAMPLE)]
    return Validation(
        {name: data.load_pairs(data.find_pairs(path), 11) for name, path in zip(names, kept, strict=True)}, sample
    )


def _weights(init):
    convert = own("convert")
    held = convert.read(init)
    nets = convert.nets_in(held)
    if len(nets) < 3:
        raise KindlingError(f"{init}: holds {', '.join(nets)}; a joint training starts from weights of all three nets")
    return held, convert.fingerprint(held)


def _measured(target, pairs, prints, start, fingerprint, trainer):
    """Of each folder's pairs, by the first weights; kept in target/measured.npz, since it never changes."""
    path = target / "measured.npz"
    key = ["".join([some, fingerprint]) for some in prints]
    if path.is_file():
        with np.load(path) as stored:
            if list(stored["key"]) == key:
                return [
                    [joint.Measured(stored[f"ratios/{k}/{n}"], stored[f"numbers/{k}/{n}"]) for n in range(len(some))]
                    for k, some in enumerate(pairs)
                ]
    zeros = {name: np.zeros_like(array) for name, array in start.items()}
    trainer.assign({"weights": start, "m": zeros, "v": zeros, "ema": start}, 0)
    known = [[joint.measure(low, high, partial(trainer.run, "decompose")) for low, high in some] for some in pairs]
    target.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{part}/{k}/{n}": getattr(pair, part)
        for k, some in enumerate(known)
        for n, pair in enumerate(some)
        for part in ("ratios", "numbers")
    }
    np.savez(path, key=np.array(key), **arrays)
    return known


def _export(out, weights, plan, step):
    """The weights where the original's Saver, the converter and `kindling enhance` look for them."""
    convert = own("convert")
    convert.write(out, weights, {"task": plan.task, "step": str(step)}, force=True)
