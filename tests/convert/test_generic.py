"""Whole files carried by a table: every form there and back, and what stops a conversion."""

import re
import zipfile

import h5py
import numpy as np
import pytest

from convert import generic
from convert.containers import tensor_bundle
from convert.generic import files
from convert.soundness import differences
from kindling.cli import main
from kindling.core.errors import KindlingError
from tests.support import v1
from tests.support.bundles import by_tensorflow

torch_too = pytest.mark.torch
TABLE = """\
layers = [
  { tf = "conv1", torch = "conv1", kind = "conv2d" },
  { tf = "conv1/BatchNorm", torch = "norm", kind = "batch_norm", epsilon = 0.001 },
  { tf = "fc", torch = "head", kind = "dense", flatten = [2, 3, 4] },
]
[variables]
"conv1/weights" = [3, 3, 3, 4]
"conv1/BatchNorm/beta" = [4]
"conv1/BatchNorm/moving_mean" = [4]
"conv1/BatchNorm/moving_variance" = [4]
"fc/weights" = [24, 5]
"fc/biases" = [5]

[state]
"conv1.weight" = [4, 3, 3, 3]
"norm.weight" = [4]
"norm.bias" = [4]
"norm.running_mean" = [4]
"norm.running_var" = [4]
"norm.num_batches_tracked" = []
"head.weight" = [5, 24]
"head.bias" = [5]
"""
SHAPES = {
    "conv1/weights": (3, 3, 3, 4), "conv1/BatchNorm/beta": (4,), "conv1/BatchNorm/moving_mean": (4,),
    "conv1/BatchNorm/moving_variance": (4,), "fc/weights": (24, 5), "fc/biases": (5,),
}  # fmt: skip


def slim(dtype=np.float32):
    """A small net of slim's: a convolution with its norm (beta without gamma, as is slim's default), a dense layer."""
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def training():
    """What a training leaves beside them."""
    return {
        "conv1/weights/Adam": np.zeros((3, 3, 3, 4), np.float32),
        "conv1/weights/Adam_1": np.zeros((3, 3, 3, 4), np.float32),
        "conv1/weights/ExponentialMovingAverage": np.full((3, 3, 3, 4), 2, np.float32),
        "beta1_power": np.float32(0.5),
        "global_step": np.int64(7),
    }


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "net.toml"
    path.write_text(TABLE)
    return path


def saved(tmp_path, form, variables):
    """A checkpoint of some form, as others write it."""
    if form == "v1":
        path = tmp_path / "old.ckpt"
        path.write_bytes(v1.made(variables))
        return path
    if form == "ckpt":
        tensor_bundle.write(tmp_path / "model.ckpt", variables)
        return tmp_path / "model.ckpt"
    if form == "npz":
        np.savez(tmp_path / "model.npz", **variables)
        return tmp_path / "model.npz"
    if form == "keras":
        saved(tmp_path, "h5", variables)
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            archive.writestr("config.json", "{}")
            archive.write(tmp_path / "model.h5", "model.weights.h5")
        return tmp_path / "model.keras"
    with h5py.File(tmp_path / "model.h5", "w") as file:
        for name, array in variables.items():
            file[f"{name}:0"] = array
    return tmp_path / "model.h5"


@torch_too
@pytest.mark.parametrize("form", ["ckpt", "v1", "npz", "h5", "keras"])
@pytest.mark.parametrize("port", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("back", ["back.npz", "back.h5", "back.ckpt"])
def test_there_and_back_bit_for_bit(form, port, back, table, tmp_path):
    source = saved(tmp_path, form, slim())
    there = generic.convert_by_table(source, tmp_path / port, table)
    generic.convert_by_table(tmp_path / port, tmp_path / back, table)
    assert differences(slim(), files.read(tmp_path / back).variables) == []
    assert there.epsilons == {"norm": 0.001}
    assert there.variables == 7  # slim's norm has no gamma, PyTorch's has a weight


def test_what_it_becomes(table, tmp_path):
    generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)
    state, variables = files.read(tmp_path / "net.safetensors").variables, slim()
    assert np.array_equal(state["norm.weight"], np.ones(4, np.float32))
    assert np.array_equal(state["conv1.weight"][3, 2], variables["conv1/weights"][:, :, 2, 3])
    row, pixel = variables["fc/weights"], (1, 2, 3)  # y, x, channel
    assert np.array_equal(state["head.weight"][:, 3 * 6 + 1 * 3 + 2], row[np.ravel_multi_index(pixel, (2, 3, 4))])


@pytest.mark.tf
def test_what_comes_back_as_a_bundle_is_tensorflows(table, tmp_path):
    generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)
    generic.convert_by_table(tmp_path / "net.safetensors", tmp_path / "back.ckpt", table)
    assert differences(slim(), by_tensorflow(tmp_path / "back.ckpt")) == []


