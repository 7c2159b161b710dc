"""Conversion: every form there and back bit for bit, the authors' Saver as a reader, and everything that is refused."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import convert
from convert import bundles, formats
from convert.checks import EXPECTED, differences
from convert.nets import NETS
from kindling import KindlingError
from tests.weights import seeded

FORMS = ["out.h5", "out.hdf5", "out.npz", "out.safetensors", "out.pth", "out.pt", "out.ckpt", "folder"]
NEEDS = {".pth": "torch", ".pt": "torch"}


def form(name):
    mark = NEEDS.get(Path(name).suffix)
    return pytest.param(name, id=name, marks=[getattr(pytest.mark, mark)] if mark else [])


@pytest.fixture(scope="module")
def small():
    """One net, so that thirty conversions take a second."""
    variables = seeded("Illumination_adjust_net", "DecomNet")
    variables["DecomNet/g_conv10/biases"][:] = -0.0, 1e-42, -3.5  # a signed zero and a subnormal are weights too
    return variables


# --- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_tf_to_each_form_and_back(small, tmp_path, name):
    convert.write(tmp_path / "start" / "model.ckpt", small)
    convert.convert_file(tmp_path / "start" / "model.ckpt", tmp_path / name)
    convert.convert_file(tmp_path / name, tmp_path / "back")
    assert differences(small, convert.read(tmp_path / "back")) == []
    assert list(convert.read(tmp_path / "back")) == [n for n in EXPECTED if n in small]


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
    metadata = formats.read(tmp_path / name).metadata
    assert metadata["family"] == "kind"
    assert metadata["source"] == "first.npz"
    assert metadata["weights"] == convert.fingerprint(small)
    assert len(metadata["sha256"]) == 64


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("net", NETS)
def test_the_authors_saver_restores_what_we_write(reference, reference_weights, net, tmp_path):
    """From .safetensors back to a bundle, into their graph: it must give what the bundle we started from gave."""
    from tests import authors

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


# --- where a checkpoint is found ---------------------------------------------------------------------------------


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
    bundles.write(tmp_path / "model.ckpt-799", {**small, **extra})
    done = convert.convert_file(tmp_path / "model.ckpt-799", tmp_path / "out.npz")
    assert sorted(done.left_behind) == sorted(extra)
    assert differences(small, convert.read(tmp_path / "out.npz")) == []


# --- what is refused, and in which words -------------------------------------------------------------------------

NAME = "DecomNet/g_conv1_1/weights"


def without(variables, *names):
    return {name: array for name, array in variables.items() if name not in names}


def changed(variables, name, array):
    return {**variables, name: array}


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def with_nan(array):
    return np.full_like(array, np.nan)


def with_one_infinite(array):
    return np.where(array == array.max(), np.float32(np.inf), array)


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
    "another model": (lambda v: {"DecomNet/conv/kernel": ones(3)}, ["this is a RetinexNet checkpoint"]),
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
    bundles.write(tmp_path / "model.ckpt", without(small, NAME))
    with pytest.raises(KindlingError, match=f"{NAME} is missing"):
        convert.read(tmp_path / "model.ckpt")


def _truncate(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


def _flip(path, at):
    held = bytearray(path.read_bytes())
    held[at] ^= 0xFF
    path.write_bytes(held)


DAMAGE = {
    "shard missing": lambda data, index: data.unlink(),
    "shard truncated": lambda data, index: _truncate(data, 1000),
    "shard empty": lambda data, index: _truncate(data, 0),
    "shard with a flipped byte": lambda data, index: _flip(data, 5000),
    "index truncated": lambda data, index: _truncate(index, 100),
    "index empty": lambda data, index: _truncate(index, 0),
    "index missing": lambda data, index: index.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_bundles(small, tmp_path, damage):
    prefix = tmp_path / "net" / "model.ckpt"
    convert.write(prefix, small)
    damage(*(prefix.parent / f"model.ckpt.{part}" for part in (bundles.SHARD, "index")))
    with pytest.raises(KindlingError) as error:
        convert.convert_file(prefix, tmp_path / "out.npz")
    assert str(prefix) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("name", [form(name) for name in ("out.h5", "out.npz", "out.safetensors", "out.pth")])
@pytest.mark.parametrize("keep", [0, 10, 2000, -100])
def test_truncated_files(small, tmp_path, name, keep):
    convert.write(tmp_path / name, small)
    _truncate(tmp_path / name, keep)
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
@pytest.mark.parametrize(("held", "words"), [([1, 2], "it is a list"), ({"epoch": 3}, "'epoch' is no tensor")])
def test_a_pth_that_is_no_state_dict(tmp_path, held, words):
    import torch

    torch.save(held, tmp_path / "x.pth")
    with pytest.raises(KindlingError, match=words):
        convert.read(tmp_path / "x.pth")


PATHS = {
    "wrong path": ("nowhere/model.ckpt", "no such file, and no TF checkpoint of that name"),
    "wrong file": ("nowhere.npz", "no such file"),
    "empty folder": ("empty", "there is no TF checkpoint in this folder; expected decom_net_train"),
    "unknown suffix": ("notes.txt", "unknown suffix .txt; known are .h5, .hdf5, .npz, .safetensors, .pth, .pt"),
    "no suffix": ("notes", "not a checkpoint by its name"),
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


def test_the_same_net_twice(small, tmp_path):
    for folder in ("decom_net_train", "decom_net_retrain"):
        convert.write(tmp_path / folder / "model.ckpt", small)
    with pytest.raises(
        KindlingError, match=r"is in both .*decom_net_retrain.* and .*decom_net_train.*name one of the two"
    ):
        convert.read(tmp_path)


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_nothing_is_overwritten_without_force(small, tmp_path, name):
    adjust = {n: a for n, a in small.items() if n.startswith("Illumination")}
    convert.write(tmp_path / name, adjust)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(KindlingError, match=r"exists already.*--force"):
        convert.write(tmp_path / name, adjust)
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    doubled = {n: 2 * a for n, a in adjust.items()}
    convert.write(tmp_path / name, doubled, force=True)
    assert differences(doubled, convert.read(tmp_path / name)) == []


def test_force_leaves_the_neighbours_alone(small, tmp_path):
    convert.write(tmp_path / "nets", small)
    (tmp_path / "nets" / "README").write_text("mine")
    (tmp_path / "nets" / "decom_net_train" / "model.ckpt.meta").write_text("mine")
    convert.write(tmp_path / "nets", small, force=True)
    assert (tmp_path / "nets" / "README").read_text() == "mine"
    assert (tmp_path / "nets" / "decom_net_train" / "model.ckpt.meta").read_text() == "mine"


def test_what_does_not_read_back_is_not_kept(small, tmp_path, monkeypatch):
    """A writer with a fault in one value: found on reading back, and the old file stays."""
    convert.write(tmp_path / "out.npz", small)
    before = (tmp_path / "out.npz").read_bytes()

    def faulty(path, variables, metadata):
        np.savez(path, **changed(variables, NAME, np.nextafter(variables[NAME], 9, dtype=np.float32)))

    monkeypatch.setitem(formats._WRITERS, "npz", faulty)
    with pytest.raises(KindlingError, match=f"does not read back as it was: {NAME} has other values"):
        convert.write(tmp_path / "out.npz", small, force=True)
    assert (tmp_path / "out.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_while_writing(small, tmp_path):
    """SIGKILL at the worst moment: the output is not there, and what was there is as it was."""
    np.savez(tmp_path / "source.npz", **small)
    program = textwrap.dedent("""
        import os, signal, sys
        from convert import convert_file, formats
        write = formats._WRITERS["h5"]
        def killed(path, variables, metadata):
            write(path, variables, metadata)
            os.kill(os.getpid(), signal.SIGKILL)
        formats._WRITERS["h5"] = killed
        convert_file(sys.argv[1], sys.argv[2], force=True)
    """)
    (tmp_path / "out.h5").write_bytes(b"precious")
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "source.npz", tmp_path / "out.h5"])
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "out.h5").read_bytes() == b"precious"


def test_an_unwritable_place(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KindlingError, match="cannot be written to"):
        convert.write(tmp_path / "file" / "out.npz", small)


def test_an_empty_name(small):
    with pytest.raises(KindlingError, match="the name of the output is empty"):
        convert.write("", small)


def test_into_the_folder_above(small, tmp_path, monkeypatch):
    """`..` has no name of its own to write a draft under."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    convert.write("..", small)
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "b",
        "decom_net_train",
        "illumination_adjust_net_train",
    ]
    assert differences(small, convert.read(tmp_path / "a")) == []
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_folders_made_for_nothing_are_removed(small, tmp_path, monkeypatch):
    def full(path, variables, metadata):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats._WRITERS, "npz", full)
    with pytest.raises(KindlingError, match="No space left on device; nothing was changed"):
        convert.write(tmp_path / "new" / "deep" / "out.npz", small)
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_fails_to_write(small, tmp_path, monkeypatch):
    def failing(path, variables, metadata):
        raise RuntimeError("its own words\nand more")

    monkeypatch.setitem(formats._WRITERS, "npz", failing)
    with pytest.raises(KindlingError, match=r"writing as npz failed: its own words$"):
        convert.write(tmp_path / "out.npz", small)


