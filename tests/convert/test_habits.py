"""Sound weights as people's programs and machines leave them: all are read bit for bit, and what is odd is said."""

import h5py
import ml_dtypes
import numpy as np
import pytest

import convert
from convert.containers import tensor_bundle
from convert.forms import registry
from convert.soundness import differences
from kindling import KindlingError
from tests.support import v1
from tests.support.weights import seeded

NET = "Illumination_adjust_net"


@pytest.fixture(scope="module")
def adjust():
    return seeded(NET)


# --- the state file ----------------------------------------------------------------------------------------------

STATES = {
    "CRLF": b'model_checkpoint_path: "model-5"\r\nall_model_checkpoint_paths: "model-5"\r\n',
    "CR alone": b'model_checkpoint_path: "model-5"\rall_model_checkpoint_paths: "model-5"\r',
    "no end of line": b'model_checkpoint_path: "model-5"',
    "a byte order mark": b'\xef\xbb\xbfmodel_checkpoint_path: "model-5"\r\n',
    "blanks": b'  model_checkpoint_path :  "model-5"  \r\n',
    "single quotes": b"model_checkpoint_path: 'model-5'\n",
    "not in the first line": b'all_model_checkpoint_paths: "old"\r\nmodel_checkpoint_path: "model-5"\r\n',
    "Windows' path by hand": rb'model_checkpoint_path: "C:\temp\model-5"' + b"\r\n",
    "Windows' path": b'model_checkpoint_path: "C:\\\\KinD\\\\model-5"\r\n',
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_state_files(adjust, tmp_path, state):
    tensor_bundle.write(tmp_path / "model-5", adjust)
    (tmp_path / "checkpoint").write_bytes(state)
    assert differences(adjust, convert.read(tmp_path)) == []
    assert differences(adjust, convert.read(tmp_path / "checkpoint")) == []


@pytest.mark.parametrize(
    ("name", "written"),
    [("夜-5", rb"\345\244\234-5"), ('a"b', rb"a\"b"), ("tab\t5", rb"tab\t5"), ("夜", "夜".encode())],
)
def test_names_that_a_state_file_escapes(adjust, tmp_path, name, written):
    """As TensorFlow's CEscape writes them, or as an editor does."""
    tensor_bundle.write(tmp_path / name, adjust)
    (tmp_path / "checkpoint").write_bytes(b'model_checkpoint_path: "' + written + b'"\n')
    assert differences(adjust, convert.read(tmp_path)) == []


# --- names and byte orders ---------------------------------------------------------------------------------------


def by_npz(path, arrays):
    with open(path, "wb") as file:  # by its name NumPy would add a suffix
        np.savez(file, **arrays)


def by_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def by_bundle(path, arrays):
    tensor_bundle.write(path, arrays)


def by_safetensors(path, arrays):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


WRITERS = {"npz": by_npz, "h5": by_h5, "bundle": by_bundle, "safetensors": by_safetensors}
NAMES = {
    "as they are": (lambda name: name, None),
    ":0 behind": (lambda name: f"{name}:0", ":0 behind names"),
    "behind a prefix, :0": (lambda name: f"model/net/{name}:0", ":0 behind names"),
    "kernel and bias": (lambda name: name.replace("weights", "kernel").replace("biases", "bias"), None),
    "no scope, :0": (lambda name: name.removeprefix(f"{NET}/") + ":0", f"a single net without its scope, {NET}"),
}


@pytest.mark.parametrize(("rename", "said"), NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_names(adjust, tmp_path, writer, rename, said):
    writer(tmp_path / "x", {rename(name): array for name, array in adjust.items()})
    assert differences(adjust, convert.read(tmp_path / "x")) == []
    if said:
        assert said in registry.read(tmp_path / "x").unwrapped


@pytest.mark.parametrize("writer", [by_npz, by_h5], ids=["npz", "h5"])
def test_a_state_dict_in_a_neutral_dump(adjust, tmp_path, writer):
    """PyTorch's keys and axis order: told by the dots."""
    writer(tmp_path / "x", convert.to_torch(adjust))
    assert differences(adjust, convert.read(tmp_path / "x")) == []


@pytest.mark.parametrize("writer", [by_npz, by_h5], ids=["npz", "h5"])
def test_big_endian_numbers_are_turned(adjust, tmp_path, writer):
    writer(tmp_path / "x", {name: array.astype(">f4") for name, array in adjust.items()})
    done = convert.convert_file(tmp_path / "x", tmp_path / "out.npz")
    assert done.unwrapped == ["big-endian numbers, byte order turned"]
    assert differences(adjust, convert.read(tmp_path / "out.npz")) == []


def test_a_bundle_of_a_big_endian_machine(adjust, tmp_path):
    """Its header says so, its numbers are the other way round, and their checksums are of these bytes."""
    turned = {name: array.byteswap() for name, array in adjust.items()}
    files = tensor_bundle.made("model.ckpt", turned)
    with_header = _with_header(files["model.ckpt.index"], b"\x08\x01\x10\x01\x1a\x02\x08\x01")
    (tmp_path / "model.ckpt.index").write_bytes(with_header)
    (tmp_path / "model.ckpt.data-00000-of-00001").write_bytes(files["model.ckpt.data-00000-of-00001"])
    assert differences(adjust, convert.read(tmp_path / "model.ckpt")) == []
    assert "byte order turned" in registry.read(tmp_path / "model.ckpt").unwrapped[0]


def _with_header(index, header):
    from convert.containers.sstable import made_table, read_table

    return made_table([(key, header if key == b"" else value) for key, value in read_table(index)])


# --- TensorFlow's V1 checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["model.ckpt-2000", "checkpoint", "", "named elsewhere", "no state file"])
def test_v1_checkpoints(adjust, tmp_path, way):
    slots = {f"{name}/Adam": array for name, array in adjust.items()}
    v1.write(tmp_path / "model.ckpt-2000", {**adjust, **slots, "global_step": np.int64(-3)})
    named = "/home/somebody/model.ckpt-2000" if way == "named elsewhere" else "model.ckpt-2000"
    if way != "no state file":
        (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\r\n')
    path = tmp_path / way if way in ("model.ckpt-2000", "checkpoint") else tmp_path
    assert differences(adjust, convert.read(path)) == []
    contents = registry.read(path)
    assert contents.unwrapped == ("TensorFlow's V1 format",)
    assert contents.variables["global_step"] == -3


def test_v1_in_several_files(adjust, tmp_path):
    names = list(adjust)
    for k in range(3):
        v1.write(tmp_path / f"model.ckpt-7-{k:05}-of-00003", {name: adjust[name] for name in names[k::3]})
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7-?????-of-00003"\n')
    for path in (tmp_path, tmp_path / "model.ckpt-7-?????-of-00003", tmp_path / "model.ckpt-7-00001-of-00003"):
        assert differences(adjust, convert.read(path)) == []
    (tmp_path / "model.ckpt-7-00002-of-00003").unlink()
    with pytest.raises(KindlingError, match=r"damaged or incomplete: model\.ckpt-7-00002-of-00003 is missing"):
        convert.read(tmp_path)


@pytest.mark.parametrize("damage", range(12))
def test_v1_damaged(adjust, tmp_path, damage):
    """Every block has a checksum, so that no flipped byte goes unseen."""
    v1.write(tmp_path / "model", adjust)
    whole = bytearray((tmp_path / "model").read_bytes())
    place = np.random.default_rng(damage).integers(len(whole) - 100)
    whole[place] ^= 1
    (tmp_path / "model").write_bytes(whole)
    with pytest.raises(KindlingError):
        convert.read(tmp_path / "model")


@pytest.mark.tf
@pytest.mark.parametrize("sharded", [False, True])
def test_v1_as_tensorflow_saves_it(tmp_path, sharded):
    """Every kind of number, scalars, nothing at all; and the very bytes, one file at a time."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    tensors = {
        "net/a": rng.standard_normal((3, 2, 4)),
        "b": np.float16(rng.standard_normal(5)),
        "n": np.int64(-(2**40)),
    }
    tensors |= {"i": np.int32([-5, 0, 7]), "t": np.bool_([True, False]), "w": np.float32(rng.standard_normal((2, 3)))}
    tensors |= {"none": np.zeros((0, 3), np.float32)}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in tensors.items():
            tf.compat.v1.get_variable(name, initializer=np.asarray(array))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V1, sharded=sharded)
        saver.save(session, str(tmp_path / "model.ckpt"), global_step=3)
    contents = registry.read(tmp_path)
    assert differences({name: np.asarray(array) for name, array in tensors.items()}, contents.variables) == []


# --- objects -----------------------------------------------------------------------------------------------------


@pytest.mark.tf
@pytest.mark.parametrize("what", ["root", "attribute", "SavedModel", "with an optimizer", "a copy"])
def test_object_based_checkpoints(adjust, tmp_path, what):
    import tensorflow as tf

    import kind_tf

    kind = kind_tf.KinD([NET])
    kind.assign(adjust)
    path = str(tmp_path / "ckpt")
    if what == "root":
        tf.train.Checkpoint(kind).write(path)
    elif what == "attribute":
        tf.train.Checkpoint(model=kind, step=tf.Variable(3)).save(path)
        path = str(tmp_path)  # by its state file
    elif what == "SavedModel":
        module = tf.Module()
        module.kind = kind
        tf.saved_model.save(module, path)
    elif what == "with an optimizer":
        optimizer = tf.keras.optimizers.Adam(1e-3)
        optimizer.build(list(kind.variables))
        tf.train.Checkpoint(model=kind, optimizer=optimizer).write(path)
    else:
        tf.train.Checkpoint(model=kind, ema={n: tf.Variable(a + 1, name=n) for n, a in adjust.items()}).write(path)
    assert differences(adjust, convert.read(path)) == []
    assert "saved as objects (tf.train.Checkpoint)" in registry.read(tmp_path / path).unwrapped
    if what == "a copy":
        shifted = {name: array + 1 for name, array in adjust.items()}
        assert differences(shifted, convert.read(path, ema=True)) == []


@pytest.mark.tf
def test_an_object_graph_that_is_damaged(adjust, tmp_path):
    """The graph has checksums of its own: of its length, and of both."""
    import tensorflow as tf

    tf.train.Checkpoint(**{"v": tf.Variable([1.0])}).write(str(tmp_path / "ckpt"))
    data = tmp_path / "ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    entry = tensor_bundle.read_index(tmp_path / "ckpt.index").entries[tensor_bundle.GRAPH]
    for place in range(entry.offset, entry.offset + entry.size):
        data.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(KindlingError, match="its object graph"):
            convert.read(tmp_path / "ckpt")


# --- precision ---------------------------------------------------------------------------------------------------

EXACT = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
HALVES = [(form, dtype) for form in ("pth", "safetensors", "bundle") for dtype in EXACT]
HALVES += [(form, "float16") for form in ("npz", "h5")]  # which have no others


def rounded(variables, dtype):
    """Weights in another precision, and what they are in float32."""
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    half = {name: array.astype(kind) for name, array in variables.items()}
    return half, {name: array.astype(np.float32) for name, array in half.items()}


def save_half(form, path, half):
    import torch

    if form == "bundle":
        tensor_bundle.write(path, half)
    elif form == "npz":
        by_npz(path, half)
    elif form == "h5":
        by_h5(path, half)
    else:
        kinds = {"float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}
        kinds |= {"float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}
        state = {}
        for key, array in convert.to_torch(half).items():
            wide = array.astype(np.float64)
            state[key] = torch.tensor(wide).to(kinds[array.dtype.name])
        if form == "safetensors":
            from safetensors.torch import save_file

            save_file(state, path)
        else:
            torch.save(state, path)


@pytest.mark.torch
@pytest.mark.parametrize(("form", "dtype"), HALVES)
def test_half_precision_is_named_and_cast(adjust, tmp_path, form, dtype):
    half, wide = rounded(adjust, dtype)
    path = tmp_path / "half"
    save_half(form, path, half)
    with pytest.raises(
        KindlingError, match=f"8 variables are {dtype}, expected float32.*--cast float32` makes"
    ) as error:
        convert.read(path)
    assert "\n" not in str(error.value)
    assert {v.dtype for v in convert.inspect(path).variables} == {dtype}
    done = convert.convert_file(path, tmp_path / "out.npz", cast="float32")
    assert done.cast == [f"8 variables from {dtype} to float32, every value exactly"]
    assert differences(wide, convert.read(tmp_path / "out.npz")) == []
    assert registry.read(tmp_path / "out.npz").metadata["cast"] == done.cast[0]


def test_casting_says_what_it_rounded(adjust, tmp_path):
    double = {name: array.astype(np.float64) for name, array in adjust.items()}
    np.savez(tmp_path / "exact.npz", **double)
    done = convert.convert_file(tmp_path / "exact.npz", tmp_path / "out.npz", cast="float32")
    assert done.cast == ["8 variables from float64 to float32, every value exactly"]
    double[f"{NET}/en_conv_4/biases"] = np.array([0.1])
    np.savez(tmp_path / "one.npz", **double)
    done = convert.convert_file(tmp_path / "one.npz", tmp_path / "out2.npz", cast="float32")
    size = sum(array.size for array in adjust.values())
    assert done.cast == [
        f"8 variables from float64 to float32, 1 of {size:,} values rounded, by at most 1.5e-08 of their size"
    ]


UNCASTABLE = {
    "too large": (lambda a: a.astype(np.float64) * 1e300, "NaN or infinite"),
    "whole numbers": (lambda a: a.astype(np.int8), "8 variables are int8, expected float32"),
}


@pytest.mark.parametrize(("change", "words"), UNCASTABLE.values(), ids=UNCASTABLE)
def test_what_cannot_be_cast(adjust, tmp_path, change, words):
    np.savez(tmp_path / "x.npz", **{name: change(array + 1) for name, array in adjust.items()})
    with pytest.raises(KindlingError, match=words):
        convert.convert_file(tmp_path / "x.npz", tmp_path / "out.npz", cast="float32")
    assert not (tmp_path / "out.npz").exists()


def test_casting_float32_says_nothing(adjust, tmp_path):
    convert.write(tmp_path / "x.npz", adjust)
    assert convert.convert_file(tmp_path / "x.npz", tmp_path / "y.npz", cast="float32").cast == []
    assert differences(adjust, convert.read(tmp_path / "x.npz", cast="float32")) == []


def test_bfloat16_loses_its_name_in_npz(adjust, tmp_path):
    np.savez(tmp_path / "x.npz", **rounded(adjust, "bfloat16")[0])
    with pytest.raises(KindlingError, match=r"numbers that NumPy has no name for \(bfloat16 or float8\)"):
        convert.read(tmp_path / "x.npz")


# --- one reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.npz", "x.h5", "x.safetensors", "x.ckpt"])
def test_a_file_is_opened_once(adjust, tmp_path, name, monkeypatch):
    """The bytes that are hashed are those that were parsed, whoever writes to the file meanwhile."""
    import builtins
    import hashlib
    import pathlib

    convert.write(tmp_path / name, adjust)
    files = sorted(file for file in tmp_path.iterdir() if file.is_file())
    whole = b"".join(file.read_bytes() for file in files)
    opened, plain = [], builtins.open

    def counted(file, *args, **options):
        opened.append(pathlib.Path(file))
        return plain(file, *args, **options)

    monkeypatch.setattr(builtins, "open", counted)
    contents = registry.read(tmp_path / name)
    monkeypatch.undo()
    assert sorted(opened) == files
    assert contents.sha256 == hashlib.sha256(whole).hexdigest()
