"""The three trainings, each by what it is fed and what it shows; the frameworks stand behind `decompose` and `run`."""

from collections.abc import Callable, Sequence

import numpy as np

from kindling.photos.photo import Photo
from kindling.training import batches
from kindling.training.plan import Plan

__all__ = ["feed", "pictures"]

SHOWN = 2  # pairs of which pictures are drawn
SIDE = 192  # pixels of the middle of a photo that are drawn

Pairs = Sequence[tuple[Photo, Photo]]
Decompose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # (n, h, w, 3) -> R, L, by the frozen DecomNet


def feed(plan: Plan, pairs: Pairs, decompose: Decompose | None) -> Callable[[int], tuple[np.ndarray, ...]]:
    """step -> its batch, in the order of the step's arguments. What can be decomposed once is, here."""
    if plan.task == "decomposition":
        return lambda step: batches.decomposition_batch(pairs, plan.sampling, step)
    if plan.task == "adjustment":
        lights = [tuple(decompose(photo.stretched()[np.newaxis])[1][0] for photo in pair) for pair in pairs]
        return lambda step: batches.adjustment_batch(lights, plan.sampling, step)
    targets = [decompose(high.stretched()[np.newaxis])[0][0] for _, high in pairs]
    return lambda step: batches.restoration_batch(pairs, targets, decompose, plan.noise, plan.sampling, step)


def pictures(plan: Plan, pairs: Pairs, decompose: Decompose | None, run) -> Callable[[], dict[str, np.ndarray]]:
    """() -> what the net makes now of the middle of the first photos, by name, each (h, w, 1 or 3).

    run: (step of KinD, *arrays) -> a tuple of arrays, by the net in training.
    """
    cuts = [tuple(_middle(photo) for photo in pair) for pair in pairs[:SHOWN]]
    if plan.task == "decomposition":
        names = ("low", "R_low", "L_low", "high", "R_high", "L_high")
        made = [
            lambda low=low, high=high: (low, *run("decompose", low), high, *run("decompose", high))
            for low, high in cuts
        ]
    else:
        seen = [(*decompose(low), *decompose(high)) for low, high in cuts]
        if plan.task == "adjustment":
            names = ("i", "out", "target")
            made = [lambda i=i, t=t: (i, *run("adjust", i, ratio=_ratio(i, t)), t) for _, i, _, t in seen]
        else:
            names = ("r", "out", "target")
            made = [lambda r=r, i=i, t=t: (r, *run("restore", r, i), t**1.2) for r, i, t, _ in seen]
    return lambda: {
        f"{name}/{number}": image[0]
        for number, make in enumerate(made)
        for name, image in zip(names, make(), strict=True)
    }


def _ratio(i, target):
    return float(1 / np.mean(i / (target + 0.0001)))


def _middle(photo):
    """(1, h, w, 3), at most SIDE pixels square."""
    starts = [max(0, (size - SIDE) // 2) for size in photo.size]
    return photo.stretched(*(slice(start, start + SIDE) for start in starts))[np.newaxis]
