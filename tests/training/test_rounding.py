"""Steps of training on TensorFlow round alike: its sums hang neither on what is free first nor on the patch's size."""

import threading

import numpy as np
import pytest

from kindling.losses import expression
from kindling.training.plan import RECIPES

pytestmark = pytest.mark.tf


@pytest.fixture
def trainer():
    """Of a DecomNet and a loss whose gradients come together in many places."""
    from kind_tf.train import Trainer

    loss = expression.parse("reflectance(kind=ssim)", "decomposition", 24)
    return Trainer("DecomNet", device="cpu", objective=loss)


def test_gradients_are_summed_in_pairs(trainer):
    pair = tuple(np.zeros((1, 24, 24, 3), np.float32) for _ in ("low", "high"))
    graph = trainer._step.get_concrete_function(*pair).graph
    sizes = [len(op.inputs) for op in graph.get_operations() if op.type == "AddN"]
    assert len(sizes) > 20
    assert max(sizes) == 2


def test_the_graph_is_left_as_it_is_for_a_step_and_no_longer(trainer):
    import tensorflow as tf

    def asked():
        return tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)

    seen = []
    trainer._step = lambda *batch: seen.append(asked()) or {"total": 0.0}
    trainer.step((), 1e-4)
    assert [*seen, asked()] == [True, False]


@pytest.mark.slow
def test_a_step_of_the_restoration_at_the_originals_own_size():
    """Sums of large patches are done otherwise, once in a way that TensorFlow itself refused."""
    from kind_tf.train import Trainer

    recipe = RECIPES["restoration"]
    random = np.random.default_rng(0)
    photos = tuple(random.random((recipe.batch, recipe.patch, recipe.patch, c), np.float32) for c in (3, 1, 3))
    trainer = Trainer(recipe.net, device="cpu")
    before = trainer.state()["weights"]
    terms = trainer.step(photos, 1e-4)
    assert np.isfinite(list(terms.values())).all()
    assert all((w != before[name]).any() for name, w in trainer.state()["weights"].items())


@pytest.mark.slow
def test_steps_round_alike_on_a_busy_machine(trainer):
    """Where TensorFlow summed what came first, about one step in a hundred differed in its last bits."""
    random = np.random.default_rng(0)
    pair = tuple(random.random((2, 24, 24, 3), np.float32) for _ in ("low", "high"))
    start = trainer.state()
    for name, weights in start["weights"].items():
        start["weights"][name] = 0.1 * random.standard_normal(weights.shape).astype(np.float32)
    done = threading.Event()
    others = [threading.Thread(target=_work_until, args=(done,)) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        outcomes = set()
        for _ in range(120):
            trainer.assign(start, 0)
            trainer.step(pair, 1e-4)
            outcomes.add(b"".join(m.tobytes() for m in trainer.state()["m"].values()))
    finally:
        done.set()
        for thread in others:
            thread.join()
    assert len(outcomes) == 1


def _work_until(done):
    square = np.ones((300, 300), np.float32)
    while not done.is_set():
        square @ square
