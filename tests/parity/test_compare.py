"""`compare` on small nets: a right port passes, and each classic fault is found, proven and named."""

import numpy as np
import pytest

from kindling.core.errors import KindlingError
from kindling.parity import compare

pytestmark = [pytest.mark.torch]
RNG = np.random.default_rng(3)
W1, B1 = RNG.standard_normal((3, 3, 3, 6)), RNG.standard_normal(6)
W2, B2 = RNG.standard_normal((3, 3, 6, 4)), RNG.standard_normal(4)
MEAN, VARIANCE, BETA = RNG.standard_normal(4), RNG.random(4) + 0.02, RNG.standard_normal(4)
W3, B3 = RNG.standard_normal((5 * 6 * 4, 3)) / 9, RNG.standard_normal(3)
X = RNG.random((2, 10, 12, 3))


def run_tf(x):
    """A net as slim has it: relu unless told otherwise, SAME at stride 2, epsilon 1e-3, a flatten of NHWC."""
    import tensorflow as tf

    x, dtype = tf.constant(x), x.dtype
    w1, b1, w2, b2, w3, b3 = (tf.constant(a.astype(dtype)) for a in (W1, B1, W2, B2, W3, B3))
    mean, variance, beta = (tf.constant(a.astype(dtype)) for a in (MEAN, VARIANCE, BETA))
    conv1 = tf.nn.relu(tf.nn.conv2d(x, w1, 1, "SAME") + b1)
    conv2 = tf.nn.conv2d(conv1, w2, 2, "SAME") + b2
    norm = tf.nn.batch_normalization(conv2, mean, variance, beta, None, 1e-3)
    fc = tf.reshape(tf.nn.relu(norm), [len(x), -1]) @ w3 + b3
    return tf.sigmoid(fc), {"conv1": conv1, "conv2": conv2, "norm": norm, "fc": fc}


def outputs_only(x):
    return run_tf(x)[0]


