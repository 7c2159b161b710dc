"""Conversion: every form there and back bit for bit, the authors' Saver as a reader, and what a file looks like."""

import itertools
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import convert
from convert.forms import registry
from convert.soundness import differences
from kindling.families.kind.nets import NETS
from kindling.families.registry import KIND
from tests.support.checkpoints import FORMS, NAME, form


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_tf_to_each_form_and_back(small, tmp_path, name):
    convert.write(tmp_path / "start" / "model.ckpt", small)
    convert.convert_file(tmp_path / "start" / "model.ckpt", tmp_path / name)
    convert.convert_file(tmp_path / name, tmp_path / "back")
    assert differences(small, convert.read(tmp_path / "back")) == []
    assert list(convert.read(tmp_path / "back")) == [n for n in KIND.variables if n in small]


@pytest.mark.torch
def test_torch_to_tf_to_torch(tmp_path):
    """A state_dict of the whole model, as PyTorch users have it."""
    import torch

    import kind_torch

    kind = kind_torch.KinD()
    torch.save(kind.state_dict(), tmp_path / "kind.pth")
    convert.convert_file(tmp_path / "kind.pth", tmp_path / "original")
    convert.convert_file(tmp_path / "original", tmp_path / "back.pth")
    state, back = kind.state_dict(), torch.load(tmp_path / "back.pth", weights_only=True)
    assert set(state) == set(back)
    assert all(torch.equal(state[key], back[key]) and state[key].dtype == back[key].dtype for key in state)


@pytest.mark.parametrize(("a", "b"), [pair for pair in itertools.permutations(FORMS, 2) if pair[0] != pair[1]])
@pytest.mark.torch
def test_every_pair_works(small, tmp_path, a, b):
    adjust = {name: array for name, array in small.items() if name.startswith("Illumination")}
    convert.write(tmp_path / "from" / a, adjust)
    done = convert.convert_file(tmp_path / "from" / a, tmp_path / "to" / b)
    assert differences(adjust, convert.read(tmp_path / "to" / b)) == []
    assert (done.nets, done.variables, done.parameters) == (["Illumination_adjust_net"], 8, 19_393)
    assert done.fingerprint == convert.fingerprint(adjust)


@pytest.mark.parametrize("name", ["out.h5", "out.npz", "out.safetensors"])
def test_metadata_rides_along(small, tmp_path, name):
    convert.write(tmp_path / "first.npz", small)
    convert.convert_file(tmp_path / "first.npz", tmp_path / name)
    metadata = registry.read(tmp_path / name).metadata
    assert metadata["family"] == "kind"
    assert metadata["source"] == "first.npz"
    assert metadata["weights"] == convert.fingerprint(small)
    assert len(metadata["sha256"]) == 64


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("net", NETS)
def test_the_authors_saver_restores_what_we_write(reference, reference_weights, net, tmp_path):
    """From .safetensors back to a bundle, into their graph: it must give what the bundle we started from gave."""
    from tests.support import authors

    convert.convert_file(reference_weights, tmp_path / "kind.safetensors")
    convert.convert_file(tmp_path / "kind.safetensors", tmp_path / "again")
    inputs = [np.full((1, 9, 11, channels), 0.3, np.float32) for channels in NETS[net].inputs.values()]
    results = []
    for folder in (reference_weights, tmp_path / "again"):
        with authors.graph(reference, net, folder / NETS[net].folder / "model.ckpt") as run:
            results.append(run(*inputs))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.tf
@pytest.mark.reference
def test_the_authors_bundles_are_read_as_tensorflow_reads_them(reference):
    import tensorflow as tf

    for net in ("DecomNet", "Illumination_adjust_net"):
        prefix = reference / "checkpoint" / NETS[net].folder / "model.ckpt"
        reader = tf.train.load_checkpoint(str(prefix))
        theirs = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        assert differences(theirs, convert.read(prefix)) == []


# --- what is in a file -------------------------------------------------------------------------------------------


def test_npz_with_somebody_elses_comment(small, tmp_path):
    for comment in (b"hello", b"[1, 2]", b'{"epoch": 3}', b"\xff"):
        np.savez(tmp_path / "x.npz", **small)
        with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
            archive.comment = comment
        convert.convert_file(tmp_path / "x.npz", tmp_path / "out.safetensors", force=True)
        assert differences(small, convert.read(tmp_path / "out.safetensors")) == []


@pytest.mark.torch
def test_a_pth_of_parameters(small, tmp_path):
    import torch

    state = {key: torch.nn.Parameter(torch.tensor(array)) for key, array in convert.to_torch(small).items()}
    torch.save(state, tmp_path / "x.pth")
    assert differences(small, convert.read(tmp_path / "x.pth")) == []


def test_the_source_is_only_read(small, tmp_path):
    np.savez(tmp_path / "source.npz", **small)
    os.chmod(tmp_path / "source.npz", 0o444)
    before = (tmp_path / "source.npz").read_bytes()
    convert.convert_file(tmp_path / "source.npz", tmp_path / "out.h5")
    assert (tmp_path / "source.npz").read_bytes() == before


def test_h5_is_laid_out_as_promised(small, tmp_path):
    """Slim names as groups, TF axis order: what any HDF5 reader sees."""
    convert.write(tmp_path / "out.h5", small)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["DecomNet"]["g_up_1"]["weights"].shape == (2, 2, 64, 128)
        np.testing.assert_array_equal(file[NAME][()], small[NAME])


def test_npz_holds_variables_and_nothing_else(small, tmp_path):
    convert.write(tmp_path / "out.npz", small)
    with np.load(tmp_path / "out.npz") as archive:
        assert sorted(archive.files) == sorted(small)


def test_safetensors_loads_with_their_own_reader(small, tmp_path):
    from safetensors.numpy import load_file

    convert.write(tmp_path / "out.safetensors", small)
    tensors = load_file(tmp_path / "out.safetensors")
    assert tensors["DecomNet.g_conv1_1.weight"].shape == (32, 3, 3, 3)
    assert differences(convert.to_torch(small), tensors) == []


def test_a_checkpoint_folder_can_be_moved(small, tmp_path):
    convert.write(tmp_path / "here", small)
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert differences(small, convert.read(tmp_path / "there")) == []
