"""As a person meets it: built, installed into a fresh environment, and run far from any checkout.

No package index is asked: the new environment borrows what this one has installed, all but ourselves.
"""

import email
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling.version import __version__
from tests.support import browser as browsers
from tests.support.pages import blocks

pytest.importorskip("build")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "demo", "*.egg-info")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A checkout of its own, since building leaves files behind."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "kindling", ignore=NOT_SOURCE)


@pytest.fixture(scope="module")
def distributions(source):
    """(sdist, the wheel that was built from it): what `python -m build` makes for an index."""
    _built(source, "dist")
    (sdist,), (wheel,) = (source / "dist").glob("*.tar.gz"), (source / "dist").glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory):
    """A new environment with the wheel in it, which nobody may write to."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(environment, symlinks=os.name != "nt")
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    Path(paths["purelib"], "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", environment / SCRIPTS / "python"]
    _run([*pip, "install", "--no-deps", "--no-index", "--quiet", distributions[1]], cwd=environment)
    everything = [environment, *environment.rglob("*")]
    _may_write(everything, False)
    before = _listing(environment)
    yield environment
    assert _listing(environment) == before  # root may write where nobody may, so it is looked at too
    _may_write(everything, True)


def _built(source, out, *what):
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *what], cwd=source)


def _run(command, **options):
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, encoding="utf-8", **options)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _may_write(paths, allowed):
    for path in paths:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IWUSR if allowed else mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _listing(folder):
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def _contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_checkout_and_the_sdist_build_the_same_wheel(source, distributions):
    _built(source, "direct", "--wheel")
    (direct,) = (source / "direct").glob("*.whl")
    assert _contents(direct) == _contents(distributions[1])


def test_the_wheel_holds_the_packages_and_the_default_weights(distributions):
    names = _contents(distributions[1])
    files = [
        path for package in ("convert", "kind_tf", "kind_torch", "kindling") for path in ROOT.glob(f"{package}/**/*")
    ]
    kinds = (".py", ".css", ".html", ".js")  # the last three are parts of the page
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.suffix in kinds or path.name == "py.typed"}
    weights = [path.relative_to(ROOT / "checkpoints") for path in ROOT.glob("checkpoints/**/*") if path.is_file()]
    weights = [path.as_posix() for path in weights if path.suffix != ".csv"]  # the curves stay in the checkout
    assert len(weights) >= 10
    wanted |= {f"kindling/weights/{name}" for name in weights}
    assert {name for name in names if ".dist-info/" not in name} == wanted
    for name in weights:
        assert names[f"kindling/weights/{name}"] == (ROOT / "checkpoints" / name).read_bytes()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_is_a_checkout(distributions):
    """With the tests and all that they look at."""
    with tarfile.open(distributions[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "Makefile",
        "constraints.txt",
        "tests/test_installation.py",
        "tests/seeded/DecomNet.npz",
        "docs/parity.md",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", "build", "dist"))]


def test_what_the_metadata_say(distributions):
    """The base brings no framework; every extra that README names is there."""
    (text,) = (data for name, data in _contents(distributions[1]).items() if name.endswith(".dist-info/METADATA"))
    told = email.message_from_string(text.decode("utf-8"))  # whose payload has letters of any script
    assert (told["Name"], told["Version"], told["Requires-Python"]) == ("kindling-llie", __version__, ">=3.11")
    assert {"tf", "torch", "train", "vgg", "all", "dev"} <= set(told.get_all("Provides-Extra"))
    base = [line for line in told.get_all("Requires-Dist") if "extra ==" not in line]
    assert base
    assert not [line for line in base if line.startswith(("tensor", "tf", "torch", "keras", "accelerate"))]
    assert told.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


ENVIRONMENTS = {
    "no HOME": {},
    "a HOME that takes nothing": {"HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/cache"},
}


def _bare(**more):
    """What a service is started with: no HOME, nothing of this session's Python."""
    return {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP") if name in os.environ} | more


def _photo(folder):
    pixels = np.random.default_rng(0).integers(0, 60, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.jpg")


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.parametrize(
    "backend", [pytest.param("torch", marks=pytest.mark.torch), pytest.param("tf", marks=pytest.mark.tf)]
)
def test_one_command_to_a_picture(installed, tmp_path, backend, environment):
    _photo(tmp_path)
    command = [installed / SCRIPTS / "kindling", "enhance", "photo.jpg", "-o", "out", "--backend", backend]
    _run(command, cwd=tmp_path, env=_bare(**environment))
    (picture,) = (tmp_path / "out").iterdir()
    before, after = (np.array(Image.open(path)).mean() for path in (tmp_path / "photo.jpg", picture))
    assert after > 1.5 * before


@pytest.mark.torch
def test_the_first_lines_of_the_readme(source, tmp_path):
    """A stranger's way to a picture: three commands at most, in a new environment, on a photo as of a phone.

    They run as they stand. Only pip is told by its environment to ask no index and to take what they need from here.
    """
    environment = tmp_path / "venv"
    venv.create(environment, symlinks=os.name != "nt", with_pip=True)
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    Path(paths["purelib"], "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    first, same, chinese = (
        next(block for block in blocks(source / page) if block.language == "sh")
        for page in ("README.md", "docs/quick-start.md", "README.zh-CN.md")
    )
    assert first == same == chinese
    assert len(first.commands) <= 3
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 60, (96, 128, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    photo.save(source / "examples" / "night.jpg", exif=exif)
    shutil.rmtree(source / "brighter", ignore_errors=True)
    path = f"{environment / SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    for command in first.commands:
        options = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "HOME": str(tmp_path)}
        _run(["sh", "-c", command], cwd=source, env=_bare() | options | {"PATH": path})
    with Image.open(source / "brighter" / "night_kindle.jpg") as picture:
        assert picture.size == (96, 128)  # turned


@pytest.mark.torch
def test_three_lines_to_a_picture(installed, tmp_path):
    program = (
        "import kindling, numpy as np; "
        "bright = kindling.enhance(np.full((16, 16, 3), 20, np.uint8) + np.arange(16, dtype=np.uint8)[:, None, None]); "
        "print(kindling.__file__, bright.shape)"
    )
    said = _run([installed / SCRIPTS / "python", "-c", program], cwd=tmp_path, env=_bare())
    assert said.startswith(str(installed))
    assert said.endswith("(16, 16, 3)\n")


@pytest.mark.torch
def test_the_page_from_the_wheel(installed, tmp_path):
    """With its own parts, which are no Python."""
    pytest.importorskip("gradio")
    command = [installed / SCRIPTS / "kindling", "ui"]
    with (
        browsers.serving(tmp_path / "temporary", command=command, environment=_bare()) as server,
        urllib.request.urlopen(server.address) as answer,
    ):
        page = answer.read().decode()
    assert all(sign in page for sign in ('"title":"Kindling', "data-part", ".exposure", "pointerdown"))


@pytest.mark.parametrize("module", ["kindling", "convert"])
def test_python_m(installed, tmp_path, module):
    said = _run([installed / SCRIPTS / "python", "-m", module, "--help"], cwd=tmp_path, env=_bare())
    assert said.startswith("Usage: ")
