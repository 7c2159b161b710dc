"""`kindling train` as tests call it: small, and in this process."""

from pathlib import Path

from kindling import cli
from kindling.training.plan import RECIPES
from tests.support.training_goldens import TASKS

FOLDERS = {task: RECIPES[task].folder for task in TASKS}


def arguments(task: str, pairs: Path, out: Path, decom: Path | None, *more: object) -> list[object]:
    """Of three epochs of two steps, on two patches of 24 pixels; `decom` is what the other two nets look through."""
    size = ["--batch", "2", "--patch", "24", "--epochs", "3", "--every", "2"]
    frozen = [] if decom is None or task == "decomposition" else ["--decom", str(decom)]
    return ["train", task, "--data", str(pairs), "--out", str(out), *size, *frozen, *more]


def run(*args: object) -> int:
    """The exit code of `kindling` with these arguments, in this process."""
    return cli.main([str(a) for a in args])
