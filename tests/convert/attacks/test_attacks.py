"""Each exploit is opened by a victim process: refused in a sentence, nothing run, nothing allocated, at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.convert.attacks import exploits

ROOT = Path(__file__).parents[3]
GIGABYTE = 10**9

# What a person is told of each.
REFUSED = {
    "pickle_in_pth": "it holds more than plain tensors (posix.mkdir), and loading that could run code; refused",
    "pickle_in_old_pth": "it holds more than plain tensors (posix.mkdir), and loading that could run code; refused",
    "old_pth_storage_bomb": "damaged: its tensors claim 4,398,046,511,112 bytes, and there are 20",
    "bare_pickle": "a pickle, and loading that could run code; refused",
    "pickle_in_npz": "DecomNet/g_conv10/biases holds Python objects, and loading those could run code; refused",
    "pth_named_npz": "it holds more than plain tensors (posix.mkdir), and loading that could run code; refused",
    "torchscript": "it is a TorchScript program, not weights, and is not run here",
    "keras_lambda": "is a Keras model, which is a program and is not run here",
    "keras_lambda_in_h5": "there is no variable of KinD in it: it holds model_weights/dense/kernel:0",
    "meta_beside_a_bundle": "DecomNet misses 17 of 18 variables",
    "saved_model": "DecomNet misses 17 of 18 variables",
    "h5_filter_of_a_library": "which is not read here",
    "h5_external_storage": "has its data in another file",
    "h5_external_link": "is a link to",
    "h5_soft_link": "is a link to /x, not data; links are not followed",
    "h5_virtual": "is a virtual dataset, whose data are in other files; not read",
    "h5_references": "holds no numbers",
    "h5_loop": "a/again is something that has another name too",
    "h5_shape_bomb": "and only 0 of its 1,073,741,824 chunks are there",
    "h5_contiguous_bomb": "and the file does not have the 67,108,864 bytes for it",
    "h5_inflating_bomb": "inflates beyond its shape",
    "npz_shape_bomb": "has shape (1099511627776,) of float32 and 0 bytes, which do not go together",
    "npz_zip_bomb": "it claims to hold 1,073,741,824 bytes of numbers",
    "npz_bomb_that_lies": "damaged",
    "npz_of_a_member_beyond_its_end": "damaged: it has members that go beyond its end: DecomNet/g_conv10/biases.npy",
    "npz_of_empty_strings": "holds no numbers",
    "safetensors_shape_bomb": "cannot be read as safetensors, so it is damaged or incomplete",
    "safetensors_header_bomb": "is no safetensors file, or damaged",
    "pth_storage_bomb": "storage 0 claims 4,398,046,511,104 bytes, and there are 12",
    "pth_storage_beyond_its_member": "storage 0 claims 4,000 bytes, and there are 12",
    "pth_expanded_bomb": "has shape (1099511627776,), more than a checkpoint of KinD can hold",
    "pth_bytearray_bomb": "it holds more than plain tensors (builtins.bytearray)",
    "pth_memo_bomb": "expected a state_dict, names and tensors, and no tensor is in it: it holds nothing",
    "pth_string_bomb": "its pickle makes no sense",
    "bundle_shape_bomb": "has shape (1099511627776,) and 0 bytes, which do not go together",
    "bundle_size_bomb": "it claims to hold 4,398,046,511,104 bytes of numbers",
    "bundle_sparse_bomb": "it claims to hold 17,179,869,184 bytes of numbers",
    "bundle_of_one_block_again_and_again": "the names in the index are not in order",
    "v1_shape_bomb": "has shape (1099511627776,) and 12 bytes, which do not go together",
    "v1_number_bomb": "holds 20,000,000 bytes of whole numbers, and no weight of KinD does",
    "object_graph_bomb": "its object graph does not have the length that it says",
    "h5_heap_without_end": "damaged: a heap in it, of strings, does not hold together",
    "npz_of_deep_names": "a name in it has 30,001 parts, and no variable of KinD does; refused",
    "pth_that_holds_itself": "it holds more than 100,000 things, and no checkpoint of KinD does; refused",
    "bundle_of_long_names": "a key of the index is longer than its block, or than any name",
}
NEED_TORCH = {name for name in REFUSED if "pth" in name}


@pytest.fixture(scope="module")
def victim():
    """A function from a path to what a victim process says of it."""
    command = [sys.executable, "-m", "tests.support.victim"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:

        def opens(path):
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield opens
        process.stdin.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [pytest.param(*case, marks=[pytest.mark.torch] if case[0] in NEED_TORCH else []) for case in REFUSED.items()],
    ids=list(REFUSED),
)
def test_refused_without_effect(victim, tmp_path, name, words):
    (tmp_path / "in").mkdir()
    witness = tmp_path / "witness"
    path = getattr(exploits, name)(tmp_path / "in", witness)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "in").rglob("*")}
    said = victim(path)
    assert said["outcome"] == "refused", said
    assert words in said["words"]
    assert not witness.exists()
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "in").rglob("*")}
    assert said["grown"] < GIGABYTE
    assert said["seconds"] < 5  # of computing; most take a hundredth


@pytest.mark.torch
def test_the_bombs_are_well_made(victim, tmp_path):
    """The archive that the bombs for PyTorch are made of is read, once its sizes are honest."""
    said = victim(exploits.pth_sound(tmp_path, tmp_path / "witness"))
    assert "DecomNet misses 17 of 18 variables" in said["words"]


@pytest.mark.torch
def test_the_pickle_would_have_run(tmp_path):
    """What is refused is no dud: opened by pickle, it makes the witness."""
    import torch

    path = exploits.pickle_in_pth(tmp_path, tmp_path / "witness")
    torch.load(path, weights_only=False)
    assert (tmp_path / "witness").is_dir()


def test_every_exploit_is_tried():
    built = {name for name, made in vars(exploits).items() if callable(made) and name.islower() and name[0] != "_"}
    helpers = {"made_table", "made_varint", "masked_crc", "pth_sound"}
    assert built - helpers == set(REFUSED)


@pytest.mark.torch
@pytest.mark.parametrize("version", ["2.9.1", "1.13.0+cu117"])
def test_a_pytorch_that_is_too_old(tmp_path, monkeypatch, version):
    import torch

    import convert
    from kindling import KindlingError

    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(KindlingError, match=r"can be made to run code by such a file; install 2\.10 or newer"):
        convert.read(exploits.pth_sound(tmp_path, None))
