"""What `kindling train` draws can be read back by TensorBoard's own reader."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kindling.training.log import Log, Watch
from kindling.training.loop import Progress

pytest.importorskip("tensorboard")
ROOT = Path(__file__).parents[2]


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def watch(folder, deviation, said, start=0):
    from kindling.training.board import Board

    L = np.random.default_rng(0).standard_normal((8, 8, 1)) * deviation + 0.5
    pictures = {"low/0": np.full((8, 8, 3), 0.5), "L_low/0": L}
    return Watch(Log(folder, 2, start), Board(folder / "board", start), lambda: pictures, lambda *_: None, said.append)


def test_curves_and_pictures_arrive(tmp_path):
    said = []
    seen = watch(tmp_path, 0.2, said)
    with seen.board:
        for step in range(1, 5):
            seen(Progress(step, 1e-4, {"total": float(step)}))
        seen.draw(4)
    events = read(tmp_path / "board")
    assert [(point.step, point.value) for point in events.Scalars("loss/total")] == [(2, 1.5), (4, 3.5)]
    assert [point.step for point in events.Scalars("L/deviation")] == [2, 4]
    assert [(image.step, image.width, image.height) for image in events.Images("L_low/0")] == [(4, 8, 8)]
    assert said == []


def test_a_person_is_told_once_that_l_is_flat(tmp_path):
    said = []
    seen = watch(tmp_path, 0.001, said)
    with seen.board:
        for step in range(997, 1007):
            seen(Progress(step, 1e-4, {"total": 1.0}))
    assert len(said) == 1
    assert said[0].startswith("L is flat at step 1000: it deviates by 0.001")


def test_nothing_is_said_and_no_framework_imported(tmp_path):
    """TensorBoard would import TensorFlow where it is installed, and TensorFlow talks."""
    program = (
        "import sys, pathlib; from kindling.training.board import Board\n"
        "with Board(pathlib.Path(sys.argv[1])) as board: board.numbers(1, {'loss/total': 0.5})\n"
        "print({'tensorflow', 'torch'} & set(sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "set()\n", "")
    assert [(point.step, point.value) for point in read(tmp_path).Scalars("loss/total")] == [(1, 0.5)]
