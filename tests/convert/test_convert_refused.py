"""Checkpoints that are refused, and in which words: unsound, damaged, of another kind, or not there."""

import os

import h5py
import numpy as np
import pytest

import convert
from convert.containers import tensor_bundle
from kindling import KindlingError
from tests.support.checkpoints import NAME, changed, flip, form, ones, truncate, with_nan, with_one_infinite, without
from tests.support.weights import seeded

UNSOUND = {
    "one missing": (lambda v: without(v, NAME), [f"{NAME} is missing"]),
    "many missing": (
        lambda v: without(v, *[n for n in v if "g_conv" in n]),
        ["DecomNet misses 12 of 18 variables, DecomNet/g_conv1_1/weights first"],
    ),
    "extra": (
        lambda v: changed(v, "DecomNet/g_conv4_1/weights", ones(2)),
        ["DecomNet/g_conv4_1/weights is not a variable of KinD"],
    ),
    "misshapen": (
        lambda v: changed(v, NAME, ones(3, 3, 3, 16)),
        [f"{NAME} has shape (3, 3, 3, 16), expected (3, 3, 3, 32)"],
    ),
    "torch's axis order": (
        lambda v: changed(v, NAME, ones(32, 3, 3, 3)),
        ["has shape (32, 3, 3, 3), expected (3, 3, 3, 32)"],
    ),
    "float64": (
        lambda v: changed(v, NAME, v[NAME].astype(np.float64)),
        [f"{NAME} is float64, expected float32"],
    ),
    "NaN": (
        lambda v: changed(v, NAME, with_nan(v[NAME])),
        [f"{NAME} holds 864 values that are NaN or infinite"],
    ),
    "one infinite": (
        lambda v: changed(v, NAME, with_one_infinite(v[NAME])),
        [f"{NAME} holds 1 value that is NaN or infinite"],
    ),
    "all at once": (
        lambda v: changed(without(v, "DecomNet/g_conv1_1/biases"), NAME, ones(3, dtype=np.float16)),
        ["biases is missing", "has shape (3,)", "is float16"],
    ),
    "many of another dtype": (
        lambda v: {name: array.astype(np.float16) for name, array in v.items()},
        ["26 variables are float16, expected float32, DecomNet/g_conv1_1/weights"],
    ),
    "many extra": (
        lambda v: v | {f"DecomNet/x{k}": ones(1) for k in range(5)},
        ["5 variables are not of KinD, DecomNet/x0 first"],
    ),
    "another model": (
        lambda v: {"g_conv5_2/weights": ones(3)},
        ["this is a SID (Learning to See in the Dark) checkpoint"],
    ),
    "nothing of KinD": (
        lambda v: {"layer/w": ones(3)},
        ["no variable of KinD in it: it holds layer/w, expected names such as DecomNet/g_conv1_1/weights"],
    ),
}


@pytest.mark.parametrize(("change", "words"), UNSOUND.values(), ids=UNSOUND)
def test_unsound_checkpoints(small, tmp_path, change, words):
    source = tmp_path / "bad.npz"
    np.savez(source, **change(small))
    with pytest.raises(KindlingError) as error:
        convert.convert_file(source, tmp_path / "out.h5")
    for word in [str(source), *words]:
        assert word in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.npz"]


def test_unsound_in_a_bundle_too(small, tmp_path):
    tensor_bundle.write(tmp_path / "model.ckpt", without(small, NAME))
    with pytest.raises(KindlingError, match=f"{NAME} is missing"):
        convert.read(tmp_path / "model.ckpt")


