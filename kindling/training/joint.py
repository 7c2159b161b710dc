"""All nets of KinD trained together, on the picture that people get: what it is fed, and its schedule.

A batch is drawn from several folders by their weights. Like all batches here it hangs on the seed and the number of
the step alone, so a training can be stopped anywhere and goes on with the batch it would have had.

The ratio is the whole photo's, not the patch's, because that is what the nets are given later: a dark corner of a
photo is asked for less than a photo as dark as that corner would be. Decomposing whole photos at every step would cost
as much as the step, so how the photo's ratio stands to the patch's is measured once, with the weights that the training
starts from (`measure`), and each patch's own ratio, by the nets of the moment, is multiplied by that.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from kindling.families.kind.estimator import fit, statistics
from kindling.photos.photo import Photo
from kindling.training.batches import Noise, augment
from kindling.training.darkening import Camera, darkened

__all__ = ["EPSILON", "LOSS", "JointPlan", "Measured", "Mix", "OwnTerms", "batch", "guesses", "kept_share", "measure"]

LOSS = "l1 + 0.25*ssim"  # of the picture
EPSILON = 0.0001  # of evaluate_LOLdataset.py's ratio
POOL = 8  # pixels a side of what one ratio is kept of

Pairs = Sequence[tuple[Photo, Photo]]


@dataclass(frozen=True)
class OwnTerms:
    """What holds each net to its own work while the picture is trained: weights of the terms beside the picture's."""

    adjust: float = 0.1  # l1(adjusted, L of the bright photo)
    decompose: float = 0.3  # DecomNet's own loss, in squares of `cell` pixels
    restore: float = 0.1  # l1(restored, R of the bright photo ** 1.2)
    cell: int | None = 64


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How a batch is drawn: `batch` patches of `patch` pixels, from folders by their weights."""

    weights: tuple[float, ...]  # of each folder, in their order
    batch: int = 3
    patch: int = 128
    seed: int = 2019
    noisy: float = 0.25  # of the pairs, so many get sensor noise on the dark side
    noise: Noise = field(default_factory=lambda: Noise(0.004, 0.03))
    dark: float = 0.0  # of the patches, so many are of the bright photo and darkened
    camera: Camera = field(default_factory=Camera)
    blind: float = 0.0  # of the pairs, so many are given the ratio that would be guessed


@dataclass(frozen=True, kw_only=True)
class JointPlan:
    """One joint training, settled to the last step; what kindling/training/loop.py asks of a plan.

    The rate rises evenly over the first `warm` steps and falls evenly to 0 over the last `cool`; with both together as
    long as the training it is one cycle. How long to train, at what rate, the cooling, and the share of guessed ratios
    are not part of `identity`: a training can be cooled down whenever time is up and, from a state before that, go on,
    and ratios can be guessed once the picture is right with those that are given.
    """

    mix: Mix
    data: str  # a fingerprint of the photos, and of the weights that the ratios were measured with
    steps: int
    lr: float
    warm: int = 0
    cool: int = 0
    backend: str = "torch"
    precision: str = "float32"
    loss: str = LOSS
    own_terms: OwnTerms = field(default_factory=OwnTerms)
    decay: float = 0.0  # AdamW's
    average: float = 0.999
    features: str | None = None
    clip: float = 3.0  # the longest gradient
    task: str = "joint"

    def lr_at(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        rising = (step + 1) / self.warm if self.warm else 1.0
        falling = (self.steps - step) / self.cool if self.cool else 1.0
        return self.lr * min(1.0, rising, falling)

    @property
    def identity(self) -> dict[str, Any]:
        mix = asdict(self.mix)
        mix.pop("blind")
        return {
            "task": self.task, "data": self.data, "precision": self.precision, "loss": self.loss,
            "features": self.features, "decay": self.decay, "average": self.average,
            "own_terms": asdict(self.own_terms), "clip": self.clip, **mix,
        }  # fmt: skip


def kept_share(average: float, done: int) -> float:
    """How much of the weights' average stays at step `done`, from 1: the first weights are soon forgotten."""
    return min(average, (1 + done) / (10 + done))


