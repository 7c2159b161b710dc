"""`convert` and `inspect` in scripts and pipes: JSON, silence, dry runs, readers that stop reading, names uncut."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import convert
from tests.support.weights import seeded

NET = "Illumination_adjust_net"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "adjust.npz"
    convert.write(path, seeded(NET))
    return path


@pytest.fixture(scope="module")
def unsound(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "broken.npz"
    long = "x" * 300
    np.savez(path, **{f"{NET}/en_conv_1/biases": np.ones(32, np.float32), f"{NET}/{long}": np.ones(2, np.float32)})
    return path


def run(*arguments, stdout=subprocess.PIPE, columns="40"):
    environment = {**os.environ, "COLUMNS": columns, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "kindling", *map(str, arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_name_is_never_cut(unsound):
    """However narrow the terminal says that it is."""
    lines = run("inspect", unsound).stdout.splitlines()
    assert any(line.split()[0] == f"{NET}/{'x' * 300}" for line in lines)
    assert sum(line.startswith(f"{NET}/en_conv") and line.endswith("missing") for line in lines) == 7


def test_a_name_with_terminal_codes_is_spelled_out(tmp_path):
    np.savez(tmp_path / "x.npz", **{"a\x1b[31m\n/b": np.ones(2)})
    ended = run("inspect", tmp_path / "x.npz")
    assert r"a\x1b[31m\n/b" in ended.stdout
    assert "\x1b" not in ended.stdout


COMMANDS = {
    "inspect": lambda sound, folder: ("inspect", sound),
    "inspect --json": lambda sound, folder: ("inspect", sound, "--json"),
    "convert": lambda sound, folder: ("convert", sound, folder / "out.h5"),
    "diff": lambda sound, folder: ("diff", sound, sound),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_has_gone(sound, tmp_path, command):
    """As `| head -1` does when it has its line: the exit code is still the verdict, and nobody complains."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        ended = run(*command(sound, tmp_path), stdout=nobody)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_verdict_of_an_unsound_one_survives_its_reader(unsound):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody:
        ended = run("inspect", unsound, stdout=nobody)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments", [["FILE", "--json"], ["FILE", "--json", "-"], ["--json", "FILE"], ["--json=-", "FILE"]]
)
def test_inspect_as_json(sound, arguments):
    ended = run("inspect", *(sound if word == "FILE" else word for word in arguments))
    assert (ended.returncode, ended.stderr) == (0, "")
    said = json.loads(ended.stdout)
    assert (said["form"], said["family"], said["sound"], said["problems"]) == ("npz", "kind", True, [])
    assert said["nets"] == {NET: [8, 8]}
    assert said["parameters"] == 19_393
    assert said["fingerprint"] == convert.fingerprint(seeded(NET))
    assert said["variables"][0] == {
        "name": f"{NET}/en_conv_1/weights", "net": NET, "shape": [3, 3, 2, 32], "dtype": "float32", "state": "there",
    }  # fmt: skip


