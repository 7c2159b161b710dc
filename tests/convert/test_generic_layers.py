"""Every kind of layer that the rule knows: Keras' layer and PyTorch's module, of carried weights, compute the same.

Random sizes, random weights, float64, where nothing hides: 1e-10. And back: the original's arrays, bit for bit. The
suite tries five of each; `pytest tests/convert/test_generic_layers.py --hypothesis-profile=long` more than a hundred.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.generic import KINDS, read_table, to_tf, to_torch
from convert.soundness import differences

SAME = 1e-10
few = settings(
    max_examples=max(5, settings().max_examples // 8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
small = st.integers(1, 4)
switch = st.booleans()
pytestmark = [pytest.mark.tf, pytest.mark.torch]


class Pair:
    """A layer of Keras with random weights, the module of PyTorch that is its port, and a row that says so."""

    def __init__(self, layer, module, shape, row, channels=True, x=None):
        self.layer, self.module, self.row, self.channels = layer, module.double().eval(), row, channels
        rng = np.random.default_rng(len(str(row)) + sum(shape))
        self.x = rng.standard_normal(shape) if x is None else x
        layer(self.x)
        layer.set_weights([np.abs(rng.standard_normal(w.shape)) + 0.1 for w in layer.get_weights()])
        self.weights = {f"net/layer/{w.path.split('/')[-1]}": np.asarray(w) for w in layer.weights}
        self.weights = {name: array for name, array in self.weights.items() if "seed" not in name}

    def expected(self):
        return np.asarray(self.layer(self.x))

    def reached(self, state):
        import torch

        weights = {key.removeprefix("m."): torch.from_numpy(array) for key, array in state.items()}
        self.module.load_state_dict(weights)  # strict: all of its own, and nothing else
        x = np.moveaxis(self.x, -1, 1) if self.channels else self.x
        with torch.no_grad():
            y = self.module(torch.from_numpy(np.ascontiguousarray(x)))
        y = (y[0] if isinstance(y, tuple) else y).numpy()
        return np.moveaxis(y, 1, -1) if self.channels and y.ndim == self.x.ndim else y


def conv(dims, transposed=False):
    def pairs(draw):
        import keras
        import torch

        kernel = draw(st.integers(1, 3))
        stride = draw(st.integers(1, kernel))
        inputs, outputs, bias = draw(small), draw(small), draw(switch)
        name = f"Conv{dims}D{'Transpose' if transposed else ''}"
        layer = getattr(keras.layers, name)(outputs, kernel, stride, use_bias=bias, dtype="float64")
        module = getattr(torch.nn, f"Conv{'Transpose' if transposed else ''}{dims}d")(
            inputs, outputs, kernel, stride, bias=bias
        )
        kind = f"conv{dims}d{'_transpose' if transposed else ''}"
        return Pair(layer, module, (2, *[draw(st.integers(kernel, 6)) for _ in range(dims)], inputs), row(kind))

    return pairs


def depthwise(dims):
    def pairs(draw):
        import keras
        import torch

        inputs, multiplier, kernel, bias = draw(small), draw(small), draw(st.integers(1, 3)), draw(switch)
        make = getattr(keras.layers, f"DepthwiseConv{dims}D")
        layer = make(kernel, depth_multiplier=multiplier, use_bias=bias, dtype="float64")
        conv = getattr(torch.nn, f"Conv{dims}d")
        module = conv(inputs, inputs * multiplier, kernel, groups=inputs, bias=bias)
        return Pair(layer, module, (2, *[5] * dims, inputs), row(f"depthwise_conv{dims}d", multiplier=multiplier))

    return pairs


def separable(dims):
    def pairs(draw):
        import keras
        import torch

        inputs, multiplier, kernel, outputs, bias = (
            draw(small),
            draw(small),
            draw(st.integers(1, 3)),
            draw(small),
            draw(switch),
        )
        make = getattr(keras.layers, f"SeparableConv{dims}D")
        layer = make(outputs, kernel, depth_multiplier=multiplier, use_bias=bias, dtype="float64")
        conv = getattr(torch.nn, f"Conv{dims}d")
        module = torch.nn.Sequential()
        module.add_module("depthwise", conv(inputs, inputs * multiplier, kernel, groups=inputs, bias=False))
        module.add_module("pointwise", conv(inputs * multiplier, outputs, 1, bias=bias))
        return Pair(layer, module, (2, *[5] * dims, inputs), row(f"separable_conv{dims}d", multiplier=multiplier))

    return pairs


def dense(draw):
    import keras
    import torch

    inputs, outputs, bias = draw(small), draw(small), draw(switch)
    layer = keras.layers.Dense(outputs, use_bias=bias, dtype="float64")
    return Pair(layer, torch.nn.Linear(inputs, outputs, bias), (3, inputs), row("dense"), channels=False)


def flattened(draw):
    """A dense layer behind a flatten: the same pixels, in another order."""
    import keras
    import torch

    sides, channels, outputs = draw(st.lists(small, min_size=1, max_size=3)), draw(small), draw(small)
    count = int(np.prod(sides)) * channels
    layer = keras.Sequential([keras.layers.Flatten(dtype="float64"), keras.layers.Dense(outputs, dtype="float64")])
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(count, outputs))
    return Pair(layer, module, (2, *sides, channels), row("dense", "m.1", flatten=[*sides, channels]))


def batch_norm(draw):
    import keras
    import torch

    channels, gamma, beta = draw(small), draw(switch), draw(switch)
    layer = keras.layers.BatchNormalization(scale=gamma, center=beta, dtype="float64")  # epsilon 1e-3, as slim's
    module = torch.nn.BatchNorm2d(channels, eps=1e-3, affine=gamma or beta)
    return Pair(layer, module, (2, 3, 3, channels), row("batch_norm"))


def layer_norm(draw):
    import keras
    import torch

    channels, whole = draw(small), draw(switch)
    layer = keras.layers.LayerNormalization(axis=[1, 2, 3] if whole else -1, dtype="float64")
    if whole:
        return Pair(layer, torch.nn.LayerNorm((channels, 2, 3), eps=1e-3), (2, 2, 3, channels), row("layer_norm"))
    return Pair(layer, torch.nn.LayerNorm(channels, eps=1e-3), (2, 5, channels), row("layer_norm"), channels=False)


def group_norm(draw):
    import keras
    import torch

    groups, each, beta = draw(small), draw(small), draw(switch)
    layer = keras.layers.GroupNormalization(groups, center=beta, dtype="float64")
    module = torch.nn.GroupNorm(groups, groups * each, eps=1e-3)
    return Pair(layer, module, (2, 3, 4, groups * each), row("group_norm"))


def instance_norm(draw):
    import keras
    import torch

    channels = draw(small)
    layer = keras.layers.GroupNormalization(-1, dtype="float64")
    module = torch.nn.InstanceNorm2d(channels, eps=1e-3, affine=True)
    return Pair(layer, module, (2, 3, 4, channels), row("instance_norm"))


def embedding(draw):
    import keras
    import torch

    count, width = draw(st.integers(1, 9)), draw(small)
    layer, module = keras.layers.Embedding(count, width, dtype="float64"), torch.nn.Embedding(count, width)
    words = np.random.default_rng(0).integers(0, count, (2, 3))
    return Pair(layer, module, (2, 3), row("embedding"), channels=False, x=words)


def recurrent(name):
    def pairs(draw):
        import keras
        import torch

        inputs, units, bias = draw(small), draw(small), draw(switch)
        layer = getattr(keras.layers, name)(units, use_bias=bias, return_sequences=True, dtype="float64")
        module = getattr(torch.nn, name)(inputs, units, bias=bias, batch_first=True)
        return Pair(layer, module, (2, 5, inputs), row(name.lower()), channels=False)

    return pairs


def row(kind, torch="m", **options):
    told = "".join(f", {key} = {value}" for key, value in options.items())
    return f'{{ tf = "net/layer", torch = "{torch}", kind = "{kind}"{told} }}'


PAIRS = {
    **{f"conv{d}d": conv(d) for d in (1, 2, 3)},
    **{f"conv{d}d_transpose": conv(d, transposed=True) for d in (1, 2, 3)},
    **{f"depthwise_conv{d}d": depthwise(d) for d in (1, 2)},
    **{f"separable_conv{d}d": separable(d) for d in (1, 2)},
    "dense": dense,
    "dense behind a flatten": flattened,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "embedding": embedding,
    "lstm": recurrent("LSTM"),
    "gru": recurrent("GRU"),
}


def table_of(tmp_path, text, variables):
    told = "".join(f'"{name}" = {list(array.shape)}\n' for name, array in variables.items())
    path = tmp_path / "net.toml"
    path.write_text(f"layers = [\n{text},\n]\n[variables]\n{told}")
    return read_table(path)


@pytest.mark.parametrize("kind", PAIRS)
@few
@given(data=st.data())
def test_both_frameworks_compute_the_same(kind, data, tmp_path):
    pair = PAIRS[kind](data.draw)
    table = table_of(tmp_path, pair.row, pair.weights)
    state = to_torch(table, pair.weights, "a checkpoint").arrays
    expected, reached = pair.expected(), pair.reached(state)
    assert expected.dtype == reached.dtype == np.float64
    assert expected.shape == reached.shape
    assert np.abs(expected - reached).max() <= SAME
    assert differences(pair.weights, to_tf(table, state, "a state").arrays) == []


def test_every_kind_is_tried():
    assert set(KINDS) - {"lstm_cell", "variable"} == {kind.split(" ")[0] for kind in PAIRS}


@few
@given(inputs=small, units=small, forget=st.sampled_from([0.0, 1.0, 0.3]))
def test_the_lstm_cell_of_tf1(inputs, units, forget, tmp_path):
    """Its formula, as BasicLSTMCell has it: [x, h] W + b in the order i, j, f, o, and forget_bias added to f."""
    import torch

    rng = np.random.default_rng(inputs + 7 * units)
    weights = {
        "rnn/basic_lstm_cell/kernel": rng.standard_normal((inputs + units, 4 * units)),
        "rnn/basic_lstm_cell/bias": rng.standard_normal(4 * units),
    }
    x = rng.standard_normal((2, 5, inputs))
    h = c = np.zeros((2, units))
    for t in range(5):
        gates = np.concatenate([x[:, t], h], 1) @ weights["rnn/basic_lstm_cell/kernel"]
        i, j, f, o = np.split(gates + weights["rnn/basic_lstm_cell/bias"], 4, 1)
        c = c * sigmoid(f + forget) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
    text = f'{{ tf = "rnn/basic_lstm_cell", torch = "m", kind = "lstm_cell", forget_bias = {forget} }}'
    table = table_of(tmp_path, text, weights)
    state = to_torch(table, weights, "a checkpoint").arrays
    module = torch.nn.LSTM(inputs, units, batch_first=True).double()
    module.load_state_dict({key.removeprefix("m."): torch.from_numpy(array) for key, array in state.items()})
    with torch.no_grad():
        _, (last, _) = module(torch.from_numpy(x))
    assert np.abs(last[0].numpy() - h).max() <= SAME
    assert differences(weights, to_tf(table, state, "a state").arrays) == []


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.slow
@few
@given(inputs=small, units=small)
def test_an_lstm_of_two_layers_and_both_directions(inputs, units, tmp_path):
    import keras
    import torch

    make = [
        keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True, dtype="float64"), dtype="float64")
        for _ in range(2)
    ]
    x = np.random.default_rng(units).standard_normal((2, 4, inputs))
    expected = np.asarray(make[1](make[0](x)))
    weights, rows = {}, []
    for k, layer in enumerate(make):
        for side, own in (("forward", layer.forward_layer), ("backward", layer.backward_layer)):
            scope = f"{k}/{side}"
            weights |= {f"{scope}/{w.path.split('/')[-1]}": np.asarray(w) for w in own.weights if "seed" not in w.path}
            told = f"layer = {k}, reverse = {str(side == 'backward').lower()}"
            rows.append(f'{{ tf = "{scope}", torch = "m", kind = "lstm", {told} }}')
    table = table_of(tmp_path, ",\n".join(rows), weights)
    state = to_torch(table, weights, "a checkpoint").arrays
    module = torch.nn.LSTM(inputs, units, num_layers=2, bidirectional=True, batch_first=True).double()
    module.load_state_dict({key.removeprefix("m."): torch.from_numpy(array) for key, array in state.items()})
    with torch.no_grad():
        reached = module(torch.from_numpy(x))[0].numpy()
    assert np.abs(expected - reached).max() <= SAME
    assert differences(weights, to_tf(table, state, "a state").arrays) == []
