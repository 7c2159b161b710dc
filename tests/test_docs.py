"""The docs say what is there: generated parts in step, links alive, commands and Python snippets that run."""

import doctest
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import convert
from kindling.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def make_docs():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "docs" / "make_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_in_step():
    module = make_docs()
    page = module.PAGE.read_text(encoding="utf-8")
    assert len(module.PART.findall(page)) == 6
    assert module.fill(page) == page, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:\$ )?(?:\.venv/bin/)?kindling (\w+)", text, re.MULTILINE))
    named |= set(re.findall(r"`kindling (\w+)", text))
    assert named <= set(COMMANDS)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
def test_the_snippets_of_the_readme_run(seeded_npz, tmp_path):
    """Every Python block, in order, in one process, on seeded weights."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    convert.convert_file(seeded_npz, tmp_path / "checkpoints")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = "\n".join(blocks)
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("module", ["kindling.core.errors", "kindling.photos.jobs", "kind_tf.kind", "kind_torch.kind"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
