"""Two processes train as one does: each computes half of the batch, and the gradients are the whole batch's."""

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
import os
import sys
import numpy as np
from kind_torch.train import Trainer
from kindling.losses.expression import parse
net, file, out, loss = sys.argv[1:]
with np.load(file) as archive:
    batch = tuple(archive[f"batch/{i}"] for i in range(sum(name.startswith("batch/") for name in archive.files)))
    names = archive.files
    parts = {p: {k[len(p) + 1 :]: archive[k] for k in names if k.startswith(p + "/")} for p in ("weights", "m", "v")}
trainer = Trainer(net, device="cpu", objective=parse(loss, "decomposition", 48) if loss else None)
trainer.assign(parts, 0)
terms = trainer.step(batch, 1e-4)
if trainer.is_main:
    gradients = {name: p.grad.numpy().copy() for name, p in trainer.kind.named_parameters()}
    agreed = np.array([trainer.accelerator.num_processes])
    np.savez(out, processes=agreed, total=terms["total"], **gradients)
trainer.step(batch, 1e-4)  # and on it goes
assert trainer.agree(trainer.is_main) is True
assert trainer.agree(False) is False
trainer.close()
os._exit(0)  # all is written; about one run in ten, gloo's own threads abort an interpreter that is winding up
"""


@pytest.mark.parametrize(
    ("task", "loss"), [*((task, "") for task in TASKS), ("decomposition", "equal_r")], ids="-".join
)
def test_gradients_of_two_processes_are_those_of_one(task, loss, tmp_path):
    """Also where the loss looks at one of the net's two outputs only."""
    weights, golden = seeded_golden(task)
    batch = feed(task, golden)
    if len(batch[0]) == 1:
        batch = [np.concatenate([x, x[:, ::-1]]) for x in batch]
    zeros = {name: np.zeros_like(array) for name, array in weights.items()}
    parts = {"weights": weights, "m": zeros, "v": zeros}
    arrays = {f"{part}/{name}": array for part, group in parts.items() for name, array in group.items()}
    np.savez(tmp_path / "start.npz", **arrays, **{f"batch/{i}": x for i, x in enumerate(batch)})
    (tmp_path / "worker.py").write_text(WORKER)
    results = []
    for processes in (1, 2):
        launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        out = tmp_path / f"{processes}.npz"
        done = subprocess.run(
            [*launch, tmp_path / "worker.py", TASKS[task], tmp_path / "start.npz", out, loss],
            env={**os.environ, "PYTHONPATH": str(convert.__path__[0]).removesuffix("/convert")},
            capture_output=True, text=True, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(np.load(out))
    one, two = results
    assert [int(r["processes"][0]) for r in results] == [1, 2]
    np.testing.assert_allclose(two["total"], one["total"], rtol=1e-6)
    for name in set(one.files) - {"processes", "total"}:
        assert np.linalg.norm(two[name] - one[name]) <= 1e-4 * np.linalg.norm(one[name]), name
