"""One training of a net of KinD from beginning to end, as `kindling train` and `kindling.api.train` run it.

Photos in, weights out in the original's layout, with a state to go on from, curves and pictures beside them. What is
outside this room comes in by `Doors`: the framework that does the steps, and the files of weights.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.checks import check_choice
from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.losses import expression
from kindling.training import batches, collapse, loop, previews
from kindling.training.board import Board
from kindling.training.log import Log, Watch
from kindling.training.plan import RECIPES, Plan, Recipe
from kindling.training.protocols import State, Trainer

__all__ = ["SETTINGS", "Done", "Doors", "train"]

# What can be set of a training, and what it is if neither a person nor the recipe says.
SETTINGS: Mapping[str, Any] = {
    "epochs": None, "batch": None, "patch": None, "lr": None, "decay": (), "images": None, "seed": 2019, "shot": 0.0,
    "read": 0.0, "cell": None, "equal_r": 0.01, "loss": None, "precision": "float32",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a training needs from higher floors."""

    runtime: str
    trainer: Callable[..., Trainer]
    """(net, precision, device, **options) -> what does the steps: kind_torch.train.Trainer or kind_tf's."""
    joint_trainer: Callable[..., Trainer]
    """(objective, precision, device, decay, average, features, own terms, clip) -> what trains all nets together."""
    open_model: Callable[[Path], Model]
    """The frozen DecomNet in a file."""
    read: Callable[[Path], dict[str, Array]]
    read_vgg: Callable[[Path], dict[str, Array]]
    write: Callable[[Path, Mapping[str, Array], Mapping[str, str]], None]
    """(folder, variables, metadata): the original's layout, over what was there."""
    fingerprint: Callable[[Mapping[str, Array]], str]


@dataclass(frozen=True, kw_only=True)
class Done:
    """How far a training came. `steps` of `of`; fewer if it was stopped."""

    net: str
    folder: Path
    steps: int
    of: int
    is_main: bool = True
    """Of several processes, the one that wrote."""


def train(
    task: str,
    data: Path,
    out: Path,
    doors: Doors,
    *,
    decom: Path | None = None,
    start: Path | None = None,
    features: Path | None = None,
    resume: bool = False,
    minutes: float = 10.0,
    every: int = 100,
    device: str = "auto",
    started: Callable[[Plan, int], None] = lambda plan, step: None,
    progress: Callable[[loop.Progress, Mapping[str, float] | None], None] = lambda progress, means: None,
    warn: Callable[[str], None] = lambda sentence: None,
    **settings: Any,
) -> Done:
    """Train one net: "decomposition", then "adjustment" and "restoration", which look through the first.

    data: a folder with low/ and high/. out: where the weights go, in the original's layout. decom: the trained
    DecomNet, by default the one in `out`. start: weights to start from instead of random ones. features: a VGG for a
    perceptual loss. minutes: between states; every: steps between rows of losses.csv. settings: any of SETTINGS. The
    first Ctrl-C or SIGTERM ends it after the step at hand, with a state to resume. Raises KindlingError for whatever
    can be seen to be wrong, before any step.
    """
    check_choice("task", task, tuple(RECIPES))
    recipe = RECIPES[task]
    strangers = settings.keys() - SETTINGS.keys()
    if strangers:
        raise KindlingError(f"a training has no setting {', '.join(sorted(strangers))}; it has {', '.join(SETTINGS)}")
    given = {key: value for key, value in settings.items() if value not in (None, ())}
    chosen = {key: given.get(key, getattr(recipe, key, default)) for key, default in SETTINGS.items()}
    target = out / recipe.folder
    _refuse(task, target, resume, chosen)
    judged, phi = _objective(task, chosen, features, doors)
    pairs = batches.load_pairs(batches.find_pairs(data), chosen["patch"])
    kinds = {"cell": chosen["cell"], "equal_r": chosen["equal_r"]} if task == "decomposition" else {}
    trainer = doors.trainer(recipe.net, chosen["precision"], device, **judged, **kinds)
    fingerprint, decompose = batches.fingerprint(pairs), None
    if task != "decomposition":
        decompose, weights = _frozen(decom or out / RECIPES["decomposition"].folder, doors)
        fingerprint += weights
    plan = _plan(task, doors.runtime, recipe, chosen, len(pairs), fingerprint, phi)
    state, begun = loop.load_state(target, plan) if resume else (_fresh(trainer, plan.sampling.seed, start, doors), 0)
    trainer.assign(state, begun)
    batch = previews.feed(plan, pairs, decompose)
    with contextlib.ExitStack() as stack:
        seen, save = (lambda progress: None), (lambda step, state: None)
        if trainer.is_main:
            started(plan, begun)
            board = stack.enter_context(Board(target / "board", begun))
            pictures = previews.pictures(plan, pairs, decompose, trainer.run)
            seen = Watch(Log(target, every, begun), board, pictures, progress, warn, plan.loss is not None)

            def save(step: int, state: State) -> None:
                loop.save_state(target, state, plan, step)
                doors.write(out, state["weights"], {"task": task, "step": str(step)})
                seen.draw(step)

            if task == "decomposition" and plan.loss is None:
                _warn_of_collapse(batch, plan, warn)
        stopped = stack.enter_context(loop.stoppable())
        done = loop.train(plan, trainer, batch, begun, seen, save, minutes, stopped)
    trainer.close()
    return Done(net=recipe.net, folder=target, steps=done, of=plan.steps, is_main=trainer.is_main)


