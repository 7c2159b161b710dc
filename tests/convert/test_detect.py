"""What a file is, is told by its content: mis-named files are read for what they are, and strangers are named."""

import io
import pickle
import re
import tarfile
import zipfile

import numpy as np
import pytest

import convert
from convert.forms import registry
from convert.soundness import differences, name_of_family
from kindling import KindlingError
from kindling.families.kind.nets import NETS
from tests.support.checkpoints import form
from tests.support.weights import seeded

SUFFIXES = ["", ".bin", ".txt", ".ckpt", ".npz", ".h5", ".safetensors", ".pth", ".png"]


@pytest.fixture(scope="module")
def adjust():
    return seeded("Illumination_adjust_net")


@pytest.mark.parametrize("name", [form(f"out.{kind}") for kind in ("h5", "npz", "safetensors", "pth")])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_wrong_name_is_no_matter(adjust, tmp_path, name, suffix):
    convert.write(tmp_path / name, adjust)
    (tmp_path / name).rename(tmp_path / f"renamed{suffix}")
    assert differences(adjust, convert.read(tmp_path / f"renamed{suffix}")) == []
    assert registry.read(tmp_path / f"renamed{suffix}").form == name.split(".")[-1]


def test_h5_behind_a_block_of_somebodys_own(adjust, tmp_path):
    import h5py

    with h5py.File(tmp_path / "x.h5", "w", userblock_size=1024) as file:
        for variable, array in adjust.items():
            file[variable] = array
    assert differences(adjust, convert.read(tmp_path / "x.h5")) == []


@pytest.mark.torch
@pytest.mark.parametrize("suffix", ["", ".pth", ".tar"])
def test_a_file_from_before_pytorch_1_6(adjust, tmp_path, suffix):
    """As torchvision's published weights still are."""
    import torch

    state = {key: torch.tensor(a) for key, a in convert.to_torch(adjust).items()}
    shared = {"state_dict": state, "average": state, "epoch": 3}
    torch.save(shared, tmp_path / f"x{suffix}", _use_new_zipfile_serialization=False)
    assert differences(adjust, convert.read(tmp_path / f"x{suffix}")) == []
    whole = (tmp_path / f"x{suffix}").read_bytes()
    (tmp_path / f"x{suffix}").write_bytes(whole[:-1])
    with pytest.raises(KindlingError, match=r"damaged: its tensors claim [\d,]+ bytes, and there are [\d,]+"):
        convert.read(tmp_path / f"x{suffix}")


def test_a_state_file_by_another_name(adjust, tmp_path):
    convert.write(tmp_path / "model.ckpt", adjust)
    (tmp_path / "latest.txt").write_text('model_checkpoint_path: "model.ckpt"\n')
    assert differences(adjust, convert.read(tmp_path / "latest.txt")) == []


def test_a_shard_may_begin_as_anything(tmp_path, adjust):
    """The first numbers of a bundle's data happen to be the signature of another form."""
    first = "Illumination_adjust_net/en_conv_1/biases"  # in the order of a bundle
    raw = b"PK\x03\x04\x89HDF\r\n\x1a\n" + adjust[first].tobytes()[12:]
    adjust = {**adjust, first: np.frombuffer(raw, np.float32).copy()}
    adjust[first][2:] = 0
    convert.write(tmp_path / "model.ckpt", adjust)
    file = convert.read(tmp_path / "model.ckpt.data-00000-of-00001")
    assert differences(adjust, file) == []


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return file.getvalue()


def array():
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


