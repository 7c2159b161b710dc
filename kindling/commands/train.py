"""`kindling train`: each net of KinD from pairs of photos, with the original's recipe unless told otherwise."""

import hashlib
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from kindling import data, training
from kindling.errors import KindlingError
from kindling.frameworks import import_framework
from kindling.recipes import RECIPES, Plan


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


@click.command()
@click.argument("task", type=click.Choice(list(RECIPES)))
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="Folder with low/ and high/.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Weights go here, in the original's layout."
)
@click.option("--decom", type=click.Path(path_type=Path), help="Trained DecomNet, frozen; default: the one in OUT.")
@click.option("--backend", type=click.Choice(["torch", "tf"]), default="torch", show_default=True)
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
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Go on with the training in OUT, to the same weights as if never stopped.")
@click.option("--minutes", type=click.FloatRange(0), default=10.0, show_default=True, help="Between checkpoints.")
@click.option(
    "--every", type=click.IntRange(1), default=100, show_default=True, help="Steps between rows of losses.csv."
)
def train(task, folder, out, decom, backend, resume, minutes, every, device, **settings):
    """Train DecomNet (decomposition), then Illumination_adjust_net (adjustment) and Restoration_net (restoration).

    The last two look at the photos through the first, which stays as it is. Stop with Ctrl-C at any time.
    """
    recipe = RECIPES[task]
    settings = {k: v if v not in (None, ()) else getattr(recipe, k, v) for k, v in settings.items()}
    target = out / recipe.folder
    if (target / training.STATE).exists() and not resume:
        raise KindlingError(f"{target}: holds a training already; --resume goes on with it, another --out starts anew")
    console = Console(stderr=True)
    pairs = data.load_pairs(data.find_pairs(folder), settings["patch"])
    trainer = _trainer(backend, recipe.net, settings["precision"], device)
    digest = hashlib.sha256()
    for pair in pairs:
        for photo in pair:
            digest.update(photo.pixels.tobytes())
    decompose = None
    if task != "decomposition":
        decompose, fingerprint = _frozen(decom or out / RECIPES["decomposition"].folder, trainer, backend)
        digest.update(fingerprint.encode())
    sampling = data.Sampling(
        settings["batch"], settings["patch"], settings["seed"], recipe.shuffle, recipe.modes, settings["images"]
    )
    noise = data.Noise(settings["shot"], settings["read"])
    plan = Plan(
        task, sampling, len(pairs), digest.hexdigest(), settings["epochs"], settings["lr"], settings["decay"], noise,
        backend, settings["precision"],
    )  # fmt: skip
    if resume:
        state, start = training.load_state(target, plan)
    else:
        shapes = {name: array.shape for name, array in trainer.state()["weights"].items()}
        weights = training.initial_weights(shapes, sampling.seed)
        zeros = {name: np.zeros_like(array) for name, array in weights.items()}
        state, start = {"weights": weights, "m": zeros, "v": zeros}, 0
    trainer.assign(state, start)
    batch = _batches(task, pairs, decompose, plan)

    def save(step):
        if trainer.is_main:
            state = trainer.state()
            training.save_state(target, state, plan, step)
            _export(out, state["weights"], plan, step)

    log = training.Log(target, every, start)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}"),
    )  # fmt: skip
    with training.stoppable() as stopped, Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        shown = bar.add_task(task, total=plan.steps, completed=start, terms="")

        def seen(progress):
            means = log(progress)
            bar.update(shown, completed=progress.step)
            if means:
                bar.update(shown, terms=" ".join(f"{name} {value:.4f}" for name, value in means.items()))

        done = training.train(plan, trainer, batch, start, seen, save, minutes, stopped)
    click.echo(f"{recipe.net}: {done} of {plan.steps} steps done, weights in {target}")
    return 0 if done == plan.steps else 130


def _trainer(backend, net, precision, device):
    if backend == "tf":
        import_framework("tensorflow", "--backend tf")
        from kind_tf.train import Trainer
    else:
        import_framework("torch", "--backend torch")
        from kind_torch.train import Trainer
    return Trainer(net, precision, device)


def _frozen(path, trainer, backend):
    """decompose (n, h, w, 3) -> R, L with the trained DecomNet at `path`, and the fingerprint of its weights."""
    import importlib

    import convert
    from kindling.commands.backends import open_backend

    if not path.exists():
        raise KindlingError(
            f"{path}: there is no trained DecomNet; train decomposition first, or name one with --decom"
        )
    opened = open_backend(backend, path)
    fingerprint = convert.fingerprint(convert.read(path))
    run = importlib.import_module(f"kind_{backend}.arrays").run
    return (lambda x: run(opened.kind, "decompose", x)), fingerprint


def _batches(task, pairs, decompose, plan):
    """step -> its batch; what the frozen DecomNet makes of the photos is computed once, here."""
    if task == "decomposition":
        return lambda step: data.decomposition_batch(pairs, plan.sampling, step)
    if task == "adjustment":
        lights = [tuple(decompose(photo.cut()[np.newaxis])[1][0] for photo in pair) for pair in pairs]
        return lambda step: data.adjustment_batch(lights, plan.sampling, step)
    targets = [decompose(high.cut()[np.newaxis])[0][0] for _, high in pairs]
    return lambda step: data.restoration_batch(pairs, targets, decompose, plan.noise, plan.sampling, step)


def _export(out, weights, plan, step):
    """The weights where the original's Saver, the converter and `kindling enhance` look for them."""
    import convert

    convert.write(out, weights, {"task": plan.task, "step": str(step)}, force=True)
