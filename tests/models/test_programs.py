"""KinD in other people's programs: what they do to a module of PyTorch's and to one of TensorFlow's, and it works."""

import copy
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kindling import KindlingError
from kindling.families.kind.nets import NETS
from tests.support.weights import STEPS, seeded

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROUNDING = 2e-6  # another order of the same sums, in float32


@pytest.fixture(scope="module")
def kind():
    import kind_torch

    kind = kind_torch.KinD(source="the seeded weights")
    kind.assign(seeded())
    return kind.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def x():
    import torch

    return torch.rand(2, 3, 21, 34, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def expected(kind, x):
    return kind.enhance(x)


def assert_close(ours, expected, bar=ROUNDING):
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    assert (ours - expected).abs().max().item() <= bar


# --- PyTorch: calls ----------------------------------------------------------------------------------------------


@pytest.mark.torch
def test_calling_it_is_enhance(kind, x, expected):
    import torch

    assert torch.equal(kind(x), expected)
    assert torch.equal(kind(x, ratio=2.0), kind.enhance(x, 2.0))


def _channels_last(x):
    import torch

    return x.contiguous(memory_format=torch.channels_last)


def _every_other(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., ::2, ::2]


def _mirrored_twice(x):
    return x.flip(3).transpose(2, 3).contiguous().transpose(2, 3).flip(3)


def _expanded(x):
    return x[:1].expand(2, -1, -1, -1)


@pytest.mark.torch
@pytest.mark.parametrize("inference", [False, True], ids=["", "inference mode"])
@pytest.mark.parametrize("laid_out", [_channels_last, _every_other, _mirrored_twice, _expanded])
def test_any_layout_in_memory(kind, x, laid_out, inference):
    import torch

    strided = laid_out(x)
    with torch.inference_mode(inference):
        assert_close(kind(strided), kind(strided.clone(memory_format=torch.contiguous_format)))


RATIOS = {
    "a list": lambda torch, dtype: [2.0, 5.0],
    "a tensor": lambda torch, dtype: torch.tensor([2.0, 5.0]),
    "whole numbers": lambda torch, dtype: torch.tensor([2, 5]),
    "doubles": lambda torch, dtype: torch.tensor([2.0, 5.0], dtype=torch.float64),
    "numpy": lambda torch, dtype: np.array([2.0, 5.0]),
}


@pytest.mark.torch
@pytest.mark.parametrize("ratio", RATIOS.values(), ids=RATIOS)
def test_torch_takes_a_ratio_for_each_image(kind, x, ratio):
    import torch

    both = kind(x, ratio(torch, x.dtype))
    for k, number in enumerate((2.0, 5.0)):
        assert_close(both[k : k + 1], kind(x[k : k + 1], number))


@pytest.mark.torch
@pytest.mark.parametrize("ratio", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], []], ids=str)
def test_torch_refuses_other_counts_of_ratios(kind, x, ratio):
    with pytest.raises(KindlingError, match=r"^ratio has shape|^i has shape \(2, 1, 21, 34\) and ratio"):
        kind(x, ratio)


