"""TF's checkpoint format without TF: TensorFlow is the oracle, both ways and byte for byte; no damage goes unseen."""

import numpy as np
import pytest

from convert.containers import tensor_bundle
from convert.containers.sstable import Damaged, made_table, read_table
from convert.soundness import differences
from kindling import KindlingError
from tests.support.bundles import by_tensorflow, files, saved_by_tensorflow
from tests.support.weights import seeded

DTYPES = ["float16", "float32", "float64", "bool", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64))]
ALPHABET = list("abcXYZ0189_é夜")


def random_tensors(seed, count):
    """Tensors of any dtype and shape under any names: scalars, empty ones, names that share beginnings."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for _ in range(count):
        name = "/".join("".join(rng.choice(ALPHABET, rng.integers(1, 12))) for _ in range(rng.integers(1, 4)))
        shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
        tensors[name] = np.asarray(100 * rng.standard_normal(shape)).astype(DTYPES[rng.integers(len(DTYPES))])
    return tensors


@pytest.mark.tf
@pytest.mark.parametrize(("seed", "count"), [(k, 1 + 3 * k) for k in range(20)] + [(99, 8000)], ids=str)
def test_both_ways_byte_for_byte(tmp_path, seed, count):
    """8,000 names make an index of several blocks."""
    tensors = random_tensors(seed, count)
    saved_by_tensorflow(tmp_path / "theirs.ckpt", tensors)
    tensor_bundle.write(tmp_path / "ours.ckpt", tensors)
    assert files(tmp_path / "ours.ckpt") == files(tmp_path / "theirs.ckpt")
    assert differences(tensors, tensor_bundle.read(tmp_path / "theirs.ckpt")) == []
    assert differences(tensors, by_tensorflow(tmp_path / "ours.ckpt")) == []


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("folder", ["decom_net_train", "illumination_adjust_net_train"])
def test_the_authors_files_byte_for_byte(reference, folder, tmp_path):
    prefix = reference / "checkpoint" / folder / "model.ckpt"
    tensors = tensor_bundle.read(prefix)
    assert differences(by_tensorflow(prefix), tensors) == []
    tensor_bundle.write(tmp_path / "model.ckpt", tensors)
    assert files(tmp_path / "model.ckpt") == files(prefix)


@pytest.mark.tf
def test_several_shards(tmp_path):
    """As a training on several machines leaves them, merged by TensorFlow."""
    import tensorflow as tf

    tensors = random_tensors(5, 40)
    names = sorted(tensors)
    parts = {f"{k}": {name: tensors[name] for name in names[k::3]} for k in range(3)}
    for k, part in parts.items():
        saved_by_tensorflow(tmp_path / f"part{k}", part)
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(tmp_path / f"part{k}") for k in parts], destination_prefix=str(tmp_path / "all")
    )
    assert len(list(tmp_path.glob("all.data-*-of-00003"))) == 3
    assert differences(tensors, tensor_bundle.read(tmp_path / "all")) == []


@pytest.mark.tf
def test_bfloat16(tmp_path):
    import ml_dtypes

    tensors = {"x": np.arange(6).astype(ml_dtypes.bfloat16).reshape(2, 3)}
    saved_by_tensorflow(tmp_path / "model.ckpt", tensors)
    read_back = tensor_bundle.read(tmp_path / "model.ckpt")["x"]
    assert read_back.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(read_back, tensors["x"])


@pytest.mark.tf
def test_what_holds_no_numbers_is_refused_by_name(tmp_path):
    import tensorflow as tf

    prefix = str(tmp_path / "model.ckpt")
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["words"], shape_and_slices=[""], tensors=[tf.constant(["a", "b"])])
    with pytest.raises(KindlingError, match="words holds no numbers"):
        tensor_bundle.read(tmp_path / "model.ckpt")


@pytest.mark.tf
def test_slices_are_refused_by_name(tmp_path):
    import tensorflow as tf

    prefix = str(tmp_path / "model.ckpt")
    spec = ["4 2 0,2:-", "4 2 2,2:-"]  # the two halves of one variable of 4x2
    halves = [tf.ones([2, 2]), tf.zeros([2, 2])]
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["net/w", "net/w"], shape_and_slices=spec, tensors=halves)
    with pytest.raises(KindlingError, match="net/w is saved in slices of a partitioned variable"):
        tensor_bundle.read(tmp_path / "model.ckpt")


def test_arrays_may_be_changed(tmp_path):
    tensor_bundle.write(tmp_path / "model.ckpt", {"x": np.zeros(3, np.float32)})
    tensor_bundle.read(tmp_path / "model.ckpt")["x"][:] = 1


# --- damage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path):
    tensors = seeded("Illumination_adjust_net")
    tensors = {name: array[..., :4].copy() for name, array in tensors.items()}  # small, so every byte gets its turn
    tensor_bundle.write(tmp_path / "model.ckpt", tensors)
    return tmp_path / "model.ckpt", tensors


def is_same_or_refused(prefix, tensors):
    try:
        read_back = tensor_bundle.read(prefix)
    except KindlingError as error:
        return "refused" if str(error) and "\n" not in str(error) else "refused in no clear sentence"
    assert differences(tensors, read_back) == []
    return "same"


@pytest.mark.parametrize("name", ["index", "data-00000-of-00001"])
def test_no_flipped_byte_goes_unseen(bundle, name):
    """Every byte of the index, and 500 of the data, one at a time: the same arrays, or an error."""
    prefix, tensors = bundle
    path = tensor_bundle.part(prefix, name)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    places = range(len(whole)) if name == "index" else rng.integers(0, len(whole), 500)
    seen = {"same": 0, "refused": 0}
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        seen[is_same_or_refused(prefix, tensors)] += 1
    assert seen["refused"] >= 0.85 * len(places)  # the padding of the footer and the empty metaindex carry nothing


@pytest.mark.parametrize("name", ["index", "data-00000-of-00001"])
def test_no_truncation_goes_unseen(bundle, name):
    prefix, tensors = bundle
    path = tensor_bundle.part(prefix, name)
    whole = path.read_bytes()
    for keep in range(0, len(whole), max(1, len(whole) // 200)):
        path.write_bytes(whole[:keep])
        assert is_same_or_refused(prefix, tensors) == "refused"


def test_noise_is_no_table():
    rng = np.random.default_rng(0)
    for size in range(0, 400):
        with pytest.raises(Damaged):
            list(read_table(rng.bytes(size)))


def test_a_shape_that_does_not_fit_its_bytes_costs_nothing(tmp_path):
    """An index, checksums and all, that claims 2^40 elements in no bytes."""
    entry = b"\x08\x01\x12\x0a\x12\x08\x08" + b"\x80\x80\x80\x80\x80\x20" + b"\x00"  # float32, [2^40]
    entry = entry[:3] + bytes([len(entry) - 5]) + b"\x12" + bytes([len(entry) - 7]) + entry[6:-1]
    table = made_table([(b"", b"\x08\x01\x1a\x02\x08\x01"), (b"x", entry)])
    (tmp_path / "model.ckpt.index").write_bytes(table)
    (tmp_path / "model.ckpt.data-00000-of-00001").touch()
    with pytest.raises(Damaged, match=r"x has shape \(1099511627776,\) and 0 bytes"):
        tensor_bundle.read(tmp_path / "model.ckpt")
