"""The losses, their gradients and five Adam steps against the authors' own training graphs, in both frameworks."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.training_goldens import (
    BACKENDS,
    EACH_TASK,
    FEEDS,
    LR,
    TASKS,
    feed,
    original_golden,
    relative,
    run,
    seeded_golden,
)

LOSS_BAR = {"tf": 1e-6, "torch": 1e-5}
GRADIENT_BAR = {"tf": 1e-5, "torch": 2e-3}
AFTER_BAR = 2e-5  # a step moves a weight by 1e-4 at most
# With the authors' decomposition weights the loss has many kinks (|R L - image| near 0) within float32's rounding: the
# exact answer, float64 in either framework, is itself beyond the bar in 88 of 235,876 elements. So this share may be.
ROUNDED = {("torch", "decomposition", original_golden): 0.001}

GOLDENS = [
    pytest.param(seeded_golden, id="seeded"),
    pytest.param(original_golden, id="original", marks=[pytest.mark.reference]),
]


@pytest.mark.parametrize("golden_of", GOLDENS)
@pytest.mark.parametrize("task", EACH_TASK)
@pytest.mark.parametrize("backend", BACKENDS)
def test_five_steps_follow_the_authors_graph(backend, task, golden_of):
    weights, golden = golden_of(task)
    terms, gradients, after = run(backend, task, weights, feed(task, golden), steps=5)
    if backend == "tf" and golden_of is original_golden:
        golden |= _on_this_processor(task, weights, golden)

    for name in (key for key in golden if key.startswith("term/")):
        assert terms[0][name.removeprefix("term/")] == pytest.approx(golden[name], rel=LOSS_BAR[backend]), name
    assert terms[0]["total"] == pytest.approx(golden["loss"], rel=LOSS_BAR[backend])

    wrong = {name: relative(g, golden[f"grad/{name}"]) for name, g in gradients.items() if f"grad/{name}" in golden}
    assert wrong
    assert {name: error for name, error in wrong.items() if error > GRADIENT_BAR[backend]} == {}

    trained = [name for name in after if f"after5/{name}" in golden]
    assert trained
    beyond = {name: int((np.abs(after[name] - golden[f"after5/{name}"]) > AFTER_BAR).sum()) for name in trained}
    allowed = ROUNDED.get((backend, task, golden_of), 0) * sum(after[name].size for name in trained)
    assert sum(beyond.values()) <= allowed, {name: count for name, count in beyond.items() if count}


def _on_this_processor(task, weights, golden):
    """The golden's gradients and trained variables, made anew by the authors' own graph.

    The files are an Intel processor's, and a processor without AVX-512 sums in another order. With the authors' weights
    the loss has many kinks (above), so on such a processor the authors' graph itself is 4.8e-4 away from its golden,
    while kind_tf is 1.3e-6 away from the authors' graph run beside it.
    """
    from tests.support import authors

    batch = dict(zip(FEEDS[task], feed(task, golden), strict=True))
    gradients, after = authors.trained(Path(os.environ["KIND_REFERENCE_DIR"]), TASKS[task], weights, batch, LR, steps=5)
    here = {f"grad/{name}": gradient for name, gradient in gradients.items()}
    here |= {f"after5/{name}": variable for name, variable in after.items()}
    return {name: array for name, array in here.items() if name in golden}


def _is_intel():
    """By Linux's word for the processor; elsewhere nothing is known of it."""
    cpus = Path("/proc/cpuinfo")
    return cpus.is_file() and "GenuineIntel" in cpus.read_text()


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.reference
@pytest.mark.skipif(
    not _is_intel(), reason="the goldens are an Intel processor's; AMD's convs round otherwise, and 2.3e-5 is reached"
)
def test_the_exception_is_the_rounding_of_the_sigmoid(monkeypatch):
    """On two threads both frameworks' convs are oneDNN's; with TensorFlow's sigmoid too, no weight is beyond."""
    import tensorflow as tf
    import torch

    from kind_torch import model

    class Sigmoid(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = tf.sigmoid(x.permute(0, 2, 3, 1).contiguous().numpy()).numpy()
            out = torch.from_numpy(out).permute(0, 3, 1, 2)
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, gradient):
            (out,) = ctx.saved_tensors
            return gradient * out * (1 - out)

    threads = torch.get_num_threads()
    weights, golden = original_golden("decomposition")
    try:
        torch.set_num_threads(2)
        monkeypatch.setattr(model.torch, "sigmoid", Sigmoid.apply)
        _, gradients, after = run("torch", "decomposition", weights, feed("decomposition", golden), steps=5)
    finally:
        torch.set_num_threads(threads)
    assert max(relative(g, golden[f"grad/{name}"]) for name, g in gradients.items()) <= GRADIENT_BAR["tf"]
    assert max(np.abs(after[name] - golden[f"after5/{name}"]).max() for name in after) <= AFTER_BAR


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("task", EACH_TASK)
def test_frameworks_agree_in_float64(task):
    weights, golden = seeded_golden(task)
    (tf_terms, tf_gradients, _), (torch_terms, torch_gradients, _) = (
        run(backend, task, weights, feed(task, golden), dtype="float64") for backend in ("tf", "torch")
    )
    assert list(tf_terms[0]) == list(torch_terms[0])
    for name, value in tf_terms[0].items():
        assert torch_terms[0][name] == pytest.approx(value, rel=1e-9), name
    wrong = {name: relative(torch_gradients[name], g) for name, g in tf_gradients.items()}
    assert {name: error for name, error in wrong.items() if error > 1e-9} == {}