@pytest.mark.tf
def test_an_object_based_checkpoint(tmp_path):
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.conv = tf.Module()
            self.conv.kernel = tf.Variable(slim()["conv1/weights"], name="kernel")

    prefix = tf.train.Checkpoint(net=Net()).save(str(tmp_path / "objects"))
    drafted = generic.draft(prefix)
    (tmp_path / "net.toml").write_text(drafted.text)
    assert drafted.doubtful == 0
    done = generic.convert_by_table(prefix, tmp_path / "net.safetensors", tmp_path / "net.toml")
    assert done.variables == 1
    assert done.left_behind == ["save_counter"]


def test_what_is_of_a_training_is_left_behind_by_name(table, tmp_path):
    source = saved(tmp_path, "ckpt", {**slim(), **training()})
    done = generic.convert_by_table(source, tmp_path / "net.safetensors", table)
    assert sorted(done.left_behind) == sorted(training())


def test_averages_are_taken_if_asked_for(table, tmp_path):
    source = saved(tmp_path, "ckpt", {**slim(), **training()})
    done = generic.convert_by_table(source, tmp_path / "net.safetensors", table, ema=True)
    state = files.read(tmp_path / "net.safetensors").variables
    assert (state["conv1.weight"] == 2).all()
    assert np.array_equal(state["head.bias"], slim()["fc/biases"])
    assert done.notes == ["averages (EMA) of 1 of 6 variables"]


@torch_too
def test_a_state_in_a_dictionary_of_others_finds_its_way_back(table, tmp_path):
    import torch

    generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.pth", table)
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    wrapped["optimizer"] = {"exp_avg": torch.ones(2)}
    torch.save(wrapped, tmp_path / "train.pth")
    done = generic.convert_by_table(tmp_path / "train.pth", tmp_path / "back.npz", table)
    assert differences(slim(), files.read(tmp_path / "back.npz").variables) == []
    assert done.notes == ["prefix state_dict.module"]
    assert done.left_behind == ["optimizer.exp_avg"]


def test_any_precision_is_carried_and_cast_if_asked_for(table, tmp_path):
    source = saved(tmp_path, "npz", slim(np.float64))
    generic.convert_by_table(source, tmp_path / "a.safetensors", table)
    assert files.read(tmp_path / "a.safetensors").variables["conv1.weight"].dtype == np.float64
    done = generic.convert_by_table(source, tmp_path / "b.safetensors", table, cast="float32")
    assert files.read(tmp_path / "b.safetensors").variables["conv1.weight"].dtype == np.float32
    assert done.cast


# --- what stops it -----------------------------------------------------------------------------------------------