@dataclass(frozen=True)
class Measured:
    """What is known of a pair before the training, by the weights that it starts from.

    ratios: L_high / (L_low + 0.0001), the mean of every 8x8 pixels, (h/8, w/8) rounded down. numbers: the statistics of
    the dark photo (kindling/families/kind/estimator.py).
    """

    ratios: np.ndarray
    numbers: np.ndarray


def measure(low: Photo, high: Photo, decompose: Callable) -> Measured:
    """decompose: (n, h, w, 3) -> R, L, of the weights that the training starts from."""
    x = low.stretched()
    light, partner = (decompose(image[np.newaxis])[1][0] for image in (x, high.stretched()))
    ratio = (partner / (light + np.float32(EPSILON)))[..., 0]
    h, w = (side // POOL for side in ratio.shape)
    pooled = ratio[: h * POOL, : w * POOL].reshape(h, POOL, w, POOL).mean((1, 3))
    return Measured(pooled, statistics(light, x))


def guesses(folders: Sequence[Sequence[Measured]], weights: Sequence[float]) -> list[np.ndarray]:
    """For each pair of each folder, the ratio that would be guessed over the one that it has.

    The estimator is fitted to all these pairs; each folder counts by its weight, however many pairs are in it.
    """
    counts = np.concatenate([np.full(len(some), w / len(some)) for some, w in zip(folders, weights, strict=True)])
    every = [pair for some in folders for pair in some]
    numbers, ratios = np.array([pair.numbers for pair in every]), np.array([pair.ratios.mean() for pair in every])
    estimator = fit(numbers, ratios, weights=counts)
    quotients = np.array([estimator.of(row) for row in numbers]) / ratios
    return np.split(quotients, np.cumsum([len(some) for some in folders])[:-1])


def batch(
    folders: Sequence[Pairs],
    measured: Sequence[Sequence[Measured]],
    guessed: Sequence[np.ndarray],
    mix: Mix,
    step: int,
) -> tuple[np.ndarray, ...]:
    """low, high, target: (batch, patch, patch, 3); factor: (batch, 1, 1, 1).

    low and high are stretched as the nets see them; target is the bright photo as it lies in its file, which is what a
    picture is measured by. factor: what the patch's own ratio is to be multiplied by. measured: of each pair of each
    folder; guessed: its `guesses`.
    """
    rows = []
    share = np.cumsum(mix.weights) / np.sum(mix.weights)
    for place in range(step * mix.batch, (step + 1) * mix.batch):
        random = np.random.default_rng([mix.seed, 3, place])
        folder = int(np.searchsorted(share, random.random(), side="right"))
        index = int(random.integers(len(folders[folder])))
        low, high = folders[folder][index]
        corner = [int(random.integers(side - mix.patch + 1)) for side in low.size]
        cut = tuple(slice(at, at + mix.patch) for at in corner)
        mode, factor = int(random.integers(8)), 1.0
        target = high.pixels[cut].astype(np.float32) / np.float32(np.iinfo(high.pixels.dtype).max)
        if random.random() < mix.dark:
            largest = float(high.pixels.max()) / np.iinfo(high.pixels.dtype).max
            dark = darkened(target, largest, mix.camera, random)
        else:
            dark = low.stretched(*cut)
            factor = _photo_to_patch(measured[folder][index].ratios, cut)
            if random.random() < mix.noisy:
                dark = mix.noise.added(dark, random)
            if random.random() < mix.blind:
                factor *= guessed[folder][index]
        rows.append([*(augment(x, mode) for x in (dark, high.stretched(*cut), target)), np.full((1, 1, 1), factor)])
    return tuple(np.ascontiguousarray(np.stack(column), dtype=np.float32) for column in zip(*rows, strict=True))


def _photo_to_patch(ratios: np.ndarray, cut: Sequence[slice]) -> float:
    """The photo's ratio over that of the patch at `cut`."""
    inside = ratios[tuple(slice(s.start // POOL, max(s.stop // POOL, s.start // POOL + 1)) for s in cut)]
    return float(ratios.mean() / inside.mean())
