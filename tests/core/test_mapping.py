"""The naming rule: every row of the table of nets, forwards and backwards, and its axis orders."""

import numpy as np
import pytest

from convert import slim_name, to_slim, to_torch, torch_key
from kindling import KindlingError
from kindling.families.kind.nets import NETS
from kindling.families.registry import KIND

RULE = [
    ("DecomNet/g_conv1_1/weights", "DecomNet.g_conv1_1.weight"),
    ("DecomNet/g_conv1_1/biases", "DecomNet.g_conv1_1.bias"),
    ("Restoration_net/up_6/weights", "Restoration_net.up_6.weight"),
    ("global_step", "global_step"),
    ("DecomNet/g_conv1_1/weights/Adam", "DecomNet.g_conv1_1.weights.Adam"),
]


@pytest.mark.parametrize(("slim", "torch"), RULE, ids=[slim for slim, _ in RULE])
def test_rule(slim, torch):
    assert torch_key(slim) == torch
    assert slim_name(torch) == slim


@pytest.mark.parametrize("name", KIND.variables)
def test_every_variable_comes_back(name):
    assert slim_name(torch_key(name)) == name


# The two kinds of kernel: TF's shape, torch's shape, and one element followed from one to the other.
KERNELS = [
    ("conv, kh kw in out", (3, 5, 4, 7), (7, 4, 3, 5), (2, 1, 3, 6), (6, 3, 2, 1)),
    ("up-conv, kh kw out in", (2, 2, 32, 64), (64, 32, 2, 2), (1, 0, 31, 5), (5, 31, 1, 0)),
]


@pytest.mark.parametrize(
    ("tf_shape", "torch_shape", "here", "there"), [k[1:] for k in KERNELS], ids=[k[0] for k in KERNELS]
)
def test_axes(tf_shape, torch_shape, here, there):
    kernel = np.random.default_rng(0).random(tf_shape, np.float32)
    carried = to_torch({"a/weights": kernel})["a.weight"]
    assert carried.shape == torch_shape
    assert carried[there] == kernel[here]
    assert carried.flags.c_contiguous
    np.testing.assert_array_equal(to_slim({"a.weight": carried})["a/weights"], kernel)


def test_biases_keep_their_shape():
    assert to_torch({"a/biases": np.zeros(3)})["a.bias"].shape == (3,)


def test_two_names_that_become_one_are_refused():
    with pytest.raises(KindlingError, match=r"another variable is called a\.weight too"):
        to_torch({"a/weights": np.zeros(1), "a/weight": np.zeros(1)})


@pytest.mark.parametrize(
    ("net", "parameters", "variables"),
    [("DecomNet", 235_876, 18), ("Restoration_net", 7_760_739, 42), ("Illumination_adjust_net", 19_393, 8)],
)
def test_table_counts(net, parameters, variables):
    assert NETS[net].parameters == parameters
    assert len(NETS[net].variables) == variables


@pytest.mark.parametrize("net", NETS)
def test_table_reads_what_it_says(net):
    """Every row reads layers above it (or the net's inputs), and their channels add up to what it takes in."""
    made = dict(NETS[net].inputs)
    for layer in NETS[net].layers:
        read = [made[name] for name in layer.of]
        assert layer.inputs == (read[0] if layer.kind == "up" else sum(read)), layer.name
        made[layer.name] = layer.outputs + (read[1] if layer.kind == "up" else 0)
    assert {layer.gives: layer.outputs for layer in NETS[net].layers if layer.gives} == NETS[net].outputs


@pytest.mark.torch
def test_table_is_what_torch_has():
    import kind_torch

    state = kind_torch.KinD().state()
    assert {name: state[name].shape for name in state} == KIND.variables
    assert list(state) == list(KIND.variables)


@pytest.mark.tf
def test_table_is_what_tensorflow_has():
    import kind_tf

    state = kind_tf.KinD().state()
    assert {name: state[name].shape for name in state} == KIND.variables
    assert list(state) == list(KIND.variables)


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("net", NETS)
def test_table_is_what_the_authors_saved(reference, net):
    import tensorflow as tf

    saved = tf.train.list_variables(str(reference / "checkpoint" / NETS[net].folder / "model.ckpt"))
    assert {name: tuple(shape) for name, shape in saved} == NETS[net].variables
