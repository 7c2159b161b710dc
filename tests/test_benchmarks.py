"""Every benchmark is run by the line that its docstring opens with, and says what it takes."""

import ast
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ("__init__", "million", "sides")  # what is run by none
FILES = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.stem not in SHARED)
NEEDS = {
    "against_originals": ("tf", "torch"),
    "bench": (),
    "camera": (),
    "collapse": ("torch",),
    "conversion": (),
    "degenerate": (),
    "enhance": (),
    "estimator": (),
    "losses": ("tf", "torch"),
    "noise": (),
    "performance_page": (),
    "picture": (),
    "precisions": (),
    "protocols": (),
    "ratios": (),
    "rounding": ("tf", "torch"),
    "scale": (),
    "split": (),
    "training_step": ("tf", "torch"),
    "ui": (),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[getattr(pytest.mark, mark) for mark in marks]) for name, marks in NEEDS.items()]
)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_python_m(name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m benchmarks.{name} ")


def test_every_benchmark_is_tried():
    assert list(NEEDS) == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_docstring_opens_with_the_line_that_runs_it(path):
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    assert re.match(rf"(KIND_REFERENCE_DIR=<folder> )?python -m benchmarks\.{path.stem}\b", first)


def test_no_document_runs_a_benchmark_as_a_file():
    """Started as a file, it would find its own folder before the packages that it measures."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *FILES, ROOT / "Makefile"]:
        assert "python benchmarks/" not in page.read_text(encoding="utf-8"), page