OTHERS = {
    "a repository's checkpoint folder": "checkpoint/decom_net_train/model.ckpt",
    "a bundle at the top": "model.ckpt",
    "a retrained net": "illumination_adjust_net_retrain/model.ckpt",
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_folder_in_which_another_checkpoint_would_be_read(small, tmp_path, other):
    """Reading the folder afterwards would give other weights than were just written there."""
    own = {n: a for n, a in small.items() if n.split("/")[0] == ("DecomNet" if "decom" in other else n.split("/")[0])}
    convert.write(tmp_path / "folder" / other, own)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KindlingError, match=r"holds other checkpoints, which would be read too.*use another folder"):
        convert.write(tmp_path / "folder", small, force=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_net_beside_others_is_welcome(small, tmp_path):
    for net in ("DecomNet", "Illumination_adjust_net"):
        convert.write(tmp_path / "nets", {n: a for n, a in small.items() if n.startswith(net)})
    assert differences(small, convert.read(tmp_path / "nets")) == []


@pytest.mark.parametrize("name", ["out.npz", "out.ckpt"])
def test_a_folder_where_the_file_should_be(small, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(KindlingError, match="is a folder, and its name asks for a file"):
        convert.write(tmp_path / name, small, force=True)


@pytest.mark.parametrize("moves", range(1, 9))
def test_all_files_or_none(small, tmp_path, monkeypatch, moves):
    """Two nets overwritten with --force, failing at each of the moves in turn: the old ones are all back."""
    convert.write(tmp_path / "nets", small)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    replace, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == moves:
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(KindlingError, match="Input/output error; nothing was changed"):
        convert.write(tmp_path / "nets", {n: 2 * a for n, a in small.items()}, force=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("moves", range(1, 13))
def test_killed_while_overwriting_several_files(small, tmp_path, moves):
    """SIGKILL at each of the moves in turn: what is then read is old, new or nothing, and never some of each."""
    doubled = {n: 2 * a for n, a in small.items()}
    convert.write(tmp_path / "nets", small)
    np.savez(tmp_path / "new.npz", **doubled)
    program = textwrap.dedent(f"""
        import os, signal, sys
        from convert import convert_file
        replace, calls = os.replace, []
        def killed(source, target):
            calls.append(target)
            if len(calls) == {moves}:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killed
        convert_file(sys.argv[1], sys.argv[2], force=True)
    """)
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "new.npz", tmp_path / "nets"])
    assert ended.returncode == -signal.SIGKILL
    try:
        held = convert.read(tmp_path / "nets")
    except KindlingError:
        return
    for net in convert.nets_in(held):
        own = {n: a for n, a in held.items() if n.startswith(f"{net}/")}
        old = differences({n: small[n] for n in own}, own)
        new = differences({n: doubled[n] for n in own}, own)
        assert old == [] or new == []
    sides = {np.array_equal(held[n], small[n]) for n in held if n.endswith("weights")}
    assert len(sides) == 1


def test_a_link_is_replaced_not_followed(small, tmp_path):
    (tmp_path / "precious.npz").write_text("precious")
    (tmp_path / "out.npz").symlink_to(tmp_path / "precious.npz")
    (tmp_path / "dangling.npz").symlink_to(tmp_path / "gone.npz")
    for name in ("out.npz", "dangling.npz"):
        with pytest.raises(KindlingError, match="exists already"):
            convert.write(tmp_path / name, small)
        convert.write(tmp_path / name, small, force=True)
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "precious.npz").read_text() == "precious"


