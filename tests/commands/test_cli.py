"""The command line as a person meets it: whole processes, exit codes, one line on stderr, never a traceback."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import convert
from tests.support.weights import seeded

TF, TORCH = pytest.mark.tf, pytest.mark.torch


def kindling(*arguments, module="kindling.cli", cwd=None):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120", "PYTHONPATH": os.getcwd()}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


@pytest.fixture(scope="module")
def adjust_npz(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "adjust.npz"
    convert.write(path, seeded("Illumination_adjust_net"))
    return path


def photo(path, size=(24, 18), seed=0):
    noise = np.random.default_rng(seed).integers(0, 60, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


# --- help --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["enhance"], ["convert"], ["inspect"], ["parity"]], ids=str)
def test_help_imports_no_framework(command):
    program = (
        "import sys; from kindling.cli import main; code = main(sys.argv[1:]); "
        "loaded = {'tensorflow', 'torch', 'tf_slim'} & set(sys.modules); "
        "sys.exit(f'{code} {loaded}' if loaded or code else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program, *command, "--help"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Usage: kindling")
    assert ended.stderr == ""


def test_without_a_command_it_helps():
    ended = kindling()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("Usage: kindling")


def test_a_fault_of_ours_is_not_a_failed_check():
    program = (
        "import sys; from kindling import cli; import kindling.commands.inspect as i; "
        "i.inspect.callback = lambda **options: 1 / 0; sys.exit(cli.main(['inspect', 'x']))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 70
    assert "ZeroDivisionError" in ended.stderr


def test_version():
    from kindling import __version__

    assert kindling("--version").stdout == f"kindling, version {__version__}\n"


# --- what goes wrong ---------------------------------------------------------------------------------------------

WRONG = {
    "no such command": (["frobnicate"], "No such command 'frobnicate'"),
    "no such option": (["parity", "--frob"], "See `kindling parity --help`"),
    "missing argument": (["convert", "a.npz"], "Missing argument 'DST'"),
    "wrong path": (["convert", "nowhere.npz", "b.h5"], "nowhere.npz: no such file"),
    "unknown suffix": (["convert", "adjust.npz", "b.docx"], "b.docx: unknown suffix .docx; known are .h5"),
    "existing output": (["convert", "adjust.npz", "there.h5"], "the output exists already: there.h5; give another"),
    "not a checkpoint": (["inspect", "photo.png"], "photo.png: is a picture"),
    "photo missing": (["enhance", "gone.jpg", "-o", "out"], "gone.jpg: no such file or folder"),
    "out is a file": (["enhance", "photo.png", "-o", "there.h5"], "there.h5: is a file, and -o wants a folder"),
    "negative ratio": (["enhance", "photo.png", "-o", "out", "--ratio", "-1"], "Invalid value for '--ratio'"),
    "weights missing": (["enhance", "photo.png", "-o", "out", "--weights", "gone"], "gone: no such file, and no TF"),
    "size of letters": (["parity", "--size", "axb"], "axb: expected HxW or NxHxW, such as 37x51"),
    "size of zero": (["parity", "--size", "0x5"], "0x5: expected HxW or NxHxW"),
    "size in other digits": (["parity", "--size", "\u00b2x3"], "expected HxW or NxHxW"),
    "seed below zero": (["parity", "--seed", "-1"], "Invalid value for '--seed'"),
    "tolerance without end": (["parity", "--tolerance", "inf"], "inf is no number to judge by"),
    "report over something": (["parity", "--json", "there.h5"], "the output exists already: there.h5"),
    "two reports in one": (["parity", "--json", "r", "--html", "r"], "--json and --html name the same file"),
    "a name of two lines": (["convert", "two\nlines.npz", "b.h5"], r"two\nlines.npz: no such file"),
    "a name too long": (["convert", "x" * 300 + ".npz", "b.h5"], "File name too long"),
}  # fmt: skip


WRONG_CASES = [
    pytest.param(*case, id=id, marks=[TORCH] if "--weights" in case[0] else []) for id, case in WRONG.items()
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_CASES)
def test_wrong_usage_is_one_line(arguments, words, adjust_npz, tmp_path):
    (tmp_path / "there.h5").write_text("precious")
    (tmp_path / "adjust.npz").write_bytes(adjust_npz.read_bytes())
    photo(tmp_path / "photo.png")
    before = sorted(tmp_path.iterdir())
    ended = kindling(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("kindling: ")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.h5").read_text() == "precious"


@TORCH
def test_weights_of_one_net_cannot_enhance(adjust_npz, tmp_path):
    ended = kindling("enhance", photo(tmp_path / "a.png"), "-o", tmp_path / "out", "--weights", adjust_npz)
    assert ended.returncode == 2
    assert "holds Illumination_adjust_net, so DecomNet has no weights" in ended.stderr


def test_a_framework_that_is_not_installed(adjust_npz, tmp_path):
    """PyTorch and TensorFlow made unfindable: the sentence says which extra brings them."""
    program = (
        "import sys; sys.modules['torch'] = None; sys.modules['tensorflow'] = None; "
        "from kindling.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    for backend, words in (("torch", "needs PyTorch"), ("tf", "needs TensorFlow with tf-slim")):
        arguments = [
            "enhance",
            photo(tmp_path / "a.png"),
            "-o",
            tmp_path,
            "--backend",
            backend,
            "--weights",
            adjust_npz,
        ]
        command = [sys.executable, "-c", program, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 2
        assert (
            f"--runtime {backend} {words}, which is not installed: pip install 'kindling-llie[{backend}]'"
            in ended.stderr
        )


@pytest.mark.slow
@TORCH
def test_without_tensorflow(seeded_npz, tmp_path):
    """Its checkpoints are read and written all the same, and PyTorch enhances from them."""
    program = (
        "import sys; sys.modules['tensorflow'] = sys.modules['tf_slim'] = None; "
        "from kindling.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    picture = photo(tmp_path / "a.png")
    commands = (
        ["convert", seeded_npz, tmp_path / "bundles"],
        ["inspect", tmp_path / "bundles"],
        ["convert", tmp_path / "bundles", tmp_path / "kind.pth"],
        ["enhance", picture, "-o", tmp_path / "out", "--weights", tmp_path / "bundles"],
    )
    for arguments in commands:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")
    ended = subprocess.run([sys.executable, "-c", program, "parity"], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "kindling parity needs TensorFlow with tf-slim, which is not installed" in ended.stderr


# --- what goes right ---------------------------------------------------------------------------------------------


def test_convert_says_what_it_did(adjust_npz, tmp_path):
    ended = kindling("convert", adjust_npz, tmp_path / "out.safetensors")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "8 variables, 19,393 parameters, read back bit-equal" in ended.stdout
    assert convert.fingerprint(seeded("Illumination_adjust_net")) in ended.stdout


def test_python_m_convert(adjust_npz, tmp_path):
    assert kindling(adjust_npz, tmp_path / "out.h5", module="convert").returncode == 0
    assert (tmp_path / "out.h5").exists()
    again = kindling(adjust_npz, tmp_path / "out.h5", module="convert")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_inspect_a_sound_one(adjust_npz):
    ended = kindling("inspect", adjust_npz)
    assert ended.returncode == 0
    assert "Illumination_adjust_net/en_conv_1/weights" in ended.stdout
    assert "3x3x2x32" in ended.stdout
    assert "sound: every net in it is whole and finite" in ended.stdout


def test_inspect_one_with_everything_wrong(tmp_path):
    variables = seeded("Illumination_adjust_net")
    del variables["Illumination_adjust_net/en_conv_2/biases"]
    variables["Illumination_adjust_net/en_conv_9/weights"] = np.ones(2, np.float32)
    variables["global_step"] = np.int64(3)
    np.savez(tmp_path / "x.npz", **variables)
    ended = kindling("inspect", tmp_path / "x.npz")
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert any("en_conv_2/biases" in line and "missing" in line for line in lines)
    assert any("en_conv_9/weights" in line and "extra" in line for line in lines)
    assert any("global_step" in line and "of training" in line for line in lines)
    assert sum(line.startswith("problem: ") for line in lines) == 2


@pytest.mark.slow
@TF
@TORCH
def test_parity_passes_and_writes_its_numbers(seeded_npz, tmp_path):
    picture = photo(tmp_path / "a.png")
    outputs = ["--json", tmp_path / "p.json", "--html", tmp_path / "p.html"]
    ended = kindling("parity", "--weights", seeded_npz, "--image", picture, "--size", "5x7", *outputs)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "torch computes what TF computes: 10 outputs and 168 layers compared, all pass" in ended.stdout
    report = json.loads((tmp_path / "p.json").read_text())
    assert report["ok"] is True
    assert {row["case"] for row in report["outputs"]} == {"a.png", "random 5x7"}
    assert all(row["double"] <= 1e-10 for row in report["outputs"] + report["layers"])
    assert "de_conv7_1/BiasAdd" in (tmp_path / "p.html").read_text()


@pytest.mark.slow
@TF
@TORCH
def test_parity_names_the_layer_of_a_foreign_file(adjust_npz, tmp_path):
    """A converted file from elsewhere, one weight off: exit 1 and the layer."""
    wrong = seeded("Illumination_adjust_net")
    wrong["Illumination_adjust_net/en_conv_2/weights"][1, 1, 0, 0] += 0.01
    convert.write(tmp_path / "wrong.safetensors", wrong)
    ended = kindling(
        "parity", "--weights", adjust_npz, "--torch-weights", tmp_path / "wrong.safetensors", "--size", "9x9"
    )
    assert ended.returncode == 1
    assert "the first layer that differs is Illumination_adjust_net/en_conv_2/BiasAdd" in ended.stdout
    assert "torch differs from TF" in ended.stdout


@pytest.mark.slow
@TF
@TORCH
def test_parity_by_an_absolute_tolerance(adjust_npz):
    strict = kindling("parity", "--weights", adjust_npz, "--size", "37x51", "--tolerance", "1e-12")
    loose = kindling("parity", "--weights", adjust_npz, "--size", "37x51", "--tolerance", "1e-5")
    assert (strict.returncode, loose.returncode) == (1, 0)


@pytest.mark.slow
@TF
@TORCH
def test_parity_with_a_net_missing_on_one_side(seeded_npz, adjust_npz):
    ended = kindling("parity", "--weights", seeded_npz, "--torch-weights", adjust_npz, "--size", "5x7")
    assert ended.returncode == 2
    assert "DecomNet, Restoration_net is not in it, but in" in ended.stderr


@TORCH
def test_enhance_a_folder_with_a_broken_photo(seeded_npz, tmp_path):
    (tmp_path / "in").mkdir()
    photo(tmp_path / "in" / "night.jpg")
    photo(tmp_path / "in" / "caf\u00e9 \u591c.png", seed=1)
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    ended = kindling("enhance", tmp_path / "in", "-o", tmp_path / "out", "--weights", seeded_npz)
    assert ended.returncode == 2
    assert "2 of 3 photos enhanced" in ended.stdout
    assert ended.stderr.count("\n") == 1
    assert "broken.png" in ended.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["caf\u00e9 \u591c_kindle.png", "night_kindle.jpg"]
    assert Image.open(tmp_path / "out" / "night_kindle.jpg").size == (24, 18)
    again = kindling("enhance", tmp_path / "in", "-o", tmp_path / "out", "--weights", seeded_npz)
    assert again.returncode == 2
    assert "the output exists already" in again.stderr


@pytest.mark.slow
@TORCH
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c(seeded_npz, tmp_path):
    """Stopped after the first of many photos: one line, exit code 130, and no picture that is not whole."""
    (tmp_path / "in").mkdir()
    large = photo(tmp_path / "in" / "00.png", size=(600, 400))
    for k in range(1, 40):
        os.link(large, tmp_path / "in" / f"{k:02}.png")
    # A job in the background is started with SIGINT ignored, and hands that on to its children: this test, and ours.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from kindling.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "enhance", "in", "-o", "out", "--weights", str(seeded_npz)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment)
    while not (tmp_path / "out" / "00_kindle.png").exists():
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert said.strip() == "kindling: stopped"
    assert running.returncode == 130
    pictures = list((tmp_path / "out").iterdir())
    assert 1 <= len(pictures) < 40
    for picture in pictures:
        assert np.array(Image.open(picture)).shape == (400, 600, 3)
