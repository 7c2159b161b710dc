"""What the tests of training share: the golden files, and one way to run either framework on them.

A golden holds a batch and what the authors' own training graph made of it: `loss`, `term/*`, `grad/*`, and the
variables after five of their Adam steps. tests/seeded/ has small ones with seeded weights; the ones with the authors'
weights are in the folder that KIND_REFERENCE_DIR names.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import convert
from kindling.families.kind.nets import NETS
from tests.support.weights import GOLDENS, seeded

TASKS = {"decomposition": "DecomNet", "adjustment": "Illumination_adjust_net", "restoration": "Restoration_net"}
FEEDS = {
    "decomposition": ("input_low", "input_high"),
    "adjustment": ("input_low_i", "input_low_i_ratio", "input_high_i"),
    "restoration": ("input_low_r", "input_low_i", "input_high_r"),
}
LR = 1e-4  # of the goldens
# Adjustment is the small net; what trains the other two takes seconds a step.
EACH_TASK = [pytest.param(task, marks=[] if task == "adjustment" else pytest.mark.slow) for task in TASKS]
BACKENDS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]


def seeded_golden(task: str) -> tuple[dict, dict]:
    """The weights and the golden of a task from tests/seeded."""
    with np.load(GOLDENS / f"train_{TASKS[task]}.npz") as golden:
        return seeded(TASKS[task]), dict(golden)


def original_golden(task: str) -> tuple[dict, dict]:
    """The weights and the golden of a task from the reference folder; the original's restoration weights are seeded."""
    short = {"decomposition": "decom", "adjustment": "adjust", "restoration": "restoration"}[task]
    with np.load(Path(os.environ["KIND_REFERENCE_DIR"]) / "goldens" / f"train_{short}.npz") as golden:
        golden = dict(golden)
    if task == "restoration":
        return seeded(TASKS[task]), golden
    return convert.read(Path(os.environ["KIND_REFERENCE_DIR"]) / "checkpoint" / NETS[TASKS[task]].folder), golden


def feed(task: str, golden: dict) -> list[np.ndarray]:
    return [golden[f"feed/{name}"] for name in FEEDS[task]]


def run(backend: str, task: str, weights: dict, batch: list, steps: int = 1, dtype: str = "float32", **options):
    """`steps` steps on one batch: the list of each step's terms, the first step's gradients, the weights afterwards.

    batch: NHWC arrays; options: of the step. Everything that comes back is numpy, under slim names, in TF axis order.
    """
    return {"tf": _run_tf, "torch": _run_torch}[backend](task, weights, batch, steps, dtype, options)


def _run_tf(task, weights, batch, steps, dtype, options):
    import tensorflow as tf

    from kind_tf import KinD, train

    kind = KinD([TASKS[task]], dtype)
    kind.assign(weights)
    optimizer = train.make_optimizer(kind.by_name.values(), LR)
    seen = []
    apply = optimizer.step
    optimizer.step = lambda gradients: (seen.append([g.numpy() for g in gradients]), apply(gradients))
    net, batch = getattr(kind, TASKS[task]), [tf.constant(x, kind.dtype) for x in batch]
    terms = [getattr(train, f"{task}_step")(net, optimizer, *batch, **options) for _ in range(steps)]
    gradients = dict(zip(kind.by_name, seen[0], strict=True))
    return [{name: float(term) for name, term in t.items()} for t in terms], gradients, kind.state()


def _run_torch(task, weights, batch, steps, dtype, options):
    import torch

    from kind_torch import KinD, train

    kind = KinD([TASKS[task]], dtype)
    kind.assign(weights)
    optimizer = train.make_optimizer(kind.parameters(), LR)
    net = getattr(kind, TASKS[task])
    batch = [torch.tensor(x.transpose(0, 3, 1, 2)).to(getattr(torch, dtype)) for x in batch]
    terms, gradients = [], {}
    for _ in range(steps):
        terms.append(getattr(train, f"{task}_step")(net, optimizer, *batch, **options))
        gradients = gradients or {name: p.grad.numpy().copy() for name, p in kind.named_parameters()}
    terms = [{name: term.item() for name, term in t.items()} for t in terms]
    return terms, convert.to_slim(gradients), kind.state()


def relative(a, b) -> float:
    """The norm of the difference over the norm of b, in float64."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), np.finfo(np.float64).tiny))
