"""Both frameworks against the authors' graphs and against each other: outputs, layers, odd sizes, both precisions."""

import numpy as np
import pytest

from kindling.families.registry import FAMILIES
from kindling.parity.distance import distance, magnitude
from tests.support.families import families, folder, goldens, graph

BOTH = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]
IDS = [family.id for family in families()]
NETS = [
    pytest.param(family.id, net.verb, id=f"{family.id}-{net.scope}") for family in families() for net in family.nets
]
ODD = [(1, 1, 1), (1, 2, 3), (1, 5, 7), (2, 9, 13)]


def inputs_of(family, verb, size, dtype=np.float64):
    """One array for each input of a net, (n, h, w, channels) in [0, 1)."""
    rng = np.random.default_rng([7, *size])
    return [rng.random((*size, channels)).astype(dtype) for channels in family.net(verb).inputs.values()]


@pytest.mark.parametrize("family", families(), ids=IDS)
def test_the_table_is_whole(family):
    """Every layer reads inputs or layers before it, and as many channels as those make."""
    for net in family.nets:
        made = dict(net.inputs)
        for layer in net.layers:
            channels = [made[name] for name in layer.of]
            if layer.kind == "conv":
                assert layer.inputs == sum(channels), layer.name
            made[layer.name] = layer.outputs or (sum(channels) if layer.after == "concat" else channels[0])
            if layer.kind == "up":
                made[layer.name] += channels[1]
        assert set(net.reads) <= {"image", "R", "L", "ratio"}


@pytest.mark.reference
@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("id", IDS)
def test_the_goldens(authors_model, reference, id, runtime):
    """0 on the processor that made them, in TensorFlow."""
    loaded = authors_model(id, runtime)
    for name, verb, inputs, outputs in goldens(reference, loaded.family):
        for ours, theirs in zip(loaded.run(verb, *inputs), outputs, strict=True):
            assert distance(ours, theirs) <= 1e-5, name


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(("id", "verb"), NETS)
def test_the_same_function(model, id, verb):
    """Float64, at sizes from one pixel up: of a wrong pad or a wrong activation nothing could hide."""
    ours, theirs = (model(id, runtime, "float64") for runtime in ("torch", "tf"))
    for size in ODD:
        inputs = inputs_of(ours.family, verb, size)
        for a, b in zip(ours.run(verb, *inputs), theirs.run(verb, *inputs), strict=True):
            assert a.shape[:3] == size
            assert distance(a, b) <= 1e-10, size


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(("id", "verb"), NETS)
def test_every_layer_is_the_same(model, id, verb):
    ours, theirs = (model(id, runtime, "float64") for runtime in ("torch", "tf"))
    net, inputs = ours.family.net(verb), inputs_of(ours.family, verb, (1, 9, 14))
    a, b = (dict(loaded.layers(net.scope, *inputs)) for loaded in (ours, theirs))
    assert set(a) == set(b) != set()
    for name, array in b.items():
        assert distance(a[name], array) <= 1e-10 * magnitude(array), name


@pytest.mark.reference
@pytest.mark.parametrize("runtime", BOTH)
def test_the_graphs_own_names_of_kind_plus(model, reference_layers, runtime):
    """Every operation of the authors' restoration that counts as a layer, under its name, in float32."""
    loaded, held = model("kind_plus", runtime), reference_layers
    layers = dict(loaded.layers("Denoise_Net", held["r"], held["i"]))
    kinds = dict(line.split("|") for line in held["order"])
    wanted = {
        name for name, kind in kinds.items() if kind in ("BiasAdd", "Relu", "Maximum", "FusedBatchNormV3", "ConcatV2")
    }
    assert wanted <= set(layers)
    for name, array in layers.items():
        assert distance(array, held[name]) <= 1e-5 * magnitude(held[name]), name


@pytest.fixture
def reference_layers(reference):
    with np.load(folder(reference, families("kind_plus")[0]) / "goldens" / "restoration_layers.npz") as held:
        return dict(held)


