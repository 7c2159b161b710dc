"""A disk that fills up while a checkpoint is written: one sentence, the old file as it was, nothing left behind.

Each is a process of its own, since a library that cannot write may end the one that it runs in. `ulimit -f` fails as a
full disk does, wherever the file lies; where a small file system may be mounted, one is filled too.
"""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import convert
from tests.support.checkpoints import form
from tests.support.weights import seeded

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="ulimit is POSIX")]
FORMS = ["out.h5", "out.npz", "out.safetensors", "out.pth", "out.ckpt", "folder"]
PROGRAM = textwrap.dedent("""
    import resource, sys
    from kindling.cli import main
    if int(sys.argv[1]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
    sys.exit(main(["convert", *sys.argv[2:]]))
""")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "nets.npz"
    convert.write(path, seeded("DecomNet", "Illumination_adjust_net"))
    return path


def run(limit, source, target, *options):
    command = [sys.executable, "-c", PROGRAM, str(limit), str(source), str(target), *options]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def assert_refused(ended):
    assert ended.returncode == 2, ended
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert "No space left on device" in ended.stderr or "File too large" in ended.stderr


@pytest.mark.parametrize("limit", [1, 3000, 400_000])
@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_no_file_may_grow(source, tmp_path, name, limit):
    """The first byte, the first structures, or the data do not fit."""
    assert_refused(run(limit, source, tmp_path / "new" / name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_what_was_there_stays(source, tmp_path, name):
    convert.write(tmp_path / name, seeded("Illumination_adjust_net"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert_refused(run(3000, source, tmp_path / name, "--force"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_a_disk_that_is_full(source, small_disk, name):
    assert_refused(run(0, source, small_disk / name))
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("suffix", [".h5", ".npz", pytest.param(".pth", marks=pytest.mark.torch), ".safetensors"])
def test_a_vgg_too(tmp_path, suffix):
    from kindling.families.vgg import SHAPES

    np.savez(tmp_path / "vgg.npz", **{name: np.ones(shape, np.float32) for name, shape in SHAPES["vgg16"].items()})
    assert_refused(run(1_000_000, tmp_path / "vgg.npz", tmp_path / "new" / f"vgg{suffix}"))
    assert [path.name for path in tmp_path.iterdir()] == ["vgg.npz"]


def test_the_record_of_a_conversion_too(source, tmp_path):
    """--json FILE on a full disk: the weights are written, and the sentence is of the record."""
    ended = run(1, source, tmp_path / "out.npz", "--dry-run", "--quiet", "--json", str(tmp_path / "r" / "x.json"))
    assert_refused(ended)
    assert list(tmp_path.iterdir()) == []