@pytest.mark.torch
@pytest.mark.parametrize("inference", [False, True], ids=["", "inference mode"])
@pytest.mark.parametrize(("dtype", "bar"), [("bfloat16", 2e-2), ("float16", 3e-3)])
def test_autocast(kind, x, expected, dtype, bar, inference):
    import torch

    half = getattr(torch, dtype)
    with torch.autocast("cpu", dtype=half), torch.inference_mode(inference):
        R, L = kind.decompose(x)
        assert (R.dtype, L.dtype) == (half, half)
        assert_close(kind(x), expected, bar)
        assert kind.restore(R, L.float()).dtype == half  # halves and floats together, as between one's own layers
        with pytest.raises(KindlingError, match="x is uint8, expected floats: divide by 255"):
            kind(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
        with pytest.raises(KindlingError, match="x is float64 and the model float32"):
            kind(x.double())


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_module_of_halves(kind, x, expected, dtype):
    import torch

    half = getattr(torch, dtype)
    enhanced = copy.deepcopy(kind).to(half)(x.to(half))
    assert enhanced.dtype == half
    assert_close(enhanced.float(), expected, 5e-2)


@pytest.mark.torch
def test_shapes_alone(kind, x):
    """On the device `meta` nothing is computed, and all sizes come out: how a program plans its memory."""
    planned = copy.deepcopy(kind).to("meta")
    assert planned(x.to("meta")).shape == x.shape
    assert planned.restore(x.to("meta"), x[:, :1].to("meta"), core=(slice(3, 9), slice(0, 34))).shape == (2, 3, 6, 34)


# --- PyTorch: transforms and programs made of it -------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("inference", [False, True], ids=["", "inference mode"])
def test_vmap(kind, x, inference):
    import torch

    ratios = torch.tensor([1.0, 4.0])
    with torch.inference_mode(inference):
        enhanced = torch.func.vmap(lambda image, ratio: kind(image[None], ratio)[0])(x, ratios)
        assert_close(enhanced, kind(x, ratios))


@pytest.mark.torch
def test_vmap_over_the_weights_of_several_models(kind, x, expected):
    import torch

    stacked = {name: torch.stack([p, p / 2]) for name, p in kind.named_parameters()}
    both = torch.func.vmap(lambda weights: torch.func.functional_call(kind, weights, (x,)))(stacked)
    assert_close(both[0], expected)
    assert (both[1] - expected).abs().max() > 1e-2


@pytest.mark.torch
def test_functional_gradients_are_those_of_backward(kind, x):
    import torch

    model = copy.deepcopy(kind).requires_grad_(True)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    gradients = torch.func.grad(lambda w: torch.func.functional_call(model, w, (x,)).mean())(weights)
    model(x).mean().backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(gradients[name], p.grad, rtol=1e-4, atol=1e-8)


@pytest.mark.torch
@pytest.mark.parametrize("inference", [False, True], ids=["", "inference mode"])
def test_compiled_without_a_graph_break(kind, x, expected, inference):
    import torch

    torch._dynamo.reset()
    with torch.inference_mode(inference):
        compiled = torch.compile(kind, backend="eager", fullgraph=True)
        assert_close(compiled(x), expected)
        other = x[:1, :, :16, :33]
        assert_close(compiled(other, 2.0), kind(other, 2.0))


@pytest.mark.torch
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile makes C++, and there is no g++ here")
def test_compiled_to_machine_code(x):
    import torch

    import kind_torch

    kind = kind_torch.KinD(["Illumination_adjust_net"])
    kind.assign(seeded("Illumination_adjust_net"))
    torch._dynamo.reset()
    compiled = torch.compile(kind.adjust, fullgraph=True)
    with torch.no_grad():
        assert_close(compiled(x[:, :1], 3.0), kind.adjust(x[:, :1], 3.0))


SIZES = [(21, 34), (40, 56), (33, 17), (16, 16), (5, 7), (2, 3)]


@pytest.mark.torch
def test_exported_for_any_size(kind, x, tmp_path):
    import torch

    size = torch.export.Dim
    shapes = {0: size("n", max=16), 2: size("h", min=2, max=4096), 3: size("w", min=2, max=4096)}
    torch.export.save(torch.export.export(kind, (x,), dynamic_shapes=(shapes,)), tmp_path / "kind.pt2")
    program = torch.export.load(tmp_path / "kind.pt2").module()
    for height, width in SIZES:
        photo = torch.rand(3, 3, height, width)
        assert_close(program(photo), kind(photo))


def step_of(kind, step):
    """A module that is one step of KinD."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.kind = kind

        def forward(self, *inputs):
            return getattr(self.kind, step)(*inputs)

    return Step()


@pytest.mark.torch
@pytest.mark.parametrize("net", NETS)
def test_each_net_is_exported_for_any_size(kind, net):
    import torch

    module, channels = step_of(kind, STEPS[net]), NETS[net].inputs.values()
    shapes = {2: torch.export.Dim("h", min=2), 3: torch.export.Dim("w", min=2)}
    inputs = tuple(torch.rand(1, c, 24, 40) for c in channels)
    program = torch.export.export(module, inputs, dynamic_shapes=((shapes,) * len(inputs),)).module()
    for height, width in ((2, 3), (31, 18)):
        inputs = [torch.rand(1, c, height, width) for c in channels]
        ours, theirs = program(*inputs), module(*inputs)
        for a, b in zip(*(out if isinstance(out, tuple) else (out,) for out in (ours, theirs)), strict=True):
            assert_close(a, b)


@pytest.mark.torch
def test_exported_for_one_size_keeps_its_pools(kind, x, expected):
    import torch

    program = torch.export.export(kind, (x,))
    assert "index_select" not in program.graph_module.code
    assert_close(program.module()(x), expected)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.* is deprecated", "ignore:torch.as_tensor results are")
def test_traced_for_any_size(kind, x):
    import torch

    traced = torch.jit.trace(kind, x)
    for height, width in [*SIZES, (1, 1)]:
        photo = torch.rand(1, 3, height, width)
        assert_close(traced(photo), kind(photo))


# --- PyTorch: several processes and devices, copies ----------------------------------------------------------------


@pytest.mark.torch
def test_data_parallel(kind, x, expected):
    import torch

    assert torch.equal(torch.nn.DataParallel(kind)(x), expected)


@pytest.mark.torch
def test_a_copy_of_data_parallels_has_weights_but_no_parameters(kind, x, expected):
    """What nn.DataParallel makes for each GPU, made here for the CPU."""
    import torch

    modules = list(kind.modules())
    copies = {module: module._replicate_for_data_parallel() for module in modules}
    for module, replica in copies.items():
        for name, child in module._modules.items():
            setattr(replica, name, copies[child])
        for name, parameter in module._parameters.items():
            setattr(replica, name, parameter.detach().clone())
    assert list(copies[kind].parameters()) == []
    assert torch.equal(copies[kind](x), expected)


@pytest.mark.torch
def test_distributed_data_parallel(kind, x):
    import torch
    from torch import distributed

    alone = copy.deepcopy(kind).requires_grad_(True)
    alone(x).mean().backward()
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        shared = torch.nn.parallel.DistributedDataParallel(copy.deepcopy(kind).requires_grad_(True))
        shared(x, 5.0).mean().backward()
        for a, b in zip(shared.module.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)
    finally:
        distributed.destroy_process_group()


COPIES = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda kind: pickle.loads(pickle.dumps(kind))}


@pytest.mark.torch
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_torch_is_copied_and_pickled(kind, x, expected, copied):
    import torch

    twin = copied(kind)
    assert torch.equal(twin(x), expected)
    assert twin.source == "the seeded weights"


@pytest.mark.torch
def test_a_deep_copy_is_its_own(kind, x, expected):
    import torch

    twin = copy.deepcopy(kind)
    twin.assign({name: array / 2 for name, array in twin.state().items()})
    assert torch.equal(kind(x), expected)
    assert not torch.equal(twin(x), expected)


# --- TensorFlow ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(4).random((2, 13, 18, 3), np.float32)


@pytest.mark.tf
def test_tf_calling_it_is_enhance(tf_kind, photos):
    np.testing.assert_array_equal(tf_kind(photos), tf_kind.enhance(photos))
    np.testing.assert_array_equal(tf_kind.forward(photos, 2.0), tf_kind.enhance(photos, 2.0))


@pytest.mark.tf
@pytest.mark.parametrize("ratio", [[2.0, 5.0], np.array([2, 5]), np.array([2.0, 5.0])], ids=["list", "int", "double"])
def test_tf_takes_a_ratio_for_each_image(tf_kind, photos, ratio):
    both = tf_kind(photos, ratio).numpy()
    for k, number in enumerate((2.0, 5.0)):
        np.testing.assert_allclose(both[k : k + 1], tf_kind(photos[k : k + 1], number), rtol=0, atol=ROUNDING)


@pytest.mark.tf
@pytest.mark.parametrize("ratio", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], []], ids=str)
def test_tf_refuses_other_counts_of_ratios(tf_kind, photos, ratio):
    with pytest.raises(KindlingError, match=r"^ratio has shape|^i has shape \(2, 13, 18, 1\) and ratio"):
        tf_kind(photos, ratio)


@pytest.mark.tf
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_tf_is_copied_and_pickled(tf_kind, photos, copied):
    twin = copied(tf_kind)
    np.testing.assert_array_equal(twin(photos), tf_kind(photos))
    assert (twin.source, twin.dtype, list(twin.by_name)) == (tf_kind.source, tf_kind.dtype, list(tf_kind.by_name))
    twin.assign({name: array / 2 for name, array in twin.state().items()})
    assert not np.array_equal(twin(photos), tf_kind(photos))


@pytest.mark.tf
def test_a_copy_of_one_net_has_that_net():
    import kind_tf

    kind = kind_tf.KinD(["Illumination_adjust_net"], "float64", source="one.npz")
    twin = copy.deepcopy(kind)
    assert (list(twin.nets), twin.dtype.name) == (["Illumination_adjust_net"], "float64")
    assert all(np.array_equal(twin.state()[name], array) for name, array in kind.state().items())


@pytest.mark.tf
def test_in_a_pipeline_of_tf_data(tf_kind, photos):
    import tensorflow as tf

    (enhanced,) = tf.data.Dataset.from_tensors(photos).map(tf_kind.enhance)
    np.testing.assert_allclose(enhanced, tf_kind.enhance(photos), rtol=0, atol=ROUNDING)


GRAPH = "KinD runs eagerly or in tf.function, and this is a TensorFlow 1 graph"
IN_A_GRAPH = {
    "enhance": lambda kind, photos: kind.enhance(photos),
    "adjust": lambda kind, photos: kind.adjust(photos[..., :1], 2.0),
    "state": lambda kind, photos: kind.state(),
    "assign": lambda kind, photos: kind.assign({name: np.zeros(v.shape) for name, v in kind.by_name.items()}),
    "build": lambda kind, photos: type(kind)(["Illumination_adjust_net"]),
}


@pytest.mark.tf
@pytest.mark.parametrize("use", IN_A_GRAPH.values(), ids=IN_A_GRAPH)
def test_a_v1_graph_is_refused_in_a_sentence(tf_kind, photos, use):
    import tensorflow as tf

    before = tf_kind.state()
    with tf.Graph().as_default(), pytest.raises(KindlingError, match=GRAPH):
        use(tf_kind, photos)
    assert all(np.array_equal(before[name], array) for name, array in tf_kind.state().items())


@pytest.mark.tf
def test_tf_without_eager_execution_is_refused_in_a_sentence(seeded_npz):
    program = (
        "import sys, tensorflow as tf; tf.compat.v1.disable_v2_behavior(); import kind_tf; kind_tf.load(sys.argv[1])"
    )
    run = subprocess.run([sys.executable, "-c", program, seeded_npz], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 1
    assert run.stderr.strip().splitlines()[-1].startswith(f"kindling.core.errors.KindlingError: {GRAPH}")


@pytest.mark.tf
def test_trained_inside_a_keras_model(photos, tmp_path):
    """The layer of docs/architecture.md: its weights are the model's, trained, frozen, saved and loaded with it."""
    import keras

    import kind_tf

    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = {"keras": keras}
    exec(re.search(r"```python\n(class KinDLayer.*?)```", page, re.DOTALL)[1], names)
    kind = kind_tf.KinD()
    kind.assign(seeded())
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Rescaling(0.5)(names["KinDLayer"](kind)(inputs)))
    np.testing.assert_allclose(model(photos), 0.5 * kind(photos).numpy(), rtol=0, atol=ROUNDING)
    assert len(model.trainable_variables) == len(kind.by_name) == 68

    before = kind.state()
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    model.fit(photos, np.zeros_like(photos), epochs=1, verbose=0)
    trained = kind.state()
    assert all(not np.array_equal(before[name], array) for name, array in trained.items())

    model.save_weights(tmp_path / "model.weights.h5")
    kind.assign(before)
    model.load_weights(tmp_path / "model.weights.h5")
    assert all(np.array_equal(trained[name], array) for name, array in kind.state().items())
    model.trainable = False
    assert model.trainable_variables == []
