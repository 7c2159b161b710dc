"""The benchmark itself, on a tiny picture: that it runs, and writes its record, its pictures and its page."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.sides import work
from kindling.families.kind.nets import NETS

ROOT = Path(__file__).parents[2]


def test_the_work_of_the_nets_is_the_papers():
    """127 GFLOP at 400x600, which is counted by hand in no other place."""
    assert sum(work(net, 400, 600)[0] for net in NETS.values()) == pytest.approx(127e9, rel=0.03)


@pytest.mark.slow
@pytest.mark.torch
def test_a_try_of_it(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("matplotlib")
    (tmp_path / "performance.md").write_text("# x\n<!-- generated: bench -->\n<!-- end -->\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.bench", "--sizes", "32x48", "--rounds", "2", "--photos", "0"]
    sides = ["--sides", "kind_torch", "ONNX Runtime", "authors' graph", "--out", str(tmp_path / "performance.json")]
    environment = {k: v for k, v in os.environ.items() if k != "KIND_REFERENCE_DIR"}
    run = subprocess.run([*command, *sides], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    record = json.loads((tmp_path / "performance.json").read_text())
    rows = record["sizes"]["32x48"]
    assert list(rows) == ["kind_torch", "ONNX Runtime"]
    assert rows["kind_torch"]["ratio"] == 1
    assert set(rows["ONNX Runtime"]["nets"]) == {"decompose", "restore", "adjust"}
    assert "KIND_REFERENCE_DIR" in record["absent"]["authors' graph"]
    assert "| ONNX Runtime | " in (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("performance.png", "roofline.png"))
