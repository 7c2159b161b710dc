"""The docs say what is there: generated parts in step, links alive, figures that agree.

tests/test_docs_run.py runs the commands and snippets, tests/test_site.py builds the site.
"""

import ast
import doctest
import importlib
import importlib.util
import re

import pytest
import yaml

from kindling.cli import COMMANDS
from kindling.families.kind.nets import NETS
from kindling.version import __version__
from tests.support.pages import ENGLISH, PAGES, ROOT, blocks, name_of


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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
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


def test_every_block_is_run_or_is_a_picture():
    """tests/test_docs_run.py runs sh and python; the site draws the others; nothing else is there to stay untried."""
    untried = {
        (name_of(page), block.language)
        for page in PAGES
        for block in blocks(page)
        if block.language not in ("sh", "python", "mermaid", "math")
    }
    # Outputs and files as they come, which tests/test_carry.py looks for on the page.
    assert untried == {("docs/carry-your-own.md", "text"), ("docs/carry-your-own.md", "toml")}


@pytest.mark.parametrize("page", ENGLISH, ids=name_of)
def test_chinese_pages_follow_their_english_ones(page):
    """Commands, snippets, formulas, pictures and figures of a Chinese page stand on its English page, too."""
    theirs, ours = blocks(ENGLISH[page]), blocks(page)
    commands = {command for block in theirs if block.language == "sh" for command in block.commands}
    assert {command for block in ours if block.language == "sh" for command in block.commands} <= commands
    assert [block for block in ours if block.language == "math"] == [b for b in theirs if b.language == "math"]
    there, here = (
        {ast.dump(line) for block in side if block.language == "python" for line in ast.parse(block.text).body}
        for side in (theirs, ours)
    )
    assert here <= there
    pictures = re.compile(r"!\[.*?\]\((?:\.\./)?(.*?)\)")
    text, translated = (path.read_text(encoding="utf-8") for path in (ENGLISH[page], page))
    assert pictures.findall(translated) == pictures.findall(text)
    figures = re.compile(r"(?<![\d.])\d+\.\d+(?:e-\d+)?")
    assert set(figures.findall(translated)) <= set(figures.findall(text))


@pytest.mark.parametrize("page", [ROOT / "docs" / "model.md", ROOT / "docs" / "zh" / "model.md"], ids=name_of)
def test_every_layer_has_its_picture(page):
    text = page.read_text(encoding="utf-8")
    for net in NETS.values():
        for layer in net.layers:
            assert f"**`{layer.name}`**" in text, layer.name
            assert f"/{layer.name}.jpg)" in text, layer.name
    for function in (*(net.function for net in NETS.values()), "lrelu", "upsample_and_concat"):
        assert re.search(rf"^## \d\. {function}", text, re.MULTILINE), function
    maps = ROOT / "docs" / "maps"
    assert sum(path.stat().st_size for path in maps.iterdir()) < 3_000_000


def test_what_a_layer_is_said_to_see():
    """`sees NxN` of docs/model.md, by the table: a pool doubles the step, a conv adds two steps."""
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"\*\*`(\w+)`\*\*[^.]*?sees\s(\d+)x", text))
    assert len(told) == 18
    for net in NETS.values():
        sees = dict.fromkeys(net.inputs, (1, 1))
        for layer in net.layers:
            if layer.kind == "up":
                break  # from here on a layer sees by several ways
            side, step = sees[layer.of[0]]
            if layer.pooled:
                side, step = side + step, 2 * step
            sees[layer.name] = side + (layer.size - 1) * step, step
        for name, (side, _) in sees.items():
            if name in told:
                assert int(told.pop(name)) == side, name
    assert told == {"l_conv1_2": "5"}  # beside the net's main path


def test_the_losses_have_their_twenty_one_equations():
    numbers = [
        int(number)
        for block in blocks(ROOT / "docs" / "losses.md")
        for number in re.findall(r"\\tag{(\d+)}", block.text)
        if block.language == "math"
    ]
    assert numbers == list(range(1, 22))


@pytest.mark.parametrize("page", ["README.md", "docs/faq.md"])
def test_figures_of_the_weights_are_those_of_lol_md(page):
    """PSNR / SSIM of the default weights are measured in one place; what repeats them must repeat them right."""
    rows = re.findall(
        r"^\| [\w ]+ \| ([\d.]+) \|.*?\| ([\d.]+) \|", (ROOT / "docs" / "lol.md").read_text(), re.MULTILINE
    )
    known = {f"{psnr} / {ssim}" for psnr, ssim in rows}
    text = (ROOT / page).read_text(encoding="utf-8")
    told = set(re.findall(r"\d\d\.\d\d / 0\.\d{3}", text))
    assert len(told) >= 6
    assert told <= known
    alone = set(re.findall(r"\| (\d\d\.\d\d) \|", text))
    assert alone <= {psnr for psnr, _ in rows}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    """`tests/x.py`, `python -m benchmarks.x`, `pytest tests/x`: what a reader is sent to is there."""
    text = page.read_text(encoding="utf-8")
    for path in re.findall(
        r"`((?:tests|kindling|kind_torch|kind_tf|convert|docs|benchmarks|examples)/[\w./-]+)`", text
    ):
        assert (ROOT / path).exists() or path.endswith("/x.py"), path  # x: any name
    for module in re.findall(r"python -m ((?:benchmarks|tests)(?:\.[a-z_]+)+)", text):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module
    for module, arguments in re.findall(r"python -m (benchmarks\.[a-z_]+)((?:[^`#](?!\n\n))*)", text):
        source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", arguments):
            assert f'"{option}"' in source, f"{module} {option}"
    for paths in re.findall(r"pytest ((?:tests/[\w./]+ ?)+)", text):
        for path in paths.split():
            assert (ROOT / path).exists(), path


def test_the_citation_is_of_this_version():
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert told["version"] == __version__
    assert told["license"] == "MIT"
    assert told["references"][0]["doi"] in (ROOT / "README.md").read_text(encoding="utf-8")


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
