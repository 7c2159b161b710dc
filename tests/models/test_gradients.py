"""The mirror in the backward direction: float64 gradients of both frameworks, also where functions have corners."""

import numpy as np
import pytest

import convert
from kindling.families.kind.nets import NETS
from kindling.parity.distance import distance, magnitude
from tests.support.weights import STEPS, seeded

pytestmark = [pytest.mark.tf, pytest.mark.torch]

SIZES = [(1, 1, 1), (2, 7, 10), (1, 16, 16)]


def gradients(package, variables, step, inputs, seed=3):
    """d(weighted sum of outputs) / d(inputs and variables), as NHWC arrays and slim variables."""
    if package == "kind_tf":
        import tensorflow as tf

        import kind_tf

        kind = kind_tf.KinD(convert.nets_in(variables), "float64")
        kind.assign(variables)
        given = [tf.constant(x) for x in inputs]
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = getattr(kind, step)(*given)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            loss = tf.add_n([tf.reduce_sum(o * w) for o, w in zip(outputs, _weights(outputs, seed), strict=True)])
        to_inputs, to_variables = tape.gradient(loss, [given, kind.by_name])
        return [g.numpy() for g in to_inputs], {n: g.numpy() for n, g in to_variables.items() if g is not None}

    import torch

    import kind_torch

    kind = kind_torch.KinD(convert.nets_in(variables), "float64")
    kind.assign(variables)
    given = [torch.tensor(np.moveaxis(x, 3, 1), requires_grad=True) for x in inputs]
    outputs = getattr(kind, step)(*given)
    outputs = [o.movedim(1, 3) for o in (outputs if isinstance(outputs, tuple) else [outputs])]
    sum((o * torch.tensor(w)).sum() for o, w in zip(outputs, _weights(outputs, seed), strict=True)).backward()
    to_variables = {key: p.grad.numpy() for key, p in kind.named_parameters() if p.grad is not None}
    return [x.grad.movedim(1, 3).numpy() for x in given], convert.to_slim(to_variables)


def _weights(outputs, seed):
    """So that no two pixels count alike and errors cannot cancel."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(tuple(o.shape)) for o in outputs]


def assert_equal_gradients(variables, step, inputs):
    (ours, ours_by_name), (theirs, theirs_by_name) = (
        gradients(package, variables, step, inputs) for package in ("kind_torch", "kind_tf")
    )
    assert set(ours_by_name) == set(theirs_by_name) != set()
    for a, b in zip(ours, theirs, strict=True):
        assert distance(a, b) <= 1e-9 * magnitude(b)
    for name, b in theirs_by_name.items():
        assert distance(ours_by_name[name], b) <= 1e-9 * magnitude(b), name


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("net", NETS)
def test_gradients_of_each_net(net, size):
    rng = np.random.default_rng([5, *size])
    inputs = [rng.random((*size, channels)) for channels in NETS[net].inputs.values()]
    assert_equal_gradients(seeded(net), STEPS[net], inputs)


def test_gradients_through_the_whole_chain():
    x = np.random.default_rng(6).random((1, 13, 18, 3))
    assert_equal_gradients(seeded(), "enhance", [x])


@pytest.mark.parametrize("net", NETS)
def test_the_slope_at_zero_is_tensorflows(net):
    """All biases zero and a black input: every activation of the first conv sits exactly on lrelu's corner, and every
    pool sees ties."""
    variables = {name: a if name.endswith("weights") else np.zeros_like(a) for name, a in seeded(net).items()}
    inputs = [np.zeros((1, 6, 7, channels)) for channels in NETS[net].inputs.values()]
    assert_equal_gradients(variables, STEPS[net], inputs)


def test_lrelu_alone():
    import tensorflow as tf
    import torch

    import kind_tf.model
    import kind_torch.model

    points = np.array([-2.0, -0.0, 0.0, 3.0])
    x = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = kind_tf.model.lrelu(x)
    slope = tape.gradient(y, x).numpy()
    t = torch.tensor(points, requires_grad=True)
    kind_torch.model.lrelu(t).sum().backward()
    np.testing.assert_array_equal(slope, [0.2, 0.2, 0.2, 1])
    np.testing.assert_array_equal(t.grad.numpy(), slope)
    np.testing.assert_array_equal(kind_torch.model.lrelu(t).detach().numpy(), y.numpy())