FAULTS = {
    "an unknown kind": (
        ('kind = "conv2d"', 'kind = "conf2d"'),
        r"net\.toml: line 2: there is no kind 'conf2d' of layer; known are conv1d, .*",
    ),
    "an unknown option": (
        ("flatten =", "flaten ="),
        r".*line 4: flaten is no option of a dense; it may have flatten; .*",
    ),
    "an option of another type": (
        ("flatten = [2, 3, 4]", 'flatten = "yes"'),
        r".*line 4: flatten = 'yes' is not of its kind; such as flatten = \[4, 4, 32\].*",
    ),
    "a variable twice": (
        ('tf = "fc"', 'tf = "conv1"'),
        r".*line 4: conv1 is in line 2 already.*",
    ),
    "a module twice": (
        ('torch = "norm"', 'torch = "conv1"'),
        r".*line 3: conv1 is in line 2 already.*",
    ),
    "a flatten of another size": (
        ("[2, 3, 4]", "[3, 3, 4]"),
        r".*line 4: fc: kernel has 24 inputs, and flatten = \[3, 3, 4\] are 36.*",
    ),
    "a kind with other axes": (
        ('kind = "conv2d"', 'kind = "conv3d"'),
        r".*line 2: conv1: kernel has shape \(3, 3, 3, 4\), and a conv3d has 5 axes there.*",
    ),
    "a variable that is not there": (
        ('tf = "fc"', 'tf = "fc8"'),
        r".*line 4: there is no variable right in fc8/ of the checkpoint.*fc/weights \(24, 5\) of .* is in no row.*",
    ),
    "a row too few": (
        ('  { tf = "fc", torch = "head", kind = "dense", flatten = [2, 3, 4] },\n', ""),
        r".*line 20: the port's head\.weight \(5, 24\) is filled by no row.*fc/biases \(5,\) of .* is in no row.*",
    ),
    "a shape that is not the port's": (
        ('"head.weight" = [5, 24]', '"head.weight" = [5, 25]'),
        r".*line 4: head\.weight becomes \(5, 24\), and the port's is \(5, 25\) \(line 21\).*",
    ),
    "a parameter that the port lacks": (
        ('"head.bias" = [5]\n', ""),
        r".*line 4: the port has no head\.bias.*",
    ),
    "another checkpoint than the table was made for": (
        ('"fc/biases" = [5]', '"fc/biases" = [6]'),
        r".*line 12: fc/biases has shape \(5,\), and the table says \(6,\).*",
    ),
    "a doubtful row": (
        ('kind = "conv2d"', 'kind = "conv2d", doubtful = "or conv7?"'),
        r".*line 2: the row is marked doubtful \(or conv7\?\); look at it, and take the mark out",
    ),
    "a kind that is a list": (
        ('kind = "conv2d"', 'kind = ["conv2d"]'),
        r".*line 2: there is no kind \['conv2d'\] of layer; known are conv1d, .*",
    ),
    "no kind": (('kind = "conv2d"', 'kind = ""'), r".*line 2: there is no kind '' of layer; known are conv1d, .*"),
    "roles that are a number": (
        ('kind = "dense"', 'kind = "dense", roles = 3'),
        r".*net\.toml: line 4: roles is a list of names, and here it is 3.*",
    ),
    "left behind that is no list": (
        ("]\n[variables]", "]\nleft_behind = true\n[variables]"),
        r".*net\.toml: line 6: left_behind is a list of names.*",
    ),
    "variables that are a number": (
        ("[variables]", "variables = 3\n[more]"),
        r".*net\.toml: line 7: more is no part of a table; .*line 6: variables lists names with their shapes.*",
    ),
    "a section that there is none": (
        ("[state]", "[sate]"),
        r".*line 14: sate is no part of a table; known are layers, .*",
    ),
    "no TOML": (("layers = [", "layers = [["), r".*net\.toml: is no TOML: .*line.*"),
    "two rows on a line": (
        ('"conv2d" },\n  {', '"conv2d" }, {'),
        r".*net\.toml: it has 3 rows on 2 lines; write every row on its own line",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_table_is_one_sentence_with_file_and_line(change, sentence, table, tmp_path, capsys):
    assert TABLE.count(change[0]) == 1
    table.write_text(TABLE.replace(*change))
    source = saved(tmp_path, "npz", slim())
    assert main(["convert", str(source), str(tmp_path / "net.safetensors"), "--map", str(table)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.fullmatch(sentence, said.removeprefix("kindling: ").strip().replace(f"{tmp_path}/", ""))
    assert not (tmp_path / "net.safetensors").exists()


def test_all_problems_are_said_at_once(table, tmp_path):
    table.write_text(TABLE.replace("[2, 3, 4]", "[3, 3, 4]").replace('"conv2d"', '"conv1d"'))
    with pytest.raises(KindlingError, match=r"line 2: .*line 4: "):
        generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)


def test_a_gru_that_pytorch_cannot_compute_is_refused(tmp_path):
    variables = {"g/kernel": np.ones((2, 9)), "g/recurrent_kernel": np.ones((3, 9)), "g/bias": np.ones(9)}
    (tmp_path / "net.toml").write_text('layers = [\n{ tf = "g", torch = "g", kind = "gru" },\n]')
    with pytest.raises(KindlingError, match=r"line 2: g: it is a GRU with reset_after=False .* does not compute"):
        generic.convert_by_table(saved(tmp_path, "npz", variables), tmp_path / "x.safetensors", tmp_path / "net.toml")


def test_what_pytorch_trained_and_slim_has_no_variable_for(table, tmp_path):
    generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)
    state = files.read(tmp_path / "net.safetensors").variables
    state["norm.weight"] = np.float32([1, 1, 2, 1])
    files.write(tmp_path / "trained.safetensors", state, {}, force=False)
    with pytest.raises(KindlingError, match=r"line 3: norm\.weight is not all 1, and conv1/BatchNorm has no gamma"):
        generic.convert_by_table(tmp_path / "trained.safetensors", tmp_path / "back.npz", table)


def test_a_table_without_the_names_of_variables_leads_one_way_only(table, tmp_path):
    generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)
    table.write_text(TABLE.split("[variables]")[0])
    with pytest.raises(KindlingError, match=r"line 2: .*which variables conv1 has is not in the table"):
        generic.convert_by_table(tmp_path / "net.safetensors", tmp_path / "back.npz", table)


@pytest.mark.parametrize("name", ["net.bin", "net", "net.keras"])
def test_a_target_of_no_known_form(name, table, tmp_path):
    with pytest.raises(KindlingError, match=r"with --map it is \.pth"):
        generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / name, table)


def test_averages_are_of_tensorflow(table, tmp_path):
    with pytest.raises(KindlingError, match="ema is of TensorFlow's checkpoints"):
        generic.convert_by_table(tmp_path / "x.pth", tmp_path / "back.npz", table, ema=True)


def test_a_file_that_was_changed_is_seen(table, tmp_path):
    done = generic.convert_by_table(saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors", table)
    data = bytearray((tmp_path / "net.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "net.safetensors").write_bytes(data)
    with pytest.raises(KindlingError, match="damaged, or changed"):
        files.read(tmp_path / "net.safetensors")
    assert len(done.fingerprint) == 64


def test_nothing_is_overwritten_unless_told_to(table, tmp_path):
    source, target = saved(tmp_path, "npz", slim()), tmp_path / "net.safetensors"
    target.write_text("mine")
    with pytest.raises(KindlingError, match="exists already"):
        generic.convert_by_table(source, target, table)
    assert target.read_text() == "mine"
    assert generic.convert_by_table(source, target, table, dry=True).dry
    assert target.read_text() == "mine"
    generic.convert_by_table(source, target, table, force=True)
    assert "conv1.weight" in files.read(target).variables