def test_a_folder_with_a_suffix_of_a_file(small, tmp_path):
    convert.write(tmp_path / "nets", small)
    (tmp_path / "nets").rename(tmp_path / "nets.h5")
    convert.convert_file(tmp_path / "nets.h5", tmp_path / "out.npz")
    assert differences(small, convert.read(tmp_path / "out.npz")) == []


def test_h5_with_more_than_numbers(small, tmp_path):
    convert.write(tmp_path / "x.h5", small)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["notes"] = "hello"
        file["nothing"] = h5py.Empty("f4")
    with pytest.raises(KindlingError, match="notes holds no numbers; nothing holds no numbers"):
        convert.read(tmp_path / "x.h5")


def test_npz_with_somebody_elses_comment(small, tmp_path):
    for comment in (b"hello", b"[1, 2]", b'{"epoch": 3}', b"\xff"):
        np.savez(tmp_path / "x.npz", **small)
        with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
            archive.comment = comment
        convert.convert_file(tmp_path / "x.npz", tmp_path / "out.safetensors", force=True)
        assert differences(small, convert.read(tmp_path / "out.safetensors")) == []


def test_sha256_of_a_bundle_with_an_odd_name(small, tmp_path):
    """The name is no pattern, and its neighbours are not part of it."""
    convert.write(tmp_path / "model[1].ckpt", small)
    (tmp_path / "model[1].ckpt.old.index").write_text("not mine")
    prefix = tmp_path / "model[1].ckpt"
    assert [p.name for p in bundles.files(prefix)] == [
        "model[1].ckpt.data-00000-of-00001",
        "model[1].ckpt.index",
    ]


