"""The three trainings, each by what it is fed and what it shows; the frameworks stand behind `decompose` and `run`."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from kindling.photos.photo import Photo
from kindling.training import batches
from kindling.training.plan import Plan

__all__ = ["feed", "pictures"]

SHOWN = 2  # pairs of which pictures are drawn
SIDE = 192  # pixels of the middle of a photo that are drawn

Pairs = Sequence[tuple[Photo, Photo]]
Run = Callable[..., tuple[np.ndarray, ...]]  # (verb, *arrays, **dials), by the net in training
Decompose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # (n, h, w, 3) -> R, L, by the frozen DecomNet


def feed(plan: Plan, pairs: Pairs, decompose: Decompose | None) -> Callable[[int], tuple[np.ndarray, ...]]:
    """step -> its batch, in the order of the step's arguments. What can be decomposed once is, here."""
    if plan.task == "decomposition":
        return lambda step: batches.decomposition_batch(pairs, plan.sampling, step)
    assert decompose is not None  # the other two look through it
    if plan.task == "adjustment":
        lights = [(_light(decompose, low), _light(decompose, high)) for low, high in pairs]
        return lambda step: batches.adjustment_batch(lights, plan.sampling, step)
    targets = [decompose(high.stretched()[np.newaxis])[0][0] for _, high in pairs]
    return lambda step: batches.restoration_batch(pairs, targets, decompose, plan.noise, plan.sampling, step)


def pictures(plan: Plan, pairs: Pairs, decompose: Decompose | None, run: Run) -> Callable[[], dict[str, np.ndarray]]:
    """() -> what the net makes now of the middle of the first photos, by name, each (h, w, 1 or 3).

    run: (step of KinD, *arrays) -> a tuple of arrays, by the net in training.
    """
    cuts = [(_middle(low), _middle(high)) for low, high in pairs[:SHOWN]]
    names: tuple[str, ...]
    made: list[Callable[[], tuple[np.ndarray, ...]]]
    if plan.task == "decomposition":
        names = ("low", "R_low", "L_low", "high", "R_high", "L_high")

        def decomposed(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, ...]:
            return (low, *run("decompose", low), high, *run("decompose", high))

        made = [partial(decomposed, *pair) for pair in cuts]
    else:
        assert decompose is not None  # as above
        seen = [(*decompose(low), *decompose(high)) for low, high in cuts]
        if plan.task == "adjustment":
            names = ("i", "out", "target")

            def adjusted(i: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
                return (i, *run("adjust", i, ratio=_ratio(i, target)), target)

            made = [partial(adjusted, i, target) for _, i, _, target in seen]
        else:
            names = ("r", "out", "target")

            def restored(r: np.ndarray, i: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
                return (r, *run("restore", r, i), target**1.2)

            made = [partial(restored, r, i, target) for r, i, target, _ in seen]
    return lambda: {
        f"{name}/{number}": image[0]
        for number, make in enumerate(made)
        for name, image in zip(names, make(), strict=True)
    }


def _ratio(i: np.ndarray, target: np.ndarray) -> float:
    return float(1 / np.mean(i / (target + 0.0001)))


def _light(decompose: Decompose, photo: Photo) -> np.ndarray:
    """L of a whole photo, (h, w, 1)."""
    return decompose(photo.stretched()[np.newaxis])[1][0]


def _middle(photo: Photo) -> np.ndarray:
    """(1, h, w, 3), at most SIDE pixels square."""
    starts = [max(0, (size - SIDE) // 2) for size in photo.size]
    return photo.stretched(*(slice(start, start + SIDE) for start in starts))[np.newaxis]
