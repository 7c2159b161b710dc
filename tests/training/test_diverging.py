"""A training that diverges: what is not finite is never saved over what is."""

import numpy as np
import pytest

from kindling import KindlingError
from kindling.training import batches, loop
from kindling.training.plan import Plan

PLAN = Plan(
    task="decomposition",
    sampling=batches.Sampling(batch=2, patch=24, seed=1, shuffle=True, modes=8),
    pairs=4,
    data="x",
    epochs=3,
    lr=1e-4,
)  # six steps


class Diverging:
    """A trainer of one weight, whose loss and state are what a test says they are after so many steps."""

    def __init__(self, losses=(), weights=(), m=(), v=()):
        self.losses, self.parts, self.done = losses, {"weights": weights, "m": m, "v": v}, 0

    def agree(self, flag):
        return flag

    def step(self, batch, lr):
        self.done += 1
        return {"total": self.losses[self.done - 1] if self.done <= len(self.losses) else 0.5}

    def state(self):
        return {
            part: {"DecomNet/g_conv10/biases": np.float32([values[self.done - 1] if self.done <= len(values) else 1])}
            for part, values in self.parts.items()
        }


@pytest.mark.parametrize(
    ("numbers", "start", "said", "kept"),
    [
        ({"losses": [np.nan]}, 0, "the loss is nan at step 1; nothing was saved before: start anew in another", []),
        ({"losses": [1, np.inf]}, 3, "the loss is inf at step 5; the last saved state, of step 4, is sound", [4]),
        (
            {"losses": [1, 1, 1], "weights": [1, np.nan, np.nan]}, 0,
            "decomposition: not finite after step 2: weights of DecomNet/g_conv10/biases; the last saved state, of "
            "step 1, is sound: --resume goes on from it, with a smaller --lr", [1],
        ),
        ({"m": [1, 1, -np.inf]}, 0, "not finite after step 3: m of .*, of step 2, is sound", [1, 2]),
        ({"v": [1, 1, 1, 1, 1, np.inf]}, 0, "not finite after step 6: v of .*, of step 5,", [1, 2, 3, 4, 5]),
        ({"v": [1, np.inf]}, 4, "not finite after step 6: v of .*, of step 5,", [5]),
    ],
)  # fmt: skip
def test_a_training_that_diverges_stops_and_keeps_its_last_sound_state(numbers, start, said, kept):
    """The plan has six steps; what is not finite in the state of the last is refused too, though no loss follows."""
    saved = []

    def save(step, state):
        saved.append(step)

    with pytest.raises(KindlingError, match=said):
        loop.train(PLAN, Diverging(**numbers), lambda step: (), start, lambda progress: None, save, 0, bool)
    assert saved == kept
