"""`kindling train`: stops and goes on to the same weights, refuses what would not, writes what others read."""

import csv
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import convert
from kindling import KindlingError
from kindling.training import batches, collapse, log, loop
from kindling.training.plan import RECIPES, Plan
from tests.support.training import FOLDERS, arguments, run
from tests.support.training_goldens import BACKENDS, EACH_TASK, TASKS
from tests.support.weights import seeded


def plan(**settings):
    sampling = batches.Sampling(batch=2, patch=24, seed=1, shuffle=True, modes=8)
    return Plan(
        **{"task": "decomposition", "sampling": sampling, "pairs": 4, "data": "x", "epochs": 3, "lr": 1e-4} | settings
    )


@pytest.mark.parametrize("task", EACH_TASK)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_was_stopped_ends_with_the_weights_of_one_that_was_not(backend, task, pairs, decom, tmp_path):
    more = ["--backend", backend] + (["--shot", "0.004", "--read", "0.03"] if task == "restoration" else [])
    assert run(*arguments(task, pairs, tmp_path / "whole", decom, *more)) == 0
    assert run(*arguments(task, pairs, tmp_path / "halves", decom, *more, "--epochs", "1")) == 0
    assert run(*arguments(task, pairs, tmp_path / "halves", decom, *more, "--resume")) == 0
    whole, halves = (np.load(tmp_path / out / FOLDERS[task] / loop.STATE) for out in ("whole", "halves"))
    assert whole.files == halves.files
    for name in whole.files:
        np.testing.assert_array_equal(whole[name], halves[name], err_msg=name)
    logs = [(tmp_path / out / FOLDERS[task] / "losses.csv").read_text() for out in ("whole", "halves")]
    assert logs[0] == logs[1]


@pytest.mark.slow
@pytest.mark.torch
def test_a_killed_training_goes_on_to_the_same_weights(pairs, decom, tmp_path):
    """SIGKILL, at whatever point it hits, with a checkpoint after every step."""
    command = [sys.executable, "-m", "kindling.cli", *arguments("adjustment", pairs, tmp_path / "killed", decom)]
    process = subprocess.Popen([*command, "--epochs", "100000", "--minutes", "0"])
    state = tmp_path / "killed" / FOLDERS["adjustment"] / loop.STATE
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.wait()
    with np.load(state) as archive:
        done = json.loads(str(archive["about"]))["step"]
    epochs = str(done // 2 + 2)  # two steps an epoch
    assert run(*arguments("adjustment", pairs, tmp_path / "killed", decom, "--epochs", epochs, "--resume")) == 0
    assert run(*arguments("adjustment", pairs, tmp_path / "whole", decom, "--epochs", epochs)) == 0
    killed, whole = (convert.read(tmp_path / out) for out in ("killed", "whole"))
    for name in whole:
        np.testing.assert_array_equal(killed[name], whole[name], err_msg=name)


# The process stops itself at its third step; a job in the background is begun with SIGINT ignored.
STOPPED = """
import os, signal, sys
from kind_torch.train import Trainer
from kindling.cli import main

step, count = Trainer.step, []

def interrupted(self, *args):
    count.append(1)
    if len(count) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return step(self, *args)

signal.signal(signal.SIGINT, signal.default_int_handler)
Trainer.step = interrupted
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_ends_the_step_and_saves(pairs, decom, tmp_path):
    """In a process of its own: a signal goes to all that a test's process has ever loaded."""
    command = [sys.executable, "-c", STOPPED, *arguments("adjustment", pairs, tmp_path, decom)]
    assert subprocess.run(command).returncode == 130
    _, done = loop.load_state(tmp_path / FOLDERS["adjustment"], _plan_of(tmp_path / FOLDERS["adjustment"]))
    assert done == 3


@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("task", EACH_TASK)
def test_both_frameworks_train_alike(task, pairs, decom, tmp_path):
    """The same batches and the same first weights: after six steps they differ by rounding."""
    for backend in ("tf", "torch"):
        assert run(*arguments(task, pairs, tmp_path / backend, decom, "--backend", backend)) == 0
    tf, torch = (convert.read(tmp_path / backend) for backend in ("tf", "torch"))
    beyond = sum(int((np.abs(tf[name] - torch[name]) > 2e-5).sum()) for name in tf)
    assert beyond <= 0.001 * sum(array.size for array in tf.values())  # the rest: kinks, see test_training_goldens


@pytest.mark.torch
def test_a_training_begun_on_one_framework_goes_on_with_the_other(pairs, decom, tmp_path):
    pytest.importorskip("tensorflow")
    assert run(*arguments("adjustment", pairs, tmp_path / "a", decom, "--epochs", 1, "--backend", "tf")) == 0
    assert run(*arguments("adjustment", pairs, tmp_path / "a", decom, "--resume")) == 0
    assert run(*arguments("adjustment", pairs, tmp_path / "b", decom, "--backend", "tf")) == 0
    a, b = convert.read(tmp_path / "a"), convert.read(tmp_path / "b")
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=2e-5)