def _refuse(task: str, target: Path, resume: bool, settings: Mapping[str, Any]) -> None:
    """What can be seen to be wrong before anything is read."""
    if (target / loop.STATE).exists() and not resume:
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


def _objective(
    task: str, settings: dict[str, Any], features: Path | None, doors: Doors
) -> tuple[dict[str, Any], str | None]:
    """What --loss asks for, as options of the trainer, and the fingerprint of its features."""
    if settings["loss"] is None:
        if features:
            raise KindlingError("--features is for the perceptual loss; name that in --loss")
        return {}, None
    found = expression.parse(settings["loss"], task, settings["cell"] or settings["patch"])
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
    weights = doors.read_vgg(features)
    return {"objective": found, "features": weights}, doors.fingerprint(weights)


def _plan(
    task: str,
    runtime: str,
    recipe: Recipe,
    settings: Mapping[str, Any],
    pairs: int,
    fingerprint: str,
    features: str | None,
) -> Plan:
    sampling = batches.Sampling(
        batch=settings["batch"],
        patch=settings["patch"],
        seed=settings["seed"],
        shuffle=recipe.shuffle,
        modes=recipe.modes,
        images=settings["images"],
    )
    return Plan(
        task=task,
        sampling=sampling,
        pairs=pairs,
        data=fingerprint,
        noise=batches.Noise(settings["shot"], settings["read"]),
        backend=runtime,
        features=features,
        **{name: settings[name] for name in ("epochs", "lr", "decay", "precision", "cell", "equal_r", "loss")},
    )


def _fresh(trainer: Trainer, seed: int, start: Path | None, doors: Doors) -> State:
    """A state at step 0, with random weights or those in `start`."""
    weights = loop.initial_weights({k: array.shape for k, array in trainer.state()["weights"].items()}, seed)
    if start:
        given = doors.read(start)
        if missing := [name for name in weights if name not in given]:
            nets = ", ".join(dict.fromkeys(name.split("/")[0] for name in given))
            raise KindlingError(f"{start}: holds {nets}, and not {missing[0].split('/')[0]}")
        weights = {name: given[name] for name in weights}
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    return {"weights": weights, "m": zeros, "v": zeros}


def _warn_of_collapse(batch: Callable[[int], tuple[Array, ...]], plan: Plan, warn: Callable[[str], None]) -> None:
    batches_seen = ((low, high) for low, high in map(batch, range(8)))
    cost = float(np.mean([collapse.degenerate_loss(low, high, plan.cell) for low, high in batches_seen]))
    said = collapse.warning_before(cost, plan.sampling.batch, plan.sampling.patch)
    if said:
        warn(said)


def _frozen(path: Path, doors: Doors) -> tuple[previews.Decompose, str]:
    """decompose (n, h, w, 3) -> R, L with the trained DecomNet at `path`, and the fingerprint of its weights."""
    if not path.exists():
        raise KindlingError(
            f"{path}: there is no trained DecomNet; train decomposition first, or name one with --decom"
        )
    model = doors.open_model(path)
    fingerprint = doors.fingerprint(doors.read(path))

    def decompose(x: Array) -> tuple[Array, Array]:
        R, L = model.run("decompose", x)
        return R, L

    return decompose, fingerprint
