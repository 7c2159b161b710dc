"""What the loop knows of a plan and of a trainer: two protocols, and nothing of any framework.

`Course` is kept by `Plan` (plan.py) and `JointPlan` (joint.py), `Trainer` by the classes of that name in
kind_torch/train.py and kind_tf/train.py, and by `JointTrainer` beside them.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

__all__ = ["Course", "State", "Trainer"]

State = Mapping[str, Mapping[str, np.ndarray]]
"""Part, such as "weights" -> slim name -> array, in TF axis order."""


class Course(Protocol):
    """One training, settled to the last step."""

    @property
    def task(self) -> str:
        """What is trained, as messages call it."""
        ...

    @property
    def backend(self) -> str:
        """The runtime that does the steps."""
        ...

    @property
    def steps(self) -> int:
        """How many there are."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """What a resumed training must share with the one that it goes on with; JSON holds it."""
        ...

    def lr_at(self, step: int) -> float:
        """The learning rate of `step`, counted from 0."""
        ...


class Trainer(Protocol):
    """What does the steps. Batches, inputs and results are NHWC arrays of floats."""

    @property
    def is_main(self) -> bool:
        """Of several processes the one that writes and shows."""
        ...

    def step(self, batch: tuple[np.ndarray, ...], lr: float) -> dict[str, float]:
        """One step on one batch. Returns the terms of the loss, before the step."""
        ...

    def run(self, verb: str, *inputs: np.ndarray, **dials: float | np.ndarray) -> tuple[np.ndarray, ...]:
        """The net as it is now, as `Model.run`."""
        ...

    def state(self) -> dict[str, dict[str, np.ndarray]]:
        """All that another trainer needs to go on."""
        ...

    def assign(self, state: State, steps: int) -> None:
        """Go on from a state that has done so many steps."""
        ...

    def agree(self, flag: bool) -> bool:
        """Of several processes: whether any says so."""
        ...

    def close(self) -> None:
        """Leave the other processes, if there are any."""
        ...