@pytest.mark.slow
@pytest.mark.torch
def test_the_three_trainings_make_one_model(pairs, tmp_path):
    for task in TASKS:
        assert run(*arguments(task, pairs, tmp_path, None, "--epochs", 1)) == 0
    import kind_torch

    kind = kind_torch.load(tmp_path)
    assert {"DecomNet", "Restoration_net", "Illumination_adjust_net"} <= set(dict(kind.named_children()))
    for folder in FOLDERS.values():
        assert (tmp_path / folder / "checkpoint").read_text().startswith('model_checkpoint_path: "model.ckpt"')


@pytest.mark.torch
@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (["--seed", "1"], ["--seed", "2", "--resume"], "seed was 1 and is now 2"),
        (["--seed", "1"], ["--seed", "1", "--batch", "4", "--resume"], "batch was 2 and is now 4"),
        ([], [], "holds a training already; --resume goes on with it"),
        (None, ["--resume"], "there is no training to go on with"),
    ],
)
def test_what_would_not_continue_is_refused(pairs, tmp_path, capsys, then, now, said):
    if then is not None:
        assert run(*arguments("decomposition", pairs, tmp_path, None, "--epochs", 1, *then)) == 0
    assert run(*arguments("decomposition", pairs, tmp_path, None, *now)) == 2
    assert said in capsys.readouterr().err


@pytest.mark.torch
def test_weights_of_no_training_are_not_overwritten(pairs, tmp_path, capsys):
    convert.write(tmp_path / "npz.npz", seeded("DecomNet"))
    (tmp_path / FOLDERS["decomposition"]).mkdir()
    (tmp_path / "npz.npz").rename(tmp_path / FOLDERS["decomposition"] / "mine.npz")
    assert run(*arguments("decomposition", pairs, tmp_path, None)) == 2
    assert "holds weights already" in capsys.readouterr().err


@pytest.mark.torch
def test_a_training_can_start_from_weights(pairs, decom, tmp_path, capsys):
    assert run(*arguments("decomposition", pairs, tmp_path / "a", None, "--epochs", 1, "--start", decom)) == 0
    near = convert.read(tmp_path / "a")
    for name, array in seeded("DecomNet").items():
        assert 0 < np.abs(near[name] - array).max() < 3e-4, name
    assert run(*arguments("adjustment", pairs, tmp_path / "b", decom, "--start", decom)) == 2
    assert "holds DecomNet, and not Illumination_adjust_net" in capsys.readouterr().err


@pytest.mark.torch
@pytest.mark.parametrize(
    ("task", "more", "said"),
    [
        ("decomposition", ["--cell", "7"], "--patch 24 cannot be cut into squares of --cell 7"),
        ("adjustment", ["--cell", "24"], "--cell and --equal-r are for decomposition"),
        ("adjustment", ["--read", "0.1"], "--shot and --read are for restoration"),
        ("restoration", ["--patch", "8"], "too small for SSIM's window"),
        ("decomposition", ["--decay", "x"], "'x' is not EPOCH:FACTOR"),
        ("decomposition", ["--patch", "41"], "smaller than the patch of 41"),
    ],
)
def test_settings_that_make_no_sense_are_refused(pairs, decom, tmp_path, capsys, task, more, said):
    assert run(*arguments(task, pairs, tmp_path, decom, *more)) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
