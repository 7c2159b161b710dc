"""Inside the distribution nothing depends on who wins a common name, such as a script called convert.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("convert", "model", "losses", "tests", "train", "arrays", "photos", "parity")
PROGRAMS = {
    "load in PyTorch": "import kind_torch, sys; kind_torch.load(sys.argv[1])",
    "load in TensorFlow": "import kind_tf, sys; kind_tf.load(sys.argv[1])",
    "beside the user's own": "import convert, kind_torch, sys; kind_torch.load(sys.argv[1]); assert convert.MINE",
    "the command": "import sys; from kindling.cli import main; sys.exit(main(['inspect', sys.argv[1]]))",
}
MARKS = {
    "load in PyTorch": ["torch", "slow"],
    "load in TensorFlow": ["tf", "slow"],
    "beside the user's own": ["torch", "slow"],
}


@pytest.fixture
def crowded(tmp_path):
    """A folder with a user's own scripts, whose names we have too; each says so if it is run."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("MINE = True\nprint('mine')\n")
    return tmp_path


def python(folder, *arguments):
    """What Python prints, started in `folder`, which it then looks into before the place where ours is installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[getattr(pytest.mark, m) for m in MARKS.get(what, [])]) for what in PROGRAMS]
)
def test_beside_a_users_own_scripts(crowded, seeded_npz, what):
    said = python(crowded, "-c", PROGRAMS[what], seeded_npz)
    assert ("mine" in said) == ("own" in what)  # his never runs, unless the program itself imports it


@pytest.mark.slow
def test_python_m_convert_beside_a_users_own(crowded, seeded_npz):
    """-m takes what stands in the working folder first, as Python does with every name; -P leaves that folder out."""
    assert python(crowded, "-m", "convert", seeded_npz, "out.npz") == "mine\n"
    assert "read back bit-equal" in python(crowded, "-P", "-m", "convert", seeded_npz, "out.npz")
    assert "read back bit-equal" in python(crowded, "-m", "kindling", "convert", seeded_npz, "again.npz")