STRANGERS = {
    "empty": (lambda: b"", "is empty"),
    "text": (lambda: b"hello", "is no checkpoint by its content; known are HDF5"),
    "a web page": (lambda: b"<!DOCTYPE html><title>Quota exceeded</title>", "is a web page or XML: the download went"),
    "git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "get it with git lfs"),
    "a pickle": (lambda: pickle.dumps({"a": 1}), "is a pickle, and loading that could run code; refused"),
    "one array": (array, "is a single NumPy array, which has no name"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n", "is a picture"),
    "a gzip": (lambda: b"\x1f\x8b\x08\x00", "is a gzip archive; unpack it first"),
    "a tar": (tarred, "is a tar archive; an old PyTorch file may be one"),
    "a zip of something": (lambda: zipped("a.txt"), "is a zip archive, but no .npz and no .pth: it holds a.txt"),
    "an empty zip": (zipped, "it holds nothing"),
    "the authors' zip": (lambda: zipped("a/model.ckpt.index"), "`kindling fetch --from` takes it"),
    "a Keras model": (
        lambda: zipped("config.json", "metadata.json", "model.weights.h5"),
        "is a Keras model, which is a program and is not run here",
    ),
    "half a zip": (lambda: zipped("a.npy")[:20], "damaged or cut off"),
}


@pytest.mark.parametrize(("content", "words"), STRANGERS.values(), ids=STRANGERS)
def test_strangers_are_named(tmp_path, content, words):
    (tmp_path / "x").write_bytes(content())
    with pytest.raises(KindlingError) as error:
        convert.read(tmp_path / "x")
    assert words in str(error.value)


def test_an_index_by_another_name(adjust, tmp_path):
    """Its data are found by its name, so the name must be right."""
    convert.write(tmp_path / "model.ckpt", adjust)
    (tmp_path / "model.ckpt.index").rename(tmp_path / "weights")
    with pytest.raises(KindlingError, match=r"is the index of a TF checkpoint by its content.* must end in \.index"):
        convert.read(tmp_path / "weights")


# --- other models ------------------------------------------------------------------------------------------------

SID = "SID (Learning to See in the Dark)"
# What it is named, and variables as the public code of each model calls them.
WILD = [
    ("RetinexNet in PyTorch", ["DecomNet.net1_conv0.weight", "DecomNet.net1_recon.bias"]),
    ("RetinexNet in PyTorch", ["module.net2_conv0_1.weight", "module.net2_fusion.bias"]),
    (SID, ["g_conv1_1/weights", "g_conv5_2/weights", "g_conv10/weights", "Variable"]),
    (f"{SID} in PyTorch", ["conv1_1.weight", "conv10_1.weight", "upv6.weight"]),
    (f"{SID} in PyTorch", ["module.conv1_1.weight", "module.conv10_1.weight", "module.upv6.weight"]),
    ("KinD-pytorch, a port by fenghansen", ["conv_input.conv_relu.0.weight", "deconv_r1.deconv_relu.0.weight"]),
    ("KinD-pytorch, a port by fenghansen", ["decom_net.conv_r1.conv_relu.0.weight", "restore_net.conv10_1.bias"]),
    ("KinD_PyTorch, a port by langmanbusi", ["DecomNet.decom_conv1.0.weight", "RestoreNet.restore_conv1.2.bias"]),
]


@pytest.mark.parametrize(("family", "names"), WILD, ids=[f"{family} {names[0]}" for family, names in WILD])
def test_other_models_are_named_and_refused(tmp_path, family, names):
    from safetensors.numpy import save_file

    arrays = {name: np.ones(2, np.float32) for name in names}
    np.savez(tmp_path / "x.npz", **arrays) if "/" in names[0] else save_file(arrays, tmp_path / "x.npz")
    with pytest.raises(KindlingError, match=f"this is a {re.escape(family)} checkpoint .*; KinD's are DecomNet"):
        convert.read(tmp_path / "x.npz")
    assert name_of_family(registry.read(tmp_path / "x.npz").variables) == family


@pytest.mark.parametrize("net", NETS)
def test_kind_is_none_of_the_others(net):
    names = list(NETS[net].variables)
    slots = [f"{name}/Adam" for name in names]
    assert name_of_family([*names, *slots, "global_step", "beta1_power"]) == "kind"


def test_one_net_of_another_beside_ours(adjust, tmp_path):
    np.savez(tmp_path / "x.npz", **adjust, **{"Denoise_Net/de_conv1_1/weights": np.ones(3, np.float32)})
    with pytest.raises(KindlingError, match=r"it holds variables of KinD\+\+ too, Denoise_Net/de_conv1_1"):
        convert.read(tmp_path / "x.npz")
