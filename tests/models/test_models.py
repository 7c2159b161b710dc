"""Both frameworks against the authors' graphs: seeded weights anywhere, the authors' own where they are."""

import numpy as np
import pytest

import convert
from kindling.families.kind.nets import NETS
from kindling.parity.distance import distance, magnitude, mean_distance
from tests.support.inputs import ODD_SIZES, random_inputs, reference_goldens, reference_inputs
from tests.support.weights import ALL_GOLDENS, GOLDEN_IDS, STEPS, seeded

# --- kind_tf -----------------------------------------------------------------------------------------------------


@pytest.mark.tf
@pytest.mark.parametrize(("net", "size", "inputs", "outputs"), ALL_GOLDENS, ids=GOLDEN_IDS)
def test_tf_gives_the_authors_seeded_goldens(tf_kind, net, size, inputs, outputs):
    from kind_tf import arrays

    for ours, theirs in zip(arrays.run(tf_kind, STEPS[net], *inputs), outputs, strict=True):
        assert distance(ours, theirs) <= 1e-5  # 0 on the processor that made the goldens


@pytest.mark.tf
@pytest.mark.reference
@pytest.mark.parametrize("net", NETS)
def test_tf_is_the_authors_graph_bit_for_bit(reference, reference_weights, net):
    """Beside their graph, on this machine, with their Saver reading a checkpoint that we wrote."""
    import kind_tf
    from kind_tf import arrays
    from tests.support import authors

    bundle = reference_weights / NETS[net].folder / "model.ckpt"
    kind = kind_tf.load(bundle)
    inputs = [random_inputs(net, size) for size in ODD_SIZES] + list(reference_inputs(reference, net))
    with authors.graph(reference, net, bundle) as original:
        for given in inputs:
            for ours, theirs in zip(arrays.run(kind, STEPS[net], *given), original(*given), strict=True):
                assert distance(ours, theirs) == 0


@pytest.mark.tf
@pytest.mark.reference
def test_tf_gives_the_authors_goldens(reference, reference_weights):
    import kind_tf
    from kind_tf import arrays

    kind = kind_tf.load(reference_weights)
    for name, step, inputs, outputs in reference_goldens(reference):
        for ours, theirs in zip(arrays.run(kind, step, *inputs), outputs, strict=True):
            assert distance(ours, theirs) <= 1e-5, name


@pytest.mark.tf
def test_tf_functions_work_as_the_original_uses_them(weights, tf_kind, tmp_path):
    """A v1 graph, placeholders, two calls that share variables, a Saver, a Session; and the same result as eager."""
    import tensorflow as tf

    from kind_tf import arrays, model

    convert.write(tmp_path / "model.ckpt", {n: a for n, a in weights.items() if n.startswith("DecomNet/")})
    v1 = tf.compat.v1
    (x,) = random_inputs("DecomNet", (1, 17, 33))
    with tf.Graph().as_default(), v1.Session() as session:
        low, high = (v1.placeholder(tf.float32, [None, None, None, 3], name=n) for n in ("input_low", "input_high"))
        R, L = model.DecomNet_simple(low)
        R_high, _ = model.DecomNet_simple(high)
        variables = v1.global_variables()
        assert [v.name for v in variables] == [f"{name}:0" for name in NETS["DecomNet"].variables]
        v1.train.Saver(variables).restore(session, str(tmp_path / "model.ckpt"))
        ours = session.run([R, L, R_high], {low: x, high: x})
    eager = arrays.run(tf_kind, "decompose", x)
    assert [distance(a, b) for a, b in zip(ours, [*eager, eager[0]], strict=True)] == [0, 0, 0]


@pytest.mark.tf
def test_tf_gradients_reach_every_variable(tf_kind):
    import tensorflow as tf

    (x,) = random_inputs("DecomNet", (1, 9, 9))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf_kind.enhance(x))
    gradients = tape.gradient(loss, tf_kind.trainable_variables)
    assert len(gradients) == 68
    assert all(g is not None and bool(tf.reduce_any(g != 0)) for g in gradients)


# --- kind_torch --------------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize(("net", "size", "inputs", "outputs"), ALL_GOLDENS, ids=GOLDEN_IDS)
def test_torch_gives_the_authors_seeded_goldens(torch_kind, net, size, inputs, outputs):
    from kind_torch import arrays

    for ours, theirs in zip(arrays.run(torch_kind, STEPS[net], *inputs), outputs, strict=True):
        assert distance(ours, theirs) <= 1e-5
        assert mean_distance(ours, theirs) <= 1e-6


@pytest.mark.torch
@pytest.mark.reference
def test_torch_gives_the_authors_goldens(reference, reference_weights):
    import kind_torch
    from kind_torch import arrays

    kind = kind_torch.load(reference_weights)
    for name, step, inputs, outputs in reference_goldens(reference):
        for ours, theirs in zip(arrays.run(kind, step, *inputs), outputs, strict=True):
            assert distance(ours, theirs) <= 1e-5, name
            assert mean_distance(ours, theirs) <= 1e-6, name


@pytest.mark.torch
@pytest.mark.reference
def test_torch_gives_every_layer_of_the_authors_graph(reference):
    """Relative to each layer's largest value. Their Conv2D, before the bias, is our BiasAdd less the bias."""
    import kind_torch
    from kind_torch import arrays

    kind = kind_torch.load(reference / "checkpoint" / "decom_net_train")
    with np.load(reference / "goldens" / "decom_layers.npz") as golden:
        ours = dict(arrays.layers(kind, "DecomNet", golden["x"]))
        biases = {name: a for name, a in kind.state().items() if name.endswith("/biases")}
        order = [str(name) for name in golden["order"]]
        assert [name for name in order if not name.endswith("/Conv2D")] == list(ours)
        for name in order:
            layer, op = name.rsplit("/", 1)
            mine = ours[f"{layer}/BiasAdd"] - biases[f"{layer}/biases"] if op == "Conv2D" else ours[name]
            assert distance(mine, golden[name]) / magnitude(golden[name]) <= 1e-5, name


@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("size", ODD_SIZES, ids=str)
@pytest.mark.parametrize("net", NETS)
def test_the_two_agree_in_float64(tf_kind64, torch_kind64, net, size):
    import kind_tf.arrays
    import kind_torch.arrays

    inputs = random_inputs(net, size, np.float64)
    theirs = kind_tf.arrays.run(tf_kind64, STEPS[net], *inputs)
    for a, b in zip(kind_torch.arrays.run(torch_kind64, STEPS[net], *inputs), theirs, strict=True):
        assert distance(a, b) <= 1e-12


# A seed each: nets whose float32 rounding differs. The port may be no further from exact than TF is, or within 1e-5.
@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_weights_are_as_exact_in_torch_as_in_tf(seed):
    import kind_tf.arrays
    import kind_torch.arrays

    variables = seeded("DecomNet", "Illumination_adjust_net", seed=seed)
    variables = {name: 1.5 * array for name, array in variables.items()}  # larger values, larger rounding
    results = {}
    for package in (kind_tf, kind_torch):
        for dtype in ("float32", "float64"):
            kind = package.KinD(["DecomNet", "Illumination_adjust_net"], dtype)
            kind.assign(variables)
            (x,) = random_inputs("DecomNet", (1, 37, 51))
            results[package.__name__, dtype] = package.arrays.run(kind, "decompose", x)
    for exact, tf_, torch_ in zip(
        *(results[k] for k in [("kind_tf", "float64"), ("kind_tf", "float32"), ("kind_torch", "float32")]), strict=True
    ):
        assert distance(torch_, exact) <= max(distance(tf_, exact), 1e-5)