def test_inspect_as_json_of_an_unsound_one(unsound, tmp_path):
    ended = run("inspect", unsound, "--json", tmp_path / "x.json", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
    said = json.loads((tmp_path / "x.json").read_text())
    assert said["sound"] is False
    assert [v["state"] for v in said["variables"]] == ["missing", "there", *["missing"] * 6, "extra"]
    again = run("inspect", unsound, "--json", tmp_path / "x.json")
    assert (again.returncode, again.stdout) == (2, "")
    assert "exists already" in again.stderr
    assert run("inspect", unsound, "--json", tmp_path / "x.json", "--force").returncode == 1


@pytest.mark.parametrize("first", [True, False])
def test_convert_as_json(sound, tmp_path, first):
    arguments = ["--json", sound, tmp_path / "out.h5"] if first else [sound, tmp_path / "out.h5", "--json", "-"]
    ended = run("convert", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    said = json.loads(ended.stdout)
    assert (said["form"], said["nets"], said["variables"], said["dry"]) == ("h5", [NET], 8, False)
    assert said["files"] == [str(tmp_path / "out.h5")]
    assert convert.fingerprint(convert.read(tmp_path / "out.h5")) == said["fingerprint"]


def test_convert_quietly(sound, tmp_path):
    ended = run("convert", sound, tmp_path / "out.h5", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("name", ["out.h5", "nets", "model.ckpt"])
def test_a_dry_run_writes_nothing(sound, tmp_path, name):
    ended = run("convert", sound, tmp_path / name, "--dry-run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "read and sound; nothing is written" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_the_real_one_would(sound, unsound, tmp_path):
    (tmp_path / "out.h5").write_text("mine")
    assert "exists already" in run("convert", sound, tmp_path / "out.h5", "--dry-run").stderr
    ended = run("convert", unsound, tmp_path / "new.h5", "--dry-run")
    assert ended.returncode == 2
    assert "misses 7 of 8 variables" in ended.stderr


def test_convert_casts_and_says_so(tmp_path):
    np.savez(tmp_path / "half.npz", **{name: array.astype(np.float16) for name, array in seeded(NET).items()})
    refused = run("convert", tmp_path / "half.npz", tmp_path / "out.npz")
    assert refused.returncode == 2
    assert "8 variables are float16, expected float32" in refused.stderr
    assert "--cast float32" in refused.stderr
    ended = run("convert", tmp_path / "half.npz", tmp_path / "out.npz", "--cast", "float32")
    assert "cast: 8 variables from float16 to float32, every value exactly" in ended.stdout


def test_convert_takes_averages(tmp_path):
    weights = seeded(NET)
    averages = {f"ema/{name}": array + 1 for name, array in weights.items()}
    np.savez(tmp_path / "both.npz", **weights, **averages)
    plain = run("convert", tmp_path / "both.npz", tmp_path / "plain.npz")
    assert "averages (EMA), which --ema takes" in plain.stdout
    assert run("convert", tmp_path / "both.npz", tmp_path / "ema.npz", "--ema").returncode == 0
    for path, added in ((tmp_path / "plain.npz", 0), (tmp_path / "ema.npz", 1)):
        variables = convert.read(path)
        assert all(np.array_equal(variables[name], weights[name] + np.float32(added)) for name in weights)


# --- diff --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flipped(tmp_path_factory):
    """The same weights, one kernel flipped and all rounded."""
    weights = seeded(NET)
    name = f"{NET}/en_conv_2/weights"
    weights[name] = np.ascontiguousarray(weights[name][:, ::-1])
    path = tmp_path_factory.mktemp("weights") / "flipped.safetensors"
    convert.write(path, weights)
    return path


def test_diff_of_two_forms_of_the_same(sound, tmp_path):
    convert.convert_file(sound, tmp_path / "same.h5")
    ended = run("diff", sound, tmp_path / "same.h5")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"the same: 8 variables of {sound} and {tmp_path / 'same.h5'} are equal bit by bit\n"
    assert len(run("diff", sound, tmp_path / "same.h5", "--all").stdout.splitlines()) == 10


def test_diff_names_what_is_wrong(sound, flipped):
    ended = run("diff", sound, flipped)
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["variable", f"{NET}/en_conv_2/weights"]
    assert lines[1].endswith("flipped left-right")
    assert lines[2:] == [f"finding: {NET}/en_conv_2/weights: flipped left-right", "they differ: 1 of 8 variables"]


def test_diff_as_json(sound, flipped):
    ended = run("diff", "--json", sound, flipped)
    assert (ended.returncode, ended.stderr) == (1, "")
    said = json.loads(ended.stdout)
    assert said["same"] is False
    assert [finding["kind"] for finding in said["findings"]] == ["flipped"]
    assert {row["state"] for row in said["variables"]} == {"equal", "other values"}
    quiet = run("diff", sound, flipped, "--quiet")
    assert (quiet.returncode, quiet.stdout) == (1, "")


def test_diff_of_what_no_conversion_would_take(sound, unsound, tmp_path):
    """Incomplete and half-precision files are compared as they are; slots are no part of it."""
    ended = run("diff", sound, unsound)
    assert ended.returncode == 1
    assert "missing in the second" in ended.stdout
    assert "only in the second" in ended.stdout
    half = {name: array.astype(np.float16) for name, array in seeded(NET).items()}
    np.savez(tmp_path / "half.npz", **half, **{f"{name}/Adam": array for name, array in half.items()}, global_step=3)
    assert f"{NET}: 8 of 8 variables rounded to float16" in run("diff", sound, tmp_path / "half.npz").stdout


def test_diff_of_a_file_that_cannot_be_read(sound, tmp_path):
    (tmp_path / "x.npz").write_bytes(b"")
    ended = run("diff", sound, tmp_path / "x.npz")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "it is empty" in ended.stderr
