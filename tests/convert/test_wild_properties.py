"""What must hold for tensors of any name, shape and dtype: there and back bit for bit, with TensorFlow as the oracle.

The suite tries 40 examples of each; `pytest tests/convert/test_wild_properties.py --hypothesis-profile=long` a
thousand.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convert.containers import tensor_bundle
from convert.forms import registry
from convert.soundness import differences
from tests.support.bundles import by_tensorflow, files, saved_by_tensorflow
from tests.support.checkpoints import form

DTYPES = ["float16", "float32", "float64", "int32", "int64", "bool", "uint8", "int16"]
# Letters of any script; no slash, which parts scopes, and no dot, which parts PyTorch's.
LETTERS = st.characters(exclude_categories=("C", "Z"), exclude_characters="/.\\")
SEGMENTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda s: s not in ("weight", "bias"))
KEYS = SEGMENTS.filter(lambda s: s not in ("kindling", "family", "weights"))  # which ask for a right fingerprint
SLIM = st.builds("{}/{}".format, SEGMENTS, SEGMENTS)  # two deep, or one name would be another's folder
ANY = st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20), min_size=1).map("/".join)
in_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def arrays(*dtypes):
    """Numbers of all bit patterns, up to four axes, some of them empty; and scalars."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    return st.sampled_from(dtypes).flatmap(lambda dtype: shapes.flatmap(lambda shape: _array(np.dtype(dtype), shape)))


def _array(dtype, shape):
    size = int(np.prod(shape)) * dtype.itemsize
    bits = st.binary(min_size=size, max_size=size)
    if dtype.kind == "b":
        bits = bits.map(lambda raw: bytes(byte & 1 for byte in raw))
    return bits.map(lambda raw: np.frombuffer(raw, dtype).reshape(shape))


def tensors_of_tensorflow():
    import ml_dtypes  # which comes with it

    return st.dictionaries(ANY, arrays(*DTYPES, ml_dtypes.bfloat16), min_size=1, max_size=8)


@pytest.mark.tf
@in_a_folder
@given(tensors=st.deferred(tensors_of_tensorflow))
def test_bundles_are_tensorflows_byte_for_byte(tmp_path, tensors):
    """What it reads of ours, what we read of its, and the files themselves."""
    saved_by_tensorflow(tmp_path / "theirs", tensors)
    tensor_bundle.write(tmp_path / "ours", tensors)
    assert files(tmp_path / "ours") == files(tmp_path / "theirs")
    assert differences(tensors, tensor_bundle.read(tmp_path / "theirs")) == []
    assert differences(tensors, by_tensorflow(tmp_path / "ours")) == []


@pytest.mark.parametrize("name", [form(f"x.{kind}") for kind in ("h5", "npz", "safetensors", "pth", "ckpt")])
@in_a_folder
@given(variables=st.dictionaries(SLIM, arrays(*DTYPES), min_size=1, max_size=6))
def test_every_form_gives_back_what_it_was_given(tmp_path, name, variables):
    registry.write(tmp_path / name, variables, {})
    assert differences(variables, registry.read(tmp_path / name).variables) == []


@pytest.mark.parametrize("name", [form(f"x.{kind}") for kind in ("h5", "npz", "safetensors")])
@in_a_folder
@given(metadata=st.dictionaries(KEYS, st.text(st.characters(exclude_categories=("Cs",)), max_size=30), max_size=4))
def test_metadata_is_given_back(tmp_path, name, metadata):
    registry.write(tmp_path / name, {"a/b": np.ones(2, np.float32)}, metadata)
    read_back = registry.read(tmp_path / name).metadata
    assert read_back == {key: value.replace("\0", "") for key, value in metadata.items()}
