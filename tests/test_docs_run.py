"""Every command and every snippet of README and the docs is run, or is listed here with the reason why it is not.

A page is run from top to bottom in a workshop of its own: a folder with small photos, pairs, weights and files of the
names that the docs use. A command is run as it stands, but for what SHORTER adds to it: a training is cut to a step,
and what a command above has written may be overwritten.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

import convert
from kindling import cli
from kindling.families.vgg import SHAPES
from tests.support.families import families, seeded
from tests.support.pages import ENGLISH, PAGES, ROOT, Block, blocks, name_of

pytestmark = [pytest.mark.slow, pytest.mark.tf, pytest.mark.torch]

# Commands that are not run here, by how they begin, and why; a test elsewhere that runs one is named.
NOT_RUN = {
    "python -m pip install .[torch]": "tests/test_installation.py::test_the_first_lines_of_the_readme",
    "python -m pip install": "asks a package index",
    "python -m pip install .[torch,ui]": "tests/test_installation.py::test_the_page_from_the_wheel",
    "python -m pip install -c constraints.txt": "asks a package index; the public tests begin with this line",
    "python -m pytest": "these are the tests",
    ".venv/bin/python -m pytest": "these are the tests",
    "make demo": "tests/test_docs_run.py::test_make_demo",
    "make docs": "tests/test_site.py::test_the_site_is_built_without_a_warning",
    "make test": "these are the tests",
    "make coverage": "these are the tests",
    "make test-ui": "these are the tests",
    "kindling enhance photos/ -o brighter/ --recursive --on ray --address": "tests/ray/test_run.py has a cluster",
    "kindling enhance urls.txt": "asks a host; tests/ray/test_manifest.py",
    "kindling enhance shards/": "on files that are not here; tests/ray/test_run.py",
    "kindling ui": "serves until it is stopped; tests/ui/test_page.py",
    "make check": "the public tests run it",
    "make fuzz": "tests/convert/test_fuzz.py",
    "make bench": "tests/test_benchmarks.py",
    "python -m benchmarks.bench": "a minute and a half; tests/exported/test_bench.py tries it smaller",
    "kindling fetch": "asks the hosts of the authors; tests/convert/test_fetch.py has a host of its own",
    "kindling train joint --init START": "half an hour, on photos that are not here; tests/training/test_joint.py",
    "kindling train joint --init JOINT": "an hour, on photos that are not here; tests/training/test_joint.py",
    "python -m benchmarks.estimator": "on photos that are not here; tests/test_benchmarks.py",
    "python docs/make_feature_maps.py": "tests/test_docs_run.py::test_pictures_are_made",
}
# What is added to a command, by how it begins, so that it ends soon or may overwrite.
SHORTER = {
    "kindling train joint": "--steps 1 --warm 0 --cool 0 --batch 1 --patch 64",
    "kindling train": "--epochs 1 --images 1 --batch 1 --patch 48",
    "python -m benchmarks.precisions": "--side 64 --rounds 1",
    "kindling parity --port": "",
    "kindling parity --json": "--size 5x7 --force",
    "kindling parity": "--size 5x7",
    "kindling evaluate": "--force",
    "kindling convert": "--force",
    "kindling export": "--force",
}
# Pages whose snippets another test runs, each in a process without Kindling.
RUN_ELSEWHERE = {"docs/runtimes.md": "tests/exported/test_snippets.py"}
# What stands before a snippet that goes on from the text around it, by page and number of the snippet.
BEFORE = {
    ("docs/architecture.md", 0): "import keras",
    ("docs/enhance.md", 0): "import numpy as np; photo = np.arange(2160, dtype=np.uint8).reshape(24, 30, 3)",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Files of all the names that the docs use."""
    shop = tmp_path_factory.mktemp("workshop")
    (shop / "checkpoints").symlink_to(ROOT / "checkpoints")
    for name in ("originals", "WEIGHTS"):
        (shop / name).symlink_to(ROOT / "checkpoints")
    with Image.open(ROOT / "examples" / "night.jpg") as photo:
        small = photo.crop((100, 240, 196, 304))  # 96x64
    dark, bright = small.point(lambda x: x // 3), small
    for folder in ("low", "pairs/low", "LOL/eval15/low"):
        _saved(dark, shop / folder, "1.png", "2.png")
    for folder in ("high", "eval15/high", "pairs/high", "LOL/eval15/high", "theirs", "mine"):
        _saved(bright, shop / folder, "1.png", "2.png")
    _saved(dark, shop / "photos", "a.jpg", "b.jpg")
    _saved(dark, shop / "photos" / "more", "c.png")
    _saved(dark, shop, "night.jpg", "photo.jpg")
    _saved(dark, shop / "examples", "night.jpg", "dark.png")
    for name in ("DIR", "OTHER", "KEPT"):
        (shop / name).symlink_to("pairs")
    for id in ("kind_plus", "retinexnet"):
        (family,) = families(id)
        convert.write(shop / id, seeded(family), {"family": id})
    for name in ("ours.npz", "theirs.pth", "FILE.pth", "SRC.npz", "kind.pth", "model.ckpt"):
        convert.convert_file(ROOT / "checkpoints", shop / name)
    (shop / "FILE.pth").rename(shop / "FILE")
    (shop / "SRC.npz").rename(shop / "SRC")
    for name in ("original.py", "port.py"):
        shutil.copy(ROOT / "examples" / "carry_gladnet" / name, shop / name)
    random = np.random.default_rng(0)
    with h5py.File(shop / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "w") as file:
        for name, shape in SHAPES["vgg16"].items():
            layer, kind = name.split("/")
            file[f"{layer}/{layer}/{'bias' if kind == 'biases' else 'kernel'}:0"] = (
                random.standard_normal(shape).astype(np.float32) * 0.05
            )
    shutil.copy(shop / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", shop / "vgg16.h5")
    return shop


@pytest.fixture
def workshop(shop, tmp_path, monkeypatch):
    """A copy, in which the process stands; `kindling` and `python` are this checkout's and this interpreter."""
    for path in shop.iterdir():
        (shutil.copytree if path.is_dir() and not path.is_symlink() else _copied)(path, tmp_path / path.name)
    tools = tmp_path / ".tools"
    tools.mkdir()
    for name, arguments in {"python": "", "kindling": "-m kindling "}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _copied(source, target):
    shutil.copyfile(source, target) if not source.is_symlink() else target.symlink_to(os.readlink(source))


def _saved(image, folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        image.save(folder / name)


def first(table, command):
    """What the table says of the command: of its rows that fit, the longest."""
    plain = command.replace('"', "")
    return next((table[key] for key in sorted(table, key=len, reverse=True) if plain.startswith(key)), None)


# Chinese pages have the code of their English ones, which tests/test_docs.py sees to.
CODE = [
    page for page in PAGES if page not in ENGLISH and any(block.language in ("sh", "python") for block in blocks(page))
]


@pytest.mark.parametrize("page", CODE, ids=name_of)
def test_page(page, workshop):
    snippets = 0
    for block in blocks(page):
        if block.language == "python" and name_of(page) not in RUN_ELSEWHERE:
            _run_snippet(BEFORE.get((name_of(page), snippets), ""), block)
            snippets += 1
        elif block.language == "sh":
            shutil.rmtree("OUT", ignore_errors=True)  # in every block another folder
            for command in block.commands:
                if not first(NOT_RUN, command):
                    _run(command)


def _run(command):
    added = first(SHORTER, command) or ""
    if command.startswith("kindling enhance") and "--skip-existing" not in command:
        added = "--force"
    if command.startswith("kindling ") and not re.search(r"[|<>&;]", command):
        assert cli.main(shlex.split(f"{command} {added}")[1:]) == 0, command
        return
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}\n{ended.stderr}"


def _run_snippet(before: str, block: Block):
    program = f"{before}\n{block.text}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, f"{program}\n{ended.stderr}"


def test_what_is_left_out_is_there_and_tested():
    """Every row of the tables above is of some page, and the tests that they name exist."""
    commands = [command.replace('"', "") for page in PAGES for block in blocks(page) for command in block.commands]
    for table in (NOT_RUN, SHORTER):
        assert not [begin for begin in table if not any(command.startswith(begin) for command in commands)]
    for reason in (*NOT_RUN.values(), *RUN_ELSEWHERE.values()):
        for path, name in re.findall(r"(tests/[\w/]+(?:\.py)?)(?:::(\w+))?", reason):
            assert (ROOT / path).exists(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_make_demo(workshop):
    """Its commands, with this interpreter in place of .venv's."""
    (workshop / "Makefile").symlink_to(ROOT / "Makefile")
    tools = workshop / ".tools"
    recipe = ["make", "-o", ".venv/ready", f"BIN={tools}", "demo"]
    ended = subprocess.run(recipe, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (workshop / "demo" / "dark_kindle.png").exists()
    assert (workshop / "demo" / "kind.pth").exists()


@pytest.mark.parametrize("script", ["make_feature_maps", "make_kernel_pictures"])
def test_pictures_are_made(script, tmp_path, monkeypatch):
    """The scripts make the pictures that the pages show, no more and no fewer."""
    spec = importlib.util.spec_from_file_location(script, ROOT / "docs" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = {path.name for path in module.OUT.iterdir()}
    monkeypatch.setattr(module, "OUT", tmp_path)
    module.main()
    assert {path.name for path in tmp_path.iterdir()} == names
