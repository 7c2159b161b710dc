"""The loop that trains a net of KinD, on either framework, and can be stopped at any time.

A trainer (kind_torch.train.Trainer or kind_tf.train.Trainer) does the steps; batches come from
kindling/training/batches.py by their number alone. What is kept is `resume.npz`: weights, both of Adam's moments, and
the number of the step, in one file that is replaced in one move. A training that was killed goes on from its last one
and ends, on the CPU, with the very weights of one that was never stopped.
"""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, staging
from kindling.training.protocols import Course, State, Trainer

__all__ = ["Progress", "initial_weights", "load_state", "save_state", "stoppable", "train"]

STATE = "resume.npz"
PARTS = ("weights", "m", "v", "ema")  # the last is of a joint training alone: the weights' average


@dataclass(frozen=True)
class Progress:
    """What one step did. `terms` are those of this step alone."""

    step: int  # how many are done
    lr: float
    terms: dict[str, float]


def train(
    plan: Course,
    trainer: Trainer,
    batch: Callable[[int], tuple[np.ndarray, ...]],
    start: int,
    seen: Callable[[Progress], None],
    save: Callable[[int, State], None],
    minutes: float,
    stopped: Callable[[], bool],
) -> int:
    """Run `plan` from step `start` to its end, or until `stopped`. Returns how many steps are done.

    batch: step -> its arrays. seen: told of every step. save: called with the steps done and the state, every `minutes`
    and at the end, whatever ends it. A loss that is not finite ends it with a KindlingError and saves nothing, and so
    does a state that holds such numbers: the loss is of the weights before the step, so it is the last to know.
    """
    saved, last, step = start, time.monotonic(), start

    def keep() -> int:
        state = trainer.state()
        bad = [
            f"{part} of {name}" for part in PARTS for name, x in state.get(part, {}).items() if not np.isfinite(x).all()
        ]
        if bad:
            raise KindlingError.of(f"{plan.task}: not finite after step {step}", bad, _sound(saved))
        save(step, state)
        return step

    while step < plan.steps and not trainer.agree(stopped()):
        lr = plan.lr_at(step)
        try:
            terms = trainer.step(batch(step), lr)
        except KindlingError as error:  # a loss that refuses numbers which are not in [0, 1] any more
            raise KindlingError(f"{plan.task}: {error}, at step {step + 1}; {_sound(saved)}") from error
        if not np.isfinite(terms["total"]):
            raise KindlingError(f"{plan.task}: the loss is {terms['total']} at step {step + 1}; {_sound(saved)}")
        step += 1
        seen(Progress(step, lr, terms))
        if time.monotonic() - last >= minutes * 60 and step < plan.steps:
            saved, last = keep(), time.monotonic()
    if saved < step:
        keep()
    return step


def _sound(saved: int) -> str:
    """What is left to a person whose training diverged."""
    if not saved:
        return "nothing was saved before: start anew in another --out with a smaller --lr"
    return f"the last saved state, of step {saved}, is sound: --resume goes on from it, with a smaller --lr"


def initial_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Weights to start from, glorot-uniform and zeros as slim draws them, the same in both frameworks.

    shapes: of the variables by slim name, in TF axis order.
    """
    random, weights = np.random.default_rng([seed, 0]), {}
    for name in sorted(shapes):
        shape = shapes[name]
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * sum(shape[-2:]))) if len(shape) == 4 else 0.0
        weights[name] = random.uniform(-limit, limit, shape).astype(np.float32)
    return weights


def save_state(folder: Path, state: State, plan: Course, step: int) -> None:
    """Replace folder/resume.npz in one move."""
    arrays: dict[str, Any] = {
        f"{part}/{name}": array for part in PARTS for name, array in sorted(state.get(part, {}).items())
    }
    about = json.dumps({"step": step, "backend": plan.backend, "plan": plan.identity})
    with staging(folder) as draft:
        np.savez(draft / STATE, about=np.array(about), **arrays)
        move_into_place(draft / STATE, folder / STATE)


def load_state(folder: Path, plan: Course) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """The state in folder/resume.npz and the steps it has done. Raises KindlingError if `plan` is not its plan."""
    path = folder / STATE
    if not path.is_file():
        raise KindlingError(f"{path}: there is no training to go on with; leave --resume away to start one")
    try:
        with np.load(path, allow_pickle=False) as archive:
            about = json.loads(str(archive["about"]))
            state: dict[str, dict[str, np.ndarray]] = {part: {} for part in PARTS}
            for key in archive.files:
                part, _, name = key.partition("/")
                if part in state:
                    state[part][name] = archive[key]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise KindlingError(
            f"{path}: damaged or not a state of training: {error}; start anew in another --out"
        ) from error
    then, now = about["plan"], json.loads(json.dumps(plan.identity))
    changed = [f"{key} was {then.get(key)} and is now {now.get(key)}" for key in now if then.get(key) != now.get(key)]
    if changed:
        raise KindlingError.of(str(path), changed, "give the settings it was started with, or another --out")
    return state, about["step"]


@contextlib.contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Within it, the first Ctrl-C or SIGTERM only makes the yielded function True, so that a step is never cut in two.

    A second one ends the process as usual. In a thread other than the main one, which signals never reach, nothing
    stops it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        for known, handler in before.items():
            signal.signal(known, handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
