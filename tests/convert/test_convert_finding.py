"""Where a checkpoint is found: folders, prefixes, state files from elsewhere, and what is left behind."""

import hashlib

import numpy as np
import pytest

import convert
from convert.containers import tensor_bundle
from convert.soundness import differences
from kindling import KindlingError


@pytest.mark.parametrize(
    "way",
    ["", "decom_net_train", "decom_net_train/checkpoint", "decom_net_train/model.ckpt",
     "decom_net_train/model.ckpt.index", "decom_net_train/model.ckpt.data-00000-of-00001"],
)  # fmt: skip
def test_ways_to_name_a_checkpoint(small, tmp_path, way):
    decom = {name: array for name, array in small.items() if name.startswith("DecomNet")}
    convert.write(tmp_path / "checkpoint", decom)
    assert differences(decom, convert.read(tmp_path / "checkpoint" / way)) == []
    assert differences(decom, convert.read(tmp_path)) == []  # the original keeps its nets under checkpoint/


def test_a_state_file_from_another_machine(small, tmp_path):
    convert.write(tmp_path / "net" / "model.ckpt-799", small)
    (tmp_path / "net" / "checkpoint").write_text('model_checkpoint_path: "/home/somebody/KinD/model.ckpt-799"\n')
    assert differences(small, convert.read(tmp_path / "net")) == []


def test_training_state_is_named_and_left_behind(small, tmp_path):
    extra = {f"{n}/{slot}": a for n, a in small.items() for slot in ("Adam", "Adam_1")}
    extra |= {"beta1_power": np.float32(0.9), "beta2_power": np.float32(0.999), "global_step": np.int64(799)}
    tensor_bundle.write(tmp_path / "model.ckpt-799", {**small, **extra})
    done = convert.convert_file(tmp_path / "model.ckpt-799", tmp_path / "out.npz")
    assert sorted(done.left_behind) == sorted(extra)
    assert differences(small, convert.read(tmp_path / "out.npz")) == []


def test_a_folder_with_a_suffix_of_a_file(small, tmp_path):
    convert.write(tmp_path / "nets", small)
    (tmp_path / "nets").rename(tmp_path / "nets.h5")
    convert.convert_file(tmp_path / "nets.h5", tmp_path / "out.npz")
    assert differences(small, convert.read(tmp_path / "out.npz")) == []


def test_sha256_of_a_bundle_with_an_odd_name(small, tmp_path):
    """The name is no pattern, and its neighbours are not part of it."""
    convert.write(tmp_path / "model[1].ckpt", small)
    (tmp_path / "model[1].ckpt.old.index").write_text("not mine")
    own = [tmp_path / f"model[1].ckpt.{part}" for part in ("data-00000-of-00001", "index")]
    done = convert.convert_file(tmp_path / "model[1].ckpt", tmp_path / "out.npz")
    assert done.sha256 == hashlib.sha256(b"".join(file.read_bytes() for file in own)).hexdigest()


@pytest.mark.parametrize("named", ["run/model.ckpt-5", r"D:\\KinD\\model.ckpt-5"])
def test_a_state_file_relative_or_from_windows(small, tmp_path, named):
    folder = tmp_path / "run" if named.startswith("run") else tmp_path
    convert.write(folder / "model.ckpt-5", small)
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
    assert differences(small, convert.read(tmp_path)) == []


def test_the_same_net_twice(small, tmp_path):
    for folder in ("decom_net_train", "decom_net_retrain"):
        convert.write(tmp_path / folder / "model.ckpt", small)
    with pytest.raises(
        KindlingError, match=r"is in both .*decom_net_retrain.* and .*decom_net_train.*name one of the two"
    ):
        convert.read(tmp_path)