GRAPHS = {  # net of KinD++ -> its folder, what its graph is fed and asked for
    "decompose": ("decom_model", ("input_low:0",), ("DecomNet/Sigmoid:0", "DecomNet/Sigmoid_1:0")),
    "adjust": ("illu_model", ("input_low_i:0", "input_low_i_ratio:0"), ("I_enhance_Net/Sigmoid:0",)),
}


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("verb", GRAPHS)
def test_kind_plus_is_its_authors_graph_bit_for_bit(authors_model, reference, verb):
    loaded, (name, feeds, fetches) = authors_model("kind_plus", "tf"), GRAPHS[verb]
    with graph(folder(reference, loaded.family) / "checkpoint" / name / "model.ckpt", feeds, fetches) as original:
        for size in [*ODD, (1, 37, 51)]:
            inputs = inputs_of(loaded.family, verb, size, np.float32)
            for ours, theirs in zip(loaded.run(verb, *inputs), original(*inputs), strict=True):
                assert distance(ours, theirs) == 0


@pytest.mark.tf
@pytest.mark.reference
def test_retinexnet_is_its_authors_graphs_bit_for_bit(authors_model, reference):
    """The second net's checkpoint is not whole: seeded weights are put into its graph, variable by variable."""
    loaded = authors_model("retinexnet", "tf")
    models = folder(reference, loaded.family) / "checkpoint"
    seeded = {name: array for name, array in loaded.kind.state().items() if name.startswith("RelightNet/")}
    decom = graph(models / "Decom" / "RetinexNet-tensorflow", ("input_low:0",), ("Sigmoid:0", "Sigmoid_1:0"))
    feeds, fetches = ("Sigmoid_1:0", "Sigmoid:0"), ("RelightNet/conv2d_9/BiasAdd:0",)
    relight = graph(models / "Relight" / "RetinexNet-tensorflow", feeds, fetches, seeded)
    for verb, opened in (("decompose", decom), ("adjust", relight)):
        with opened as original:
            for size in [*ODD, (1, 37, 51)]:
                inputs = inputs_of(loaded.family, verb, size, np.float32)
                for ours, theirs in zip(loaded.run(verb, *inputs), original(*inputs), strict=True):
                    assert distance(ours, theirs) == 0, (verb, size)


@pytest.mark.tf
@pytest.mark.torch
def test_batch_norm_in_training(model):
    """By the batch's own statistics, and both frameworks move the kept ones alike: the unbiased variance among them."""
    import tensorflow as tf
    import torch

    from kind_tf.families.kind_plus import KinDPlus as InTensorFlow
    from kind_torch.families.kind_plus import KinDPlus

    weights = model("kind_plus", "torch", "float64").kind.state()
    own = {name: array for name, array in weights.items() if name.startswith("Denoise_Net/")}
    ours, theirs = KinDPlus(["Denoise_Net"], "float64").train(), InTensorFlow(["Denoise_Net"], "float64")
    ours.assign(own)
    theirs.assign(own)
    r, i = (np.random.default_rng(3).random((2, 8, 12, c)) for c in (3, 1))
    for _ in range(2):
        a = ours.restore(*(torch.tensor(x).permute(0, 3, 1, 2) for x in (r, i))).detach().permute(0, 2, 3, 1).numpy()
        b = theirs.restore(tf.constant(r), tf.constant(i), training=True).numpy()
        assert distance(a, b) <= 1e-10
    moved, too = ours.state(), theirs.state()
    assert max(distance(moved[name], too[name]) for name in own) <= 1e-12
    changed = {name for name in own if distance(moved[name], own[name])}
    assert changed == {name for name in own if "/moving_" in name}


def test_every_row_says_what_it_is():
    for family in FAMILIES:
        assert bool(family.nets) != bool(family.refused), family.id
        assert family.source, family.id