def test_large_patches_are_warned_of(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(collapse, "degenerate_loss", lambda *_: 0.03)
    assert run(*arguments("decomposition", pairs, tmp_path, None, "--epochs", 1)) == 0
    assert "warning: with batches of 2 patches of 24 pixels the degenerate solution" in capsys.readouterr().err


@pytest.mark.torch
def test_adjustment_without_a_trained_decomposition_is_refused(pairs, tmp_path, capsys):
    assert run(*arguments("adjustment", pairs, tmp_path, tmp_path / "none")) == 2
    assert (
        "there is no trained DecomNet; train decomposition first, or name one with --decom" in capsys.readouterr().err
    )


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / loop.STATE).write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(KindlingError, match="damaged or not a state of training"):
        loop.load_state(tmp_path, plan())


@pytest.mark.torch
def test_a_state_that_is_not_finite_replaces_none_that_is(pairs, decom, tmp_path, monkeypatch, capsys):
    from kind_torch.train import Trainer

    assert run(*arguments("adjustment", pairs, tmp_path, decom, "--epochs", 1)) == 0
    folder = tmp_path / FOLDERS["adjustment"]
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".npz", ".index")}
    step = Trainer.step

    def broken(self, *args):
        terms = step(self, *args)
        next(self.kind.parameters()).data[0] = np.nan  # after the loss was taken, as Adam does it
        return terms

    monkeypatch.setattr(Trainer, "step", broken)
    assert run(*arguments("adjustment", pairs, tmp_path, decom, "--resume", "--minutes", 0)) == 2
    said = capsys.readouterr().err
    assert "not finite after step 3: weights of Illumination_adjust_net/" in said
    assert "the last saved state, of step 2, is sound" in said
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_the_rate_follows_the_epochs():
    decaying = plan(epochs=100, decay=((80, 0.5), (90, 0.1)))
    assert (decaying.steps_per_epoch, decaying.steps) == (2, 200)
    assert [decaying.lr_at(step) for step in (0, 159, 160, 179, 180, 199)] == [1e-4, 1e-4, 5e-5, 5e-5, 1e-5, 1e-5]


def test_the_recipes_are_the_originals():
    assert {task: (r.batch, r.patch, r.epochs, r.lr, r.modes, r.images) for task, r in RECIPES.items()} == {
        "decomposition": (10, 48, 2000, 1e-4, 8, None),
        "adjustment": (10, 48, 2000, 1e-4, 7, 450),
        "restoration": (4, 384, 1000, 1e-4, 8, 466),
    }


def test_first_weights_are_glorot_uniform():
    shapes = {name: array.shape for name, array in seeded("DecomNet").items()}
    weights = loop.initial_weights(shapes, 3)
    limit = np.sqrt(6 / (9 * (64 + 128)))
    assert limit * 0.99 < np.abs(weights["DecomNet/g_conv3_1/weights"]).max() <= limit
    assert not weights["DecomNet/g_conv3_1/biases"].any()


def test_losses_csv_averages_and_forgets_lost_steps(tmp_path):
    first = log.Log(tmp_path, 2, 0)
    for step in range(1, 7):
        first(loop.Progress(step, 1e-4, {"total": float(step)}))
    again = log.Log(tmp_path, 2, 3)  # resumed from step 3: the rows of 4 and 6 are of lost steps
    for step in (4, 5, 6):
        again(loop.Progress(step, 1e-4, {"total": 9.0}))
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["step", "lr", "total"], ["2", "0.0001", "1.5"], ["4", "0.0001", "9"], ["6", "0.0001", "9"]]


def _plan_of(folder):
    """A plan that load_state takes for the one in `folder`."""
    with np.load(folder / loop.STATE) as archive:
        identity = json.loads(str(archive["about"]))["plan"]
    settings = {key: identity[key] for key in ("batch", "patch", "seed", "shuffle", "modes", "images")}
    return plan(task=identity["task"], data=identity["data"], sampling=batches.Sampling(**settings))
