"""`kindling train`: each net of KinD from pairs of photos, with the original's recipe unless told otherwise."""

import contextlib
from pathlib import Path

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
from kindling.losses import expression as objective
from kindling.training import batches as data
from kindling.training import collapse
from kindling.training import loop as training
from kindling.training import previews as tasks
from kindling.training.board import Board
from kindling.training.log import Log, Watch
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


@click.command(cls=_Train)
@click.argument("task", type=click.Choice(list(RECIPES)))
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="Folder with low/ and high/.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Weights go here, in the original's layout."
)
@click.option("--decom", type=click.Path(path_type=Path), help="Trained DecomNet, frozen; default: the one in OUT.")
@options.runtime
@click.option("--epochs", type=click.IntRange(1), help="Default 2000, 2000 and 1000.")
@click.option("--batch", type=click.IntRange(1), help="Default 10, 10 and 4.")
@click.option("--patch", type=click.IntRange(2), help="Pixels; default 48, 48 and 384.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Adam's learning rate; default 1e-4.")
@click.option("--decay", multiple=True, type=_Decay(), help="From this epoch on, lr times this; may be given again.")
@click.option("--images", type=click.IntRange(1), help="Only the first so many pairs; default all, 450 and 466.")
@click.option("--seed", type=click.IntRange(0), default=2019, show_default=True)
@click.option(
    "--shot", type=click.FloatRange(0), default=0.0, help="Restoration: shot noise on low/, variance at white."
)
@click.option("--read", type=click.FloatRange(0), default=0.0, help="Restoration: read noise on low/, deviation.")
@click.option("--cell", type=click.IntRange(2), help="Decomposition: take the loss in squares of so many pixels.")
@click.option("--equal-r", type=click.FloatRange(0), default=0.01, show_default=True, help="Decomposition: its weight.")
@click.option("--loss", metavar="SUM", help='Instead of the original\'s, such as "recon + 0.1*color_cosine".')
@click.option("--features", type=click.Path(path_type=Path), help="VGG16 or VGG19, Keras' .h5: for perceptual.")
@click.option("--start", type=click.Path(path_type=Path), help="Weights to start from, instead of random ones.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Go on with the training in OUT, to the same weights as if never stopped.")
@click.option("--minutes", type=click.FloatRange(0), default=10.0, show_default=True, help="Between checkpoints.")
@click.option(
    "--every", type=click.IntRange(1), default=100, show_default=True, help="Steps between rows of losses.csv."
)
def train(task, folder, out, decom, runtime, start, resume, minutes, every, device, features, **settings):
    """Train DecomNet (decomposition), then Illumination_adjust_net (adjustment) and Restoration_net (restoration).

    The last two look at the photos through the first, which stays as it is. Stop with Ctrl-C at any time.
    `kindling train joint --help` is about training all three together after that.
    """
    recipe = RECIPES[task]
    settings = {k: v if v not in (None, ()) else getattr(recipe, k, v) for k, v in settings.items()}
    target = out / recipe.folder
    _refuse(task, target, resume, settings)
    judged, features = _objective(task, settings, features)
    console = Console(stderr=True)
    pairs = data.load_pairs(data.find_pairs(folder), settings["patch"])
    kinds = {"cell": settings["cell"], "equal_r": settings["equal_r"]} if task == "decomposition" else {}
    if not runtimes.RUNTIMES[runtime].keeps_memory:
        memory.keep_freed()
    trainer = runtimes.trainer(runtime, recipe.net, settings["precision"], device, **judged, **kinds)
    fingerprint, decompose = data.fingerprint(pairs), None
    if task != "decomposition":
        decompose, weights = _frozen(decom or out / RECIPES["decomposition"].folder, runtime)
        fingerprint += weights
    plan = _plan(task, runtime, recipe, settings, len(pairs), fingerprint, features)
    state, begun = training.load_state(target, plan) if resume else (_fresh(trainer, plan.sampling.seed, start), 0)
    trainer.assign(state, begun)
    batch = tasks.feed(plan, pairs, decompose)
    run = trainer.run
    pictures = tasks.pictures(plan, pairs, decompose, run)

    def warn(sentence):
        console.print(f"kindling: warning: {sentence}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        seen, save = (lambda progress: None), (lambda step, state: None)
        if trainer.is_main:
            bar = stack.enter_context(Bar(*columns, console=console, disable=not console.is_terminal))
            shown = bar.add_task(task, total=plan.steps, completed=begun, terms="")

            def show(progress, means):
                terms = {"terms": " ".join(f"{k} {v:.4f}" for k, v in means.items())} if means else {}
                bar.update(shown, completed=progress.step, **terms)

            board = stack.enter_context(Board(target / "board", begun))
            seen = Watch(Log(target, every, begun), board, pictures, show, warn, plan.loss is not None)

            def save(step, state):
                training.save_state(target, state, plan, step)
                _export(out, state["weights"], plan, step)
                seen.draw(step)

            if task == "decomposition" and plan.loss is None:
                _warn_of_collapse(batch, plan, warn)
        stopped = stack.enter_context(training.stoppable())
        done = training.train(plan, trainer, batch, begun, seen, save, minutes, stopped)
    trainer.close()
    if trainer.is_main:
        click.echo(f"{recipe.net}: {done} of {plan.steps} steps done, weights in {target}")
    return 0 if done >= plan.steps else 130


def _refuse(task, target, resume, settings):
    """What can be seen to be wrong before anything is read."""
    if (target / training.STATE).exists() and not resume:
        raise KindlingError(f"{target}: holds a training already; --resume goes on with it, another --out starts anew")
    if target.exists() and any(target.iterdir()) and not resume:
        raise KindlingError(f"{target}: holds weights already, of no training that could go on; give another --out")
    if task != "decomposition" and (settings["cell"] or settings["equal_r"] != 0.01):
        raise KindlingError(f"--cell and --equal-r are for decomposition, not for {task}")
    if settings["cell"] and settings["patch"] % settings["cell"]:
        raise KindlingError(f"--patch {settings['patch']} cannot be cut into squares of --cell {settings['cell']}")
    if task != "restoration" and (settings["shot"] or settings["read"]):
        raise KindlingError(f"--shot and --read are for restoration, not for {task}")
    if settings["loss"] is not None and settings["equal_r"] != 0.01:
        raise KindlingError(
            f"--equal-r is of the original's loss; with --loss write {settings['equal_r']}*equal_r there"
        )
    if task == "restoration" and settings["patch"] < 16 and settings["loss"] is None:
        raise KindlingError(f"--patch {settings['patch']} is too small for SSIM's window of 11 pixels; 16 or more")


def _objective(task, settings, features):
    """What --loss asks for, as options of the trainer, and the fingerprint of its features."""
    if settings["loss"] is None:
        if features:
            raise KindlingError("--features is for the perceptual loss; name that in --loss")
        return {}, None
    found = objective.parse(settings["loss"], task, settings["cell"] or settings["patch"])
    settings["loss"] = str(found)
    if bool(features) != bool(found.perceptual):
        raise KindlingError(
            "perceptual looks through a VGG: name its file, Keras' .h5 or what `kindling convert` made of it, with "
            "--features"
            if found.perceptual
            else f"--features is for perceptual, and --loss {found} has none"
        )
    if not features:
        return {"objective": found}, None
    convert = own("convert")

    weights = convert.read_vgg(features)
    return {"objective": found, "features": weights}, convert.fingerprint(weights)


def _plan(task, runtime, recipe, settings, pairs, fingerprint, features):
    sampling = data.Sampling(
        settings["batch"], settings["patch"], settings["seed"], recipe.shuffle, recipe.modes, settings["images"]
    )
    return Plan(
        task, sampling, pairs, fingerprint, settings["epochs"], settings["lr"], settings["decay"],
        data.Noise(settings["shot"], settings["read"]), runtime, settings["precision"],
        settings["cell"], settings["equal_r"], settings["loss"], features,
    )  # fmt: skip


def _fresh(trainer, seed, start):
    """A state at step 0, with random weights or those in `start`."""
    weights = training.initial_weights({k: array.shape for k, array in trainer.state()["weights"].items()}, seed)
    if start:
        convert = own("convert")

        held = convert.read(start)
        if missing := [name for name in weights if name not in held]:
            raise KindlingError(
                f"{start}: holds {', '.join(convert.nets_in(held))}, and not {missing[0].split('/')[0]}"
            )
        weights = {name: held[name] for name in weights}
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    return {"weights": weights, "m": zeros, "v": zeros}


def _warn_of_collapse(batch, plan, warn):
    cost = np.mean([collapse.degenerate_loss(*batch(step), plan.cell) for step in range(8)])
    said = collapse.warning_before(cost, plan.sampling.batch, plan.sampling.patch)
    if said:
        warn(said)


def _frozen(path, runtime):
    """decompose (n, h, w, 3) -> R, L with the trained DecomNet at `path`, and the fingerprint of its weights."""
    convert = own("convert")
    if not path.exists():
        raise KindlingError(
            f"{path}: there is no trained DecomNet; train decomposition first, or name one with --decom"
        )
    model = runtimes.open_model(path, runtime)
    fingerprint = convert.fingerprint(convert.read(path))
    return (lambda x: model.run("decompose", x)), fingerprint


def _export(out, weights, plan, step):
    """The weights where the original's Saver, the converter and `kindling enhance` look for them."""
    convert = own("convert")

    convert.write(out, weights, {"task": plan.task, "step": str(step)}, force=True)
