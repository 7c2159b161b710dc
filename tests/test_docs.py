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
    for target in re.findall(r"`make ([\w-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_runs_without_make_is_what_the_public_tests_run():
    """The two lines of the README, in the workflow for every system; the quick part is make's too."""
    text, workflow, makefile = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".github/workflows/tests.yml", "Makefile")
    )
    (block,) = re.findall(r"Without make.*?```sh\n(.*?)```", text, re.DOTALL)
    install, run = block.splitlines()
    assert f"- run: {install}\n" in workflow
    assert f"- run: {run}\n" in workflow
    assert run.removeprefix("python").replace("-n 2", "-n $(JOBS)") in makefile


def test_every_python_that_is_promised_is_tested():
    setup, workflow = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("setup.py", ".github/workflows/tests.yml")
    )
    promised = set(re.findall(r"Programming Language :: Python :: (3\.\d+)", setup))
    assert len(promised) >= 4
    assert promised == set(re.findall(r'"(3\.\d+)"', workflow))


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
@pytest.mark.parametrize(
    "module",
    ["kindling.core.errors", "kindling.core.files", "kindling.photos.directories", "kindling.photos.find",
     "kindling.photos.jobs", "kindling.photos.kinds", "kind_tf.kind", "kind_torch.kind"],
)  # fmt: skip
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
