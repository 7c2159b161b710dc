"""The notebooks in examples/ run from top to bottom, without a word on stderr, and are committed without outputs."""

import os
import sys

import pytest

from tests.support.pages import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
manager = pytest.importorskip("jupyter_client.manager")
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
CELLS = {"checkpoint-to-pytorch": 10, "photo-and-losses": 7}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param, nbformat.read(request.param, as_version=4)


def test_is_committed_clean(notebook):
    path, book = notebook
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(code) == CELLS[path.stem]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    nbformat.validate(book)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
def test_runs(notebook, monkeypatch):
    _, book = notebook
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    kernel = manager.AsyncKernelManager(kernel_name="python3")
    kernel.kernel_spec.argv[0] = sys.executable  # this interpreter, whatever kernels a person has installed
    client = nbclient.NotebookClient(book, km=kernel, timeout=600, resources={"metadata": {"path": ROOT / "examples"}})
    client.execute()
    noise = [
        output.text
        for cell in book.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not noise