DAMAGE = {
    "shard missing": lambda data, index: data.unlink(),
    "shard truncated": lambda data, index: truncate(data, 1000),
    "shard empty": lambda data, index: truncate(data, 0),
    "shard with a flipped byte": lambda data, index: flip(data, 5000),
    "index truncated": lambda data, index: truncate(index, 100),
    "index empty": lambda data, index: truncate(index, 0),
    "index missing": lambda data, index: index.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_bundles(small, tmp_path, damage):
    prefix = tmp_path / "net" / "model.ckpt"
    convert.write(prefix, small)
    damage(*(prefix.parent / f"model.ckpt.{part}" for part in (tensor_bundle.SHARD, "index")))
    with pytest.raises(KindlingError) as error:
        convert.convert_file(prefix, tmp_path / "out.npz")
    assert str(prefix) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("name", [form(name) for name in ("out.h5", "out.npz", "out.safetensors", "out.pth")])
@pytest.mark.parametrize("keep", [0, 10, 2000, -100])
def test_truncated_files(small, tmp_path, name, keep):
    convert.write(tmp_path / name, small)
    truncate(tmp_path / name, keep)
    with pytest.raises(KindlingError, match=name):
        convert.read(tmp_path / name)


@pytest.mark.torch
def test_a_pth_that_needs_pickle(tmp_path):
    import torch

    class Model:
        pass

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    torch.save({"model": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(KindlingError, match=r"could run code; refused.*state_dict"):
        convert.read(tmp_path / "bomb.pth")
    assert not (tmp_path / "boom").exists()


@pytest.mark.torch
@pytest.mark.parametrize(
    ("content", "words"), [([1, 2], "it is a list"), ({"epoch": 3}, "no tensor is in it: it holds 'epoch'")]
)
def test_a_pth_that_is_no_state_dict(tmp_path, content, words):
    import torch

    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(KindlingError, match=words):
        convert.read(tmp_path / "x.pth")


PATHS = {
    "wrong path": ("nowhere/model.ckpt", "no such file, and no TF checkpoint of that name"),
    "wrong file": ("nowhere.npz", "no such file"),
    "empty folder": ("empty", "there is no TF checkpoint in this folder; expected decom_net_train"),
    "unknown suffix": ("notes.txt", "notes.txt: is no checkpoint by its content; known are HDF5, .npz, safetensors"),
    "no suffix": ("notes", "notes: is no checkpoint by its content"),
    "state file of nothing": ("dangling", "it names gone.ckpt, but there is no gone.ckpt.index beside it"),
    "state file of noise": ("noise", "expected a line model_checkpoint_path"),
    "two in a folder": ("two", "holds 2 checkpoints; a.ckpt; b.ckpt; name one of them"),
}


@pytest.mark.parametrize(("path", "words"), PATHS.values(), ids=PATHS)
def test_wrong_paths(tmp_path, path, words):
    for folder in ("empty", "dangling", "noise", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "notes").write_text("hello")
    (tmp_path / "dangling" / "checkpoint").write_text('model_checkpoint_path: "gone.ckpt"\n')
    (tmp_path / "noise" / "checkpoint").write_bytes(bytes(range(256)))
    for name in ("a.ckpt.index", "b.ckpt.index"):
        (tmp_path / "two" / name).touch()
    with pytest.raises(KindlingError) as error:
        convert.read(tmp_path / path)
    assert words in str(error.value)


def test_h5_with_more_than_numbers(small, tmp_path):
    convert.write(tmp_path / "x.h5", small)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["notes"] = "hello"
        file["nothing"] = h5py.Empty("f4")
    with pytest.raises(KindlingError, match="notes holds no numbers; nothing holds no numbers"):
        convert.read(tmp_path / "x.h5")


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda torch, t: t.to_sparse(), "DecomNet.w is sparse_coo, which is not read here: save it after .float()"),
        (lambda torch, t: t.to(torch.complex64), "DecomNet.w is complex64, which is not read here"),
        (lambda torch, t: torch.quantize_per_tensor(t, 1.0, 0, torch.qint8), "DecomNet.w is quantized"),
    ],
)
def test_a_pth_of_odd_tensors(tmp_path, change, words):
    import torch

    torch.save({"DecomNet.w": change(torch, torch.ones(2))}, tmp_path / "x.pth")
    with pytest.raises(KindlingError, match=words):
        convert.read(tmp_path / "x.pth")


@pytest.mark.torch
@pytest.mark.parametrize("content", [b"<html>404</html>", bytes(5000)], ids=["page", "zeros"])
def test_a_pth_that_is_none(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(KindlingError, match="is no PyTorch file, or damaged"):
        convert.read(tmp_path / "x.pth")


def test_the_authors_folder_without_its_shard(small, tmp_path):
    """Their repository lacks one net's data: the two others can be had, and the sentence says how."""
    convert.write(tmp_path, small)
    convert.write(tmp_path / "Restoration_net_train" / "model.ckpt", seeded("Restoration_net"))
    (tmp_path / "Restoration_net_train" / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(KindlingError) as error:
        convert.read(tmp_path)
    assert "model.ckpt.data-00000-of-00001 is missing" in str(error.value)
    assert f"other nets can be read by themselves: {tmp_path}/decom_net_train" in str(error.value)