@pytest.mark.parametrize("named", ["run/model.ckpt-5", r"D:\\KinD\\model.ckpt-5"])
def test_a_state_file_relative_or_from_windows(small, tmp_path, named):
    folder = tmp_path / "run" if named.startswith("run") else tmp_path
    convert.write(folder / "model.ckpt-5", small)
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
    assert differences(small, convert.read(tmp_path)) == []


@pytest.mark.torch
def test_a_pth_of_parameters(small, tmp_path):
    import torch

    state = {key: torch.nn.Parameter(torch.tensor(array)) for key, array in convert.to_torch(small).items()}
    torch.save(state, tmp_path / "x.pth")
    assert differences(small, convert.read(tmp_path / "x.pth")) == []


@pytest.mark.torch
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda torch, t: t.bfloat16(), "DecomNet.w is bfloat16, expected plain float32"),
        (lambda torch, t: t.to_sparse(), "DecomNet.w is sparse_coo, expected plain float32"),
        (lambda torch, t: {"w": t}, "'DecomNet.w' is a dict; save what is in it by itself"),
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
    with np.load(tmp_path / "out.npz") as held:
        assert sorted(held.files) == sorted(small)


def test_safetensors_loads_with_their_own_reader(small, tmp_path):
    from safetensors.numpy import load_file

    convert.write(tmp_path / "out.safetensors", small)
    held = load_file(tmp_path / "out.safetensors")
    assert held["DecomNet.g_conv1_1.weight"].shape == (32, 3, 3, 3)
    assert differences(convert.to_torch(small), held) == []


def test_a_copied_output_is_readable_by_others(small, tmp_path):
    """Some writers make files that only their owner may read."""
    umask = os.umask(0o022)
    try:
        for name in ("out.h5", "out.npz", "out.safetensors"):
            convert.write(tmp_path / name, small)
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(umask)


def test_a_checkpoint_folder_can_be_moved(small, tmp_path):
    convert.write(tmp_path / "here", small)
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert differences(small, convert.read(tmp_path / "there")) == []
