"""A joint training from beginning to end, as `kindling train joint` and `kindling.train("joint", ...)` run it.

Photos and weights of all three nets in; the weights' average along the way out, in the original's layout, the best by
the pairs that were kept apart beside them, with a state to go on from and curves. What is outside this room comes in by
`Doors`.
"""

import contextlib
import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.families.registry import KIND
from kindling.losses import expression
from kindling.photos.photo import Photo
from kindling.training import batches, joint, loop
from kindling.training.board import Board
from kindling.training.log import Log
from kindling.training.protocols import State, Trainer
from kindling.training.run import Done, Doors

__all__ = ["SETTINGS", "Pairs", "Validate", "train"]

FOLDER = "joint"  # beside the folders of the nets
SAMPLE = 48  # training pairs that the blind guess of a validation is fitted to

# What can be set of a joint training, and what it is if nobody says.
SETTINGS: Mapping[str, Any] = {
    "steps": 10000, "batch": 3, "patch": 128, "lr": 4e-4, "warm": 500, "cool": None, "decay": 0.0, "clip": 3.0,
    "average": 0.999, "loss": joint.LOSS, "adjust": 0.1, "decompose": 0.3, "restore": 0.1, "cell": 64, "noisy": 0.25,
    "shot": 0.004, "read": 0.03, "dark": 0.0, "blind": 0.0, "seed": 2019, "precision": "float32",
}  # fmt: skip

Pairs = Sequence[tuple[Photo, Photo]]
Figures = Mapping[str, float]
Validate = Callable[[Mapping[str, Pairs], Pairs], Callable[[Callable[..., tuple[Array, ...]]], Figures]]
"""(pairs kept apart, by the names that head their columns; a sample of those trained on) -> figures of a KinD's run."""


def train(
    data: Sequence[tuple[Path, float]],
    out: Path,
    doors: Doors,
    *,
    init: Path,
    val: Sequence[Path] = (),
    validation: Validate | None = None,
    features: Path | None = None,
    resume: bool = False,
    minutes: float = 10.0,
    every: int = 100,
    validate: int = 1000,
    device: str = "auto",
    started: Callable[[joint.JointPlan, int], None] = lambda plan, step: None,
    progress: Callable[[loop.Progress, Mapping[str, float] | None], None] = lambda progress, means: None,
    **settings: Any,
) -> Done:
    """Train all nets together on the picture that people get.

    data: folders with low/ and high/, each with its weight in the mix. out: where the weights go. init: weights of all
    three nets to start from. val: folders of pairs to measure by, with `validation`, every `validate` steps; the best
    weights are kept in out/best. features: a VGG for a perceptual loss. minutes: between states; every: steps between
    rows of losses.csv. settings: any of SETTINGS. The first Ctrl-C or SIGTERM ends it after the step at hand, with a
    state to resume. Raises KindlingError for whatever can be seen to be wrong, before any step.
    """
    strangers = settings.keys() - SETTINGS.keys()
    if strangers:
        raise KindlingError(
            f"a joint training has no setting {', '.join(sorted(strangers))}; it has {', '.join(SETTINGS)}"
        )
    chosen = {**SETTINGS, **settings}
    target = out / FOLDER
    _refuse(target, resume, chosen)
    objective, seen_through, phi = _objective(chosen, features, doors)
    pairs = [batches.load_pairs(batches.find_pairs(folder), chosen["patch"]) for folder, _ in data]
    measured = _validation(val, pairs, validation) if val else None
    start, fingerprint = _weights(init, doors)
    prints = [batches.fingerprint(some) for some in pairs]
    plan = _plan(chosen, [weight for _, weight in data], "".join([*prints, fingerprint]), phi, doors.runtime)
    trainer = doors.joint_trainer(
        objective, plan.precision, device, plan.decay, plan.average, seen_through, plan.own_terms, plan.clip
    )
    fresh = _fresh(start)
    state, begun = loop.load_state(target, plan) if resume else (fresh, 0)
    known = _measured(target, pairs, prints, fresh, fingerprint, trainer)
    trainer.assign(state, begun)
    started(plan, begun)
    with contextlib.ExitStack() as stack:
        board = stack.enter_context(Board(target / "board", begun))
        log = Log(target, every, begun)
        scores = _Scores(target, begun)

        def write(folder: Path, weights: Mapping[str, Array], step: int) -> None:
            doors.write(folder, weights, {"task": plan.task, "step": str(step)})

        def seen(now: loop.Progress) -> None:
            means = log(now)
            if means:
                board.numbers(now.step, {f"loss/{k}": v for k, v in means.items()} | {"lr": now.lr})
            if measured and (now.step % validate == 0 or now.step == plan.steps):
                figures = measured(trainer.run)
                best, score = scores.add(now.step, figures)
                if best:
                    write(out / "best", trainer.state()["ema"], now.step)
                board.numbers(now.step, {f"val/{name}": value for name, value in {**figures, "score": score}.items()})
            progress(now, means)

        def save(step: int, state: State) -> None:
            loop.save_state(target, state, plan, step)
            write(out, state["ema"], step)

        stopped = stack.enter_context(loop.stoppable())
        batch = partial(joint.batch, pairs, known, joint.guesses(known, plan.mix.weights), plan.mix)
        done = loop.train(plan, trainer, batch, begun, seen, save, minutes, stopped)
    trainer.close()
    return Done(net="joint", folder=out, steps=done, of=plan.steps, is_main=trainer.is_main)