def port(*faults):
    """Its port, with faults."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(3, 6, 3, padding=1)
            self.conv2 = torch.nn.Conv2d(6, 4, 3, stride=2, padding=1 if "padding" in faults else 0)
            self.norm = torch.nn.BatchNorm2d(4, eps=1e-5 if "epsilon" in faults else 1e-3)
            self.fc = torch.nn.Linear(5 * 6 * 4, 3)

        def forward(self, x):
            x = self.conv1(x)
            x = x if "relu" in faults else torch.relu(x)
            x = self.conv2(x if "padding" in faults else torch.nn.functional.pad(x, (0, 1, 0, 1)))
            x = torch.relu(self.norm(x)).flatten(1)
            x = self.fc(x)
            return x if "sigmoid" in faults else torch.sigmoid(x)

    net = Net().double()
    dense = W3 if "flatten" in faults else W3.reshape(5, 6, 4, 3).transpose(2, 0, 1, 3).reshape(-1, 3)
    first = W1[::-1] if "flipped" in faults else W1
    first = first[:, :, ::-1] if "BGR" in faults else first
    state = {
        "conv1.weight": first.transpose(3, 2, 0, 1), "conv1.bias": B1, "conv2.weight": W2.transpose(3, 2, 0, 1),
        "conv2.bias": B2, "norm.weight": np.ones(4), "norm.bias": BETA, "norm.running_mean": MEAN,
        "norm.running_var": VARIANCE, "fc.weight": dense.T, "fc.bias": B3,
    }  # fmt: skip
    if "not transposed" in faults:
        state["conv2.weight"] = W2.reshape(4, 6, 3, 3)
    net.load_state_dict({key: torch.from_numpy(array.copy()) for key, array in state.items()})
    return net.float() if "float" in faults else net


FAULTS = {
    "padding": ("padding", "Net/conv2", "conv2 (3x3, stride 2) pads by 1 on every side, and the reference as Tensor"),
    "epsilon": ("epsilon", "Net/norm", "norm has epsilon 1e-05, and the reference 0.001 (the default of slim"),
    "flatten": ("flatten", "Net/fc", "flatten = [5, 6, 4] in its row of the table"),
    "relu": ("activation", "Net/conv2", "conv1 is followed by a relu in the reference, as slim's layers have"),
    "sigmoid": ("activation", None, "fc is followed by a sigmoid in the reference"),
    "flipped": ("flipped", "Net/conv1", "the kernel of conv1: flipped up-down"),
    "BGR": ("reordered", "Net/conv1", "its inputs in BGR order"),
    "not transposed": ("transposed", "Net/conv2",
                       "the kernel of conv2: turned from PyTorch's axis order, which it was"),
}  # fmt: skip


@pytest.mark.tf
def test_a_right_port_passes():
    report = compare(run_tf, port(), X)
    assert report.ok
    assert report.diagnosis is None
    assert [(row.what, row.note) for row in report.layers] == [
        ("Net/conv1", "before its relu"),
        ("Net/conv2", ""),
        ("Net/norm", ""),
        ("Net/fc", ""),
    ]
    assert all(row.double <= 1e-12 for row in report.layers + report.outputs)
    assert report.as_dict()["ok"] is True


@pytest.mark.tf
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_named(fault):
    report = compare(run_tf, port(fault), X)
    kind, layer, sentence = FAULTS[fault]
    assert not report.ok
    assert [row.what for row in report.first_differences] == ([layer] if layer else [])
    first, last = report.diagnosis.findings
    assert (first.kind, last.kind) == (kind, "together")
    assert sentence in first.sentence
    assert last.sentence == "with that put right, Net computes the reference"


@pytest.mark.tf
@pytest.mark.parametrize("fault", ["padding", "epsilon", "flatten", "relu", "sigmoid"])
def test_without_layers_the_outputs_alone_tell(fault):
    report = compare(outputs_only, port(fault), X)
    assert report.layers == []
    assert [finding.kind for finding in report.diagnosis.findings] == [FAULTS[fault][0], "together"]
    assert FAULTS[fault][2] in report.diagnosis.findings[0].sentence


@pytest.mark.tf
def test_several_faults_are_found_one_after_the_other():
    report = compare(run_tf, port("relu", "padding", "epsilon", "flatten"), X)
    kinds = [finding.kind for finding in report.diagnosis.findings]
    assert kinds == ["activation", "padding", "epsilon", "flatten", "together"]
    assert report.diagnosis.findings[-1].sentence == "with all of that put right, Net computes the reference"


def same(operation, size, kernel, stride):
    """(TensorFlow's operation with SAME, PyTorch's module that pads on every side alike)."""
    import tensorflow as tf
    import torch

    weights = np.random.default_rng(kernel).standard_normal((kernel, kernel, 2, 2))
    about = {"kernel_size": kernel, "stride": stride, "padding": (kernel - 1) // 2}
    if operation == "conv":
        module = torch.nn.Conv2d(2, 2, bias=False, **about)
        run = lambda x: tf.nn.conv2d(x, weights.astype(x.dtype), stride, "SAME")  # noqa: E731
    elif operation == "transposed":
        out = [1, size * stride, (size + 1) * stride, 2]
        module = torch.nn.ConvTranspose2d(2, 2, bias=False, output_padding=1, **about)
        run = lambda x: tf.nn.conv2d_transpose(x, weights.astype(x.dtype), out, stride, "SAME")  # noqa: E731
    else:
        module = torch.nn.MaxPool2d(**about) if operation == "max" else torch.nn.AvgPool2d(**about)
        run = lambda x: tf.nn.pool(x, [kernel, kernel], operation.upper(), [stride, stride], "SAME")  # noqa: E731
    if operation in ("conv", "transposed"):
        module.weight.data = torch.from_numpy(weights.transpose(3, 2, 0, 1).copy())
    return run, module


@pytest.mark.tf
@pytest.mark.parametrize(
    ("operation", "size", "kernel", "stride"),
    [
        ("conv", 8, 3, 2),
        ("conv", 7, 5, 3),
        ("max", 8, 3, 2),
        ("avg", 8, 3, 2),
        ("avg", 7, 2, 2),
        ("transposed", 6, 3, 2),
    ],
)
def test_same_of_every_operation(operation, size, kernel, stride):
    run, module = same(operation, size, kernel, stride)
    report = compare(lambda x: run(x).numpy(), module, RNG.standard_normal((1, size, size + 1, 2)))
    assert [finding.kind for finding in report.diagnosis.findings] == ["padding", "together"]


def right_and_wrong(fault):
    """Two modules of PyTorch, of which the second has the fault."""
    import torch

    if fault == "resize":
        return (torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=corners) for corners in (False, True))
    if fault == "slope":
        return (torch.nn.LeakyReLU(slope) for slope in (0.2, 0.01))
    make = torch.nn.LSTM if fault == "lstm" else torch.nn.GRU
    order = (0, 2, 1, 3) if fault == "lstm" else (1, 0, 2)
    right, wrong = (make(3, 2, batch_first=True).double() for _ in range(2))
    for key, value in right.state_dict().items():
        blocks = value.chunk(len(order))
        wrong.state_dict()[key].copy_(torch.cat([blocks[k] for k in order]))
    return right, wrong


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        ("resize", "resize", "resizes with align_corners=True, and the reference with False"),
        ("slope", "activation", "has a slope of 0.01 below 0, and the reference 0.2, tf.nn.leaky_relu's default"),
        ("lstm", "gates", "holds its gates in the order i, c, f, o of TF1's cells"),
        ("gru", "gates", "holds its gates in the order z, r, h of Keras"),
    ],
)
def test_faults_of_single_layers(fault, kind, sentence):
    import torch

    right, wrong = right_and_wrong(fault)

    def run(x):
        with torch.no_grad():
            return right.to(getattr(torch, x.dtype.name))(torch.from_numpy(x))

    x = RNG.standard_normal((2, 4, 3) if kind == "gates" else (1, 3, 4, 5))
    first, last = compare(run, wrong, x, layout="same").diagnosis.findings
    assert (first.kind, last.kind) == (kind, "together")
    assert sentence in first.sentence


@pytest.mark.tf
def test_the_module_is_left_as_it_is():
    net = port("padding", "epsilon").train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    compare(run_tf, net, X)
    assert net.training
    assert net.norm.eps == 1e-5
    assert all((value == before[key]).all() for key, value in net.state_dict().items())


# --- references --------------------------------------------------------------------------------------------------


def graph(x=None):
    """The same net in a v1 graph: (graph, input, output), its variables constants."""
    import tensorflow as tf

    with tf.Graph().as_default() as made:
        x = tf.compat.v1.placeholder(tf.float32, [2, 10, 12, 3], name="x")
        constants = [tf.constant(a.astype(np.float32)) for a in (W1, B1, W2, B2, MEAN, VARIANCE, BETA, W3, B3)]
        w1, b1, w2, b2, mean, variance, beta, w3, b3 = constants
        with tf.name_scope("conv1"):
            y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w1, 1, "SAME"), b1))
        with tf.name_scope("conv2"):
            y = tf.nn.bias_add(tf.nn.conv2d(y, w2, 2, "SAME"), b2)
        with tf.name_scope("norm"):
            y = tf.nn.relu(tf.nn.batch_normalization(y, mean, variance, beta, None, 1e-3))
        with tf.name_scope("fc"):
            y = tf.nn.bias_add(tf.reshape(y, [2, -1]) @ w3, b3)
        y = tf.sigmoid(y, name="out")
    return made, x, y


def frozen(tmp_path):
    made, _, _ = graph()
    (tmp_path / "net.pb").write_bytes(made.as_graph_def().SerializeToString())
    return tmp_path / "net.pb"


def saved_model(tmp_path):
    import tensorflow as tf

    made, x, y = graph()
    with tf.compat.v1.Session(graph=made) as session:
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": x}, {"out": y})
    return tmp_path / "saved"


def saved_by_tensorflow_2(tmp_path):
    """With variables, and a function inside a function."""
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            arrays = (W1, B1, W2, B2, MEAN, VARIANCE, BETA, W3, B3)
            self.own = [tf.Variable(a.astype(np.float32), trainable=False) for a in arrays]

        @tf.function(input_signature=[tf.TensorSpec([None, 10, 12, 3], tf.float32)])
        def call(self, x):
            w1, b1, w2, b2, mean, variance, beta, w3, b3 = self.own
            with tf.name_scope("conv1"):
                y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w1, 1, "SAME"), b1))
            with tf.name_scope("conv2"):
                y = tf.nn.bias_add(tf.nn.conv2d(y, w2, 2, "SAME"), b2)
            with tf.name_scope("norm"):
                y = tf.nn.relu(tf.nn.batch_normalization(y, mean, variance, beta, None, 1e-3))
            with tf.name_scope("fc"):
                return tf.sigmoid(tf.nn.bias_add(tf.reshape(y, [-1, 5 * 6 * 4]) @ w3, b3))

    net = Net()
    tf.saved_model.save(net, str(tmp_path / "saved"), signatures=net.call)
    return tmp_path / "saved"


@pytest.mark.tf
@pytest.mark.parametrize("form", [frozen, saved_model, saved_by_tensorflow_2])
@pytest.mark.parametrize("fault", ["", "padding", "relu", "epsilon"])
def test_graphs_in_files(form, fault, tmp_path):
    """Layers by the names of operations; float32 alone, so the port in float64 is the yardstick."""
    report = compare(form(tmp_path), port(fault, "float"), X.astype(np.float32))
    assert [row.what for row in report.layers] == ["Net/conv1", "Net/conv2", "Net/norm", "Net/fc"]
    assert report.ok is (not fault)
    if fault:
        assert [finding.kind for finding in report.diagnosis.findings] == [FAULTS[fault][0], "together"]


def onnx_file(tmp_path):
    """The two convolutions, as tf2onnx or a careful exporter would write them: SAME by auto_pad."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = {"w1": W1.transpose(3, 2, 0, 1), "b1": B1, "w2": W2.transpose(3, 2, 0, 1), "b2": B2}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["/conv1/Conv_output"], auto_pad="SAME_UPPER"),
        helper.make_node("Relu", ["/conv1/Conv_output"], ["/Relu_output"]),
        helper.make_node("Conv", ["/Relu_output", "w2", "b2"], ["out"], auto_pad="SAME_UPPER", strides=[2, 2]),
    ]
    floats = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in weights.items()]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3, None, None])
    out = helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)
    made = helper.make_model(
        helper.make_graph(nodes, "net", [x], [out], floats), opset_imports=[helper.make_opsetid("", 17)]
    )
    made.ir_version = 8
    onnx.save(made, tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("fault", ["", "padding", "relu"])
def test_onnx_files(fault, tmp_path):
    import torch

    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            whole = port(fault, "float")
            self.conv1, self.conv2 = whole.conv1, whole.conv2

        def forward(self, x):
            x = self.conv1(x)
            x = x if fault == "relu" else torch.relu(x)
            return self.conv2(x if fault == "padding" else torch.nn.functional.pad(x, (0, 1, 0, 1)))

    x = X.astype(np.float32).transpose(0, 3, 1, 2)
    report = compare(onnx_file(tmp_path), Two(), x, layout="same")
    assert [row.what for row in report.layers] == ["Two/conv1"]
    assert report.ok is (not fault)
    if fault:
        assert [finding.kind for finding in report.diagnosis.findings] == [FAULTS[fault][0], "together"]


# --- what is no fault of a module --------------------------------------------------------------------------------


def test_a_port_that_raises_is_a_row():
    import torch

    report = compare(lambda x: x, torch.nn.Conv2d(7, 1, 1), X)
    assert not report.ok
    assert "to have 7 channels, but got 3 channels" in report.outputs[0].note


def test_a_result_in_the_other_layout():
    import torch

    class Turned(torch.nn.Module):
        def forward(self, x):
            return x.movedim(1, -1)

    report = compare(lambda x: x, Turned(), X[:1])
    assert report.outputs[0].note == "shape (1, 12, 3, 10), expected (1, 10, 12, 3)"
    assert "its axes in the order" in report.diagnosis.findings[0].sentence


def test_a_result_that_is_moved_by_a_pixel():
    import torch

    class Moved(torch.nn.Module):
        def forward(self, x):
            return x.roll((1, 1), (2, 3))

    smooth = np.cumsum(np.cumsum(RNG.standard_normal((1, 16, 16, 3)), 1), 2)
    report = compare(lambda x: x, Moved(), smooth)
    assert report.diagnosis.findings[0].kind == "padding"
    assert "moved by 1 rows and 1 columns" in report.diagnosis.findings[0].sentence


def test_several_inputs_cases_and_outputs():
    import torch

    class Both(torch.nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "product": a * b}

    cases = {"one": (X, X + 1), "two": (X[:1], X[:1])}
    report = compare(lambda a, b: {"sum": a + b, "product": a * b}, Both(), cases)
    assert report.ok
    assert [(row.case, row.what) for row in report.outputs] == [
        ("one", "sum"), ("one", "product"), ("two", "sum"), ("two", "product"),
    ]  # fmt: skip


def test_an_output_that_is_missing():
    import torch

    report = compare(lambda x: (x, x), torch.nn.Identity(), X)
    assert not report.ok
    assert report.outputs[-1].note == "1 outputs, expected 2: 0, 1"


REFUSED = {
    "no module": (lambda x: x, "net.pth", X, r"the port is a str, expected a torch\.nn\.Module"),
    "no reference": (7, None, X, "the reference is a int, expected a function or a path"),
    "no such file": ("net.pb", None, X, r"net\.pb: expected a SavedModel folder, .*there is nothing of that name"),
    "no numbers": (lambda x: x, None, np.array(["a"]), "inputs: expected arrays of numbers, and input is none"),
    "a reference that fails": (lambda x: 1 / 0, None, X, "running it on input fails: ZeroDivisionError"),
    "a reference of nothing": (lambda x: "no", None, X, "returns a str, expected an array"),
}


@pytest.mark.parametrize(("reference", "net", "x", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compared_is_one_sentence(reference, net, x, sentence):
    import torch

    with pytest.raises(KindlingError, match=sentence):
        compare(reference, net or torch.nn.Identity(), x)
