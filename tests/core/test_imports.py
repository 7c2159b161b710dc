"""What an import brings along: neither a net nor the command's help waits for what reads photos or fetches files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATER = {
    "PIL",
    "pyvips",
    "skimage",
    "scipy",
    "h5py",
    "pooch",
    "requests",
    "rich",
    "psutil",
    "accelerate",
    "tensorboard",
}
PROGRAMS = {
    "import kindling": ("sys", "import kindling"),
    "the command's help": ("sys", "from kindling.cli import main; main(['--help'])"),
    "import convert": ("numpy", "import convert"),
    "a net in PyTorch": ("torch", "import kind_torch; kind_torch.KinD(['DecomNet'])"),
    "a file in PyTorch": ("torch", "import kind_torch; kind_torch.load(sys.argv[1])"),
    "the losses in PyTorch": ("torch", "import kind_torch.losses"),
    "a photo": ("sys", "from kindling.images import load_images; load_images(sys.argv[2])"),
}


def brought(framework, statement, *arguments):
    """Which of LATER are imported by `statement` and not already by `framework`."""
    program = f"import sys, {framework}; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return LATER & set(run.stdout.split())


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(k, marks=[pytest.mark.torch, pytest.mark.slow] if v[0] == "torch" else [])
        for k, v in PROGRAMS.items()
    ],
)
def test_nothing_is_imported_before_it_is_needed(what, seeded_npz):
    found = brought(*PROGRAMS[what], seeded_npz, ROOT / "examples" / "dark.png")
    if what == "a photo":
        assert "pyvips" in found  # so the test would see one that is imported too early
    else:
        assert found == set()