class _Scores:
    """target/validation.csv: a row of figures each time."""

    def __init__(self, target: Path, begun: int):
        self.path = target / "validation.csv"
        self.rows: list[dict[str, str]] = []
        if begun and self.path.is_file():
            with self.path.open(newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= begun]
        self._write()

    def add(self, step: int, figures: Figures) -> tuple[bool, float]:
        """Whether these are the best so far, and their score: PSNR, with a ratio and blind, over all folders alike."""
        score = float(np.mean([value for name, value in figures.items() if name.endswith("psnr")]))
        best = max((float(row["score"]) for row in self.rows), default=float("-inf"))
        row = {"step": str(step), "score": f"{score:.4f}", **{name: f"{value:.4f}" for name, value in figures.items()}}
        self.rows.append(row)
        self._write()
        return score > best, score

    def _write(self) -> None:
        if not self.rows:
            return
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _refuse(target: Path, resume: bool, settings: Mapping[str, Any]) -> None:
    """What can be seen to be wrong before anything is read."""
    if (target / loop.STATE).exists() and not resume:
        raise KindlingError(f"{target}: holds a training already; --resume goes on with it, another --out starts anew")
    laid = [str(target.parent / net.folder) for net in KIND.nets if (target.parent / net.folder).exists()]
    if laid and not resume:
        raise KindlingError.of("weights are there already, and would be overwritten", laid, "give another --out")
    if settings["cell"] and settings["patch"] % settings["cell"]:
        raise KindlingError(f"--patch {settings['patch']} cannot be cut into squares of --cell {settings['cell']}")


def _objective(
    settings: dict[str, Any], features: Path | None, doors: Doors
) -> tuple[expression.Objective, dict[str, Array] | None, str | None]:
    """What --loss asks for, the weights of its features, and their fingerprint."""
    found = expression.parse(settings["loss"], "joint", settings["patch"])
    settings["loss"] = str(found)
    if bool(features) != bool(found.perceptual):
        raise KindlingError("perceptual in --loss and a VGG in --features go together: give both or neither")
    if not features:
        return found, None, None
    weights = doors.read_vgg(features)
    return found, weights, doors.fingerprint(weights)


def _validation(
    folders: Sequence[Path], pairs: Sequence[Pairs], validation: Validate | None
) -> Callable[[Callable[..., tuple[Array, ...]]], Figures]:
    if validation is None:
        raise KindlingError("pairs to measure by, and nothing that measures them: give `validation`")
    names = [path.name if path.name not in ("val", "train") else path.parent.name for path in folders]
    if len(set(names)) < len(names):
        raise KindlingError(f"--val: {', '.join(names)} are not all different; their names head the columns of figures")
    every = [pair for some in pairs for pair in some]
    sample = every[:: max(1, len(every) // SAMPLE)]
    apart = {name: batches.load_pairs(batches.find_pairs(path), 11) for name, path in zip(names, folders, strict=True)}
    return validation(apart, sample)


def _weights(init: Path, doors: Doors) -> tuple[dict[str, Array], str]:
    weights = doors.read(init)
    nets = KIND.nets_in(weights)
    if len(nets) < len(KIND.nets):
        raise KindlingError(f"{init}: holds {', '.join(nets)}; a joint training starts from weights of all three nets")
    return weights, doors.fingerprint(weights)


def _plan(
    settings: Mapping[str, Any], weights: Sequence[float], data: str, features: str | None, runtime: str
) -> joint.JointPlan:
    mix = joint.Mix(
        weights=tuple(weights),
        noise=batches.Noise(settings["shot"], settings["read"]),
        **{name: settings[name] for name in ("batch", "patch", "seed", "noisy", "dark", "blind")},
    )
    own_terms = joint.OwnTerms(settings["adjust"], settings["decompose"], settings["restore"], settings["cell"] or None)
    steps, warm, cool = settings["steps"], settings["warm"], settings["cool"]
    return joint.JointPlan(
        mix=mix,
        data=data,
        cool=max(0, steps - warm) if cool is None else cool,
        backend=runtime,
        own_terms=own_terms,
        features=features,
        **{name: settings[name] for name in ("steps", "lr", "warm", "precision", "loss", "decay", "average", "clip")},
    )


def _fresh(weights: Mapping[str, Array]) -> State:
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    return {"weights": weights, "m": zeros, "v": zeros, "ema": weights}


def _measured(
    target: Path, pairs: Sequence[Pairs], prints: Sequence[str], fresh: State, fingerprint: str, trainer: Trainer
) -> list[list[joint.Measured]]:
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
    trainer.assign(fresh, 0)
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
