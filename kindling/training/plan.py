"""How each net of KinD is trained: the original's batch, patch, rate and epochs, and how they become steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kindling.training.batches import Noise, Sampling

__all__ = ["RECIPES", "Plan", "Recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The original's training of one net; every number is a default that can be set otherwise."""

    net: str
    folder: str  # where the original keeps this net's checkpoint
    batch: int
    patch: int
    epochs: int
    shuffle: bool
    modes: int
    images: int | None
    lr: float = 1e-4
    decay: tuple[tuple[int, float], ...] = ()  # from this epoch on, lr times this factor


RECIPES: Mapping[str, Recipe] = {
    "decomposition": Recipe(
        net="DecomNet", folder="decom_net_train", batch=10, patch=48, epochs=2000, shuffle=True, modes=8, images=None
    ),
    "adjustment": Recipe(
        net="Illumination_adjust_net",
        folder="illumination_adjust_net_train",
        batch=10,
        patch=48,
        epochs=2000,
        shuffle=False,
        modes=7,
        images=450,
    ),
    "restoration": Recipe(
        net="Restoration_net",
        folder="Restoration_net_train",
        batch=4,
        patch=384,
        epochs=1000,
        shuffle=True,
        modes=8,
        images=466,
        decay=((800, 0.5), (1250, 0.25), (1500, 0.1)),  # the last two lie beyond the original's own 1000 epochs
    ),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One training, settled to the last step: the same plan on the same data gives the same weights.

    pairs: how many there are to draw from. `identity` is what a resumed training must share with the one it goes on
    with; how long to train is not part of it.
    """

    task: str
    sampling: Sampling
    pairs: int
    data: str  # a fingerprint of the photos and, but for decomposition, of the frozen DecomNet
    epochs: int
    lr: float
    decay: tuple[tuple[int, float], ...] = ()
    noise: Noise = field(default_factory=Noise)
    backend: str = "torch"
    precision: str = "float32"
    cell: int | None = None  # decomposition: squares in which the loss is taken
    equal_r: float = 0.01  # decomposition: the weight of that term
    loss: str | None = None  # an expression of kindling/losses/expression.py; None: the original's
    features: str | None = None  # a fingerprint of the VGG behind a perceptual loss

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass; a last, partial one goes on into the next pass, as in the original."""
        return max(1, min(self.pairs, self.sampling.images or self.pairs) // self.sampling.batch)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def lr_at(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        epoch = step // self.steps_per_epoch
        return self.lr * ([1.0] + [factor for start, factor in sorted(self.decay) if epoch >= start])[-1]

    @property
    def identity(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "task": self.task,
            "data": self.data,
            "precision": self.precision,
            "cell": self.cell,
        }
        settings |= {"equal_r": self.equal_r, "loss": self.loss, "features": self.features}
        return settings | asdict(self.sampling) | {"shot": self.noise.shot, "read": self.noise.read}
