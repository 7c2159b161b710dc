"""Two processes train as one does: each computes half of the batch, and the gradients are the whole batch's."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import convert
from tests.support.training_goldens import TASKS, feed, seeded_golden

pytest.importorskip("accelerate")
pytestmark = [pytest.mark.torch, pytest.mark.slow]

WORKER = """
import json
import os
import sys
import numpy as np
from kind_torch.train import Trainer
from kindling.losses.expression import parse
PARTS = ("weights", "m", "v")
for case in json.loads(sys.argv[1]):
    with np.load(case["start"]) as archive:
        names = archive.files
        batch = tuple(archive[f"batch/{i}"] for i in range(sum(name.startswith("batch/") for name in names)))
        parts = {p: {k[len(p) + 1 :]: archive[k] for k in names if k.startswith(p + "/")} for p in PARTS}
    objective = parse(case["loss"], "decomposition", 48) if case["loss"] else None
    trainer = Trainer(case["net"], device="cpu", objective=objective)
    trainer.assign(parts, 0)
    terms = trainer.step(batch, 1e-4)
    if trainer.is_main:
        gradients = {name: p.grad.numpy().copy() for name, p in trainer.kind.named_parameters()}
        agreed = np.array([trainer.accelerator.num_processes])
        np.savez(case["out"], processes=agreed, total=terms["total"], **gradients)
    trainer.step(batch, 1e-4)  # and on it goes
    assert trainer.agree(trainer.is_main) is True
    assert trainer.agree(False) is False
trainer.close()
os._exit(0)  # all is written; about one run in ten, gloo's own threads abort an interpreter that is winding up
"""
CASES = [*((task, "") for task in TASKS), ("decomposition", "equal_r")]


@pytest.fixture(scope="module")
def gradients(tmp_path_factory):
    """What each case has for gradients in one process and in two. They are started once for all cases."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "worker.py").write_text(WORKER)
    for number, (task, _) in enumerate(CASES):
        weights, golden = seeded_golden(task)
        batch = feed(task, golden)
        if len(batch[0]) == 1:
            batch = [np.concatenate([x, x[:, ::-1]]) for x in batch]
        zeros = {name: np.zeros_like(array) for name, array in weights.items()}
        parts = {"weights": weights, "m": zeros, "v": zeros}
        arrays = {f"{part}/{name}": array for part, group in parts.items() for name, array in group.items()}
        np.savez(folder / f"{number}.npz", **arrays, **{f"batch/{i}": x for i, x in enumerate(batch)})
    for processes in (1, 2):
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        told = [
            {"net": TASKS[task], "start": str(folder / f"{k}.npz"), "out": str(folder / f"{k}-{processes}.npz"),
             "loss": loss}
            for k, (task, loss) in enumerate(CASES)
        ]  # fmt: skip
        done = subprocess.run(
            [*launch, folder / "worker.py", json.dumps(told)],
            env={**os.environ, "PYTHONPATH": str(convert.__path__[0]).removesuffix("/convert")},
            capture_output=True, text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return {
        case: [dict(np.load(folder / f"{number}-{processes}.npz")) for processes in (1, 2)]
        for number, case in enumerate(CASES)
    }


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_gradients_of_two_processes_are_those_of_one(gradients, case):
    """Also where the loss looks at one of the net's two outputs only."""
    one, two = gradients[case]
    assert [int(r["processes"][0]) for r in (one, two)] == [1, 2]
    np.testing.assert_allclose(two["total"], one["total"], rtol=1e-6)
    for name in set(one) - {"processes", "total"}:
        assert np.linalg.norm(two[name] - one[name]) <= 1e-4 * np.linalg.norm(one[name]), name
