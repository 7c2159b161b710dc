"""The two KinD classes as a user meets them: partial files, wrong shapes, numbers and maps as ratio, every sentence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convert
from kindling import KindlingError, MissingNetError
from tests.support.weights import seeded

FRAMEWORKS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    return request.param


def load(framework, path, dtype="float32"):
    import importlib

    return importlib.import_module(f"kind_{framework}").load(path, dtype)


def tensor(framework, shape, value=0.5):
    """A constant image in the framework's own order, from an NHWC shape."""
    if framework == "tf":
        return np.full(shape, value, np.float32)
    import torch

    n, h, w, c = shape
    return torch.full((n, c, h, w), value)


def array(framework, x):
    return x.numpy() if framework == "tf" else x.detach().movedim(1, 3).numpy()


def test_a_net_that_is_not_there(framework, tmp_path):
    convert.write(tmp_path / "part.npz", seeded("Illumination_adjust_net"))
    kind = load(framework, tmp_path / "part.npz")
    kind.adjust(tensor(framework, (1, 4, 5, 1)), 2.0)
    sentence = (
        rf"{tmp_path}/part.npz holds Illumination_adjust_net, so DecomNet has no weights; load a file that holds it"
    )
    for call in (
        lambda: kind.decompose(None),
        lambda: kind.enhance(tensor(framework, (1, 4, 5, 3))),
        lambda: kind.DecomNet,
    ):
        with pytest.raises(MissingNetError, match=sentence):
            call()
    assert not hasattr(kind, "Restoration_net")
    assert not hasattr(kind, "no_such_thing")


WRONG = {
    "no batch axis": ("decompose", [(4, 5, 3)], r"x has shape .*expected .*a single image wants a batch axis in front"),
    "one channel": ("decompose", [(1, 4, 5, 1)], r"x has shape .*, expected \(n, "),
    "no pixel": ("decompose", [(1, 0, 5, 3)], r"there is no pixel in it"),
    "other sizes": ("restore", [(1, 4, 5, 3), (1, 4, 6, 1)], r"r has shape .* and i .*: they must match in all but"),
    "other batch": ("adjust", [(2, 4, 5, 1), (1, 4, 5, 1)], r"i has shape .* and ratio .*: they must match"),
    "ratio of three channels": ("adjust", [(1, 4, 5, 1), (1, 4, 5, 3)], r"ratio has shape"),
}


@pytest.mark.parametrize(("step", "shapes", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_inputs(framework, seeded_npz, step, shapes, sentence):
    kind = load(framework, seeded_npz)
    if len(shapes[0]) == 3:
        inputs = [tensor(framework, (1, *shapes[0]))[0]]
    else:
        inputs = [tensor(framework, shape) for shape in shapes]
    with pytest.raises(KindlingError, match=sentence):
        getattr(kind, step)(*inputs)


@pytest.mark.parametrize(
    ("dtype", "sentence"),
    [
        ("uint8", "x is uint8, expected float32 in .0, 1.: divide by 255"),
        ("float64", "x is float64 and the model float32"),
    ],
)
def test_pixels_of_another_type(framework, seeded_npz, dtype, sentence):
    x = tensor(framework, (1, 6, 5, 3))
    if framework == "torch":
        import torch

        x = x.to(getattr(torch, dtype))
    else:
        x = x.astype(dtype)
    with pytest.raises(KindlingError, match=sentence):
        load(framework, seeded_npz).enhance(x)


DEVICES = {
    "auto": {"tf": "", "torch": "cpu"},
    "cpu": {"tf": "/device:CPU:0", "torch": "cpu"},
    "cpu:0": {"tf": "/device:CPU:0", "torch": "cpu:0"},
}


@pytest.mark.parametrize(("word", "places"), DEVICES.items(), ids=DEVICES)
def test_devices_by_a_word(framework, seeded_npz, monkeypatch, word, places):
    """As on a machine without a GPU, which this one may have."""
    import importlib

    module = importlib.import_module(f"kind_{framework}.arrays")
    if framework == "torch":
        monkeypatch.setattr(module.torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(module.torch.backends.mps, "is_available", lambda: False)
    assert str(module.choose_device(word)) == places[framework]
    kind = importlib.import_module(f"kind_{framework}").load(seeded_npz, device=word)
    assert array(framework, kind.enhance(tensor(framework, (1, 4, 5, 3)))).shape == (1, 4, 5, 3)


GPUS = {"auto": "cuda:1", "cuda": "cuda", "cuda:1": "cuda:1", "cpu": "cpu", "meta": "meta"}


@pytest.mark.torch
@pytest.mark.parametrize(("word", "place"), GPUS.items(), ids=GPUS)
def test_torch_devices_where_there_are_two_gpus(monkeypatch, word, place):
    """auto: the GPU that the program has made its own."""
    from kind_torch.arrays import choose_device, torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert str(choose_device(word)) == place
    with pytest.raises(KindlingError, match="PyTorch sees no cuda:2 here: it sees 2 of that kind"):
        choose_device("cuda:2")


@pytest.mark.torch
def test_torch_takes_apples_gpu(monkeypatch):
    from kind_torch.arrays import choose_device, torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("mps") == torch.device("mps")


@pytest.mark.slow
@pytest.mark.tf
def test_tf_places_weights_and_results_where_it_is_told(seeded_npz):
    """On two devices that both are this CPU; each word for the second, and the first where nothing is said."""
    program = """if True:
        import sys, numpy as np, tensorflow as tf
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        import copy, kind_tf, kind_tf.arrays
        x = np.full((1, 6, 7, 3), 0.5, np.float32)
        for word, place in (("cpu:1", "CPU:1"), ("/CPU:1", "CPU:1"), ("/device:CPU:1", "CPU:1"), ("auto", "CPU:0")):
            kind = kind_tf.load(sys.argv[1], device=word)
            for one in (kind, copy.deepcopy(kind)):
                tensors = [*one.decompose(x), one.enhance(x), one.adjust(x[..., :1], 2.0), *one.variables]
                assert {t.device.split("device:")[1] for t in tensors} == {place}, word
            assert len(list(kind_tf.arrays.layers(kind, "DecomNet", x))) > 10
    """
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program, seeded_npz], capture_output=True, text=True, cwd=root)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("word", ["cuda:99", "gpu:99", "tpu0", "", "cpu:7", "cuda:x", None, 3], ids=repr)
def test_devices_that_are_not_there(framework, word):
    """Before any file is looked for. In PyTorch a bare number is a GPU."""
    import importlib

    load = importlib.import_module(f"kind_{framework}").load
    with pytest.raises(KindlingError, match=r"^there is no device .*; there are auto, cpu|sees no .* here: it sees"):
        load("no_such_file.npz", device=word)


def test_a_net_that_kind_does_not_have(framework):
    import importlib

    with pytest.raises(KindlingError, match="KinD has no net called Decom; its nets are DecomNet, Restoration_net"):
        importlib.import_module(f"kind_{framework}").KinD(["Decom"])


def test_wrong_states_are_refused_whole(framework, seeded_npz):
    kind = load(framework, seeded_npz)
    state = kind.state()
    names = list(state)
    wrong = {name: 0 * array for name, array in state.items()}
    wrong["x"] = wrong.pop(names[0])
    wrong[names[2]] = np.zeros(3, np.float32)
    sentence = f"{names[0]} is missing; x is not a variable of this model; {names[2]} has shape .3,., expected"
    with pytest.raises(KindlingError, match=sentence):
        kind.assign(wrong)
    assert all(np.array_equal(array, state[name]) for name, array in kind.state().items())


def test_state_is_a_copy(framework, seeded_npz):
    kind = load(framework, seeded_npz)
    state = kind.state()
    kept = {name: array.copy() for name, array in state.items()}
    kind.assign({name: array + 1 for name, array in state.items()})
    assert all(np.array_equal(state[name], kept[name]) for name in state)


@pytest.mark.tf
def test_tf_in_a_traced_function_whose_sizes_are_not_known(tf_kind):
    import tensorflow as tf

    maps = tf.TensorSpec([None, None, None, 1])
    traced = tf.function(lambda i: tf_kind.adjust(i, tf.ones([1, 6, 5, 1])), input_signature=[maps])
    i = tf.fill([1, 6, 5, 1], 0.3)
    np.testing.assert_allclose(traced(i), tf_kind.adjust(i, 1.0), atol=1e-6)
    unknown = tf.function(tf_kind.decompose, input_signature=[tf.TensorSpec(None)])
    with pytest.raises(KindlingError, match="x has no known number of axes"):
        unknown(tf.zeros([1, 6, 5, 3]))


def test_a_number_is_a_constant_map(framework, seeded_npz):
    kind = load(framework, seeded_npz)
    i = tensor(framework, (2, 6, 5, 1), 0.3)
    by_number = array(framework, kind.adjust(i, 2.5))
    by_map = array(framework, kind.adjust(i, tensor(framework, (2, 6, 5, 1), 2.5)))
    np.testing.assert_array_equal(by_number, by_map)
    assert not np.array_equal(by_number, array(framework, kind.adjust(i, 1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype(framework, seeded_npz, dtype):
    kind = load(framework, seeded_npz, dtype)
    x = tensor(framework, (1, 6, 5, 3))
    x = x.astype(dtype) if framework == "tf" else x.to(next(kind.parameters()).dtype)
    assert array(framework, kind.enhance(x)).dtype == dtype


def test_state_is_what_was_assigned(framework, weights, seeded_npz):
    kind = load(framework, seeded_npz)
    state = kind.state()
    assert list(state) == list(weights)
    assert all(np.array_equal(state[name], weights[name]) for name in weights)


@pytest.mark.torch
def test_torch_submodules_are_called_like_the_original_functions(torch_kind):
    import torch

    x = torch.rand(1, 3, 7, 9)
    with torch.no_grad():
        R, L = torch_kind.DecomNet(x)
        assert R.shape == (1, 3, 7, 9)
        assert torch_kind.Restoration_net(R, L).shape == (1, 3, 7, 9)
        assert torch_kind.Illumination_adjust_net(L, torch.full_like(L, 5.0)).shape == (1, 1, 7, 9)


@pytest.mark.torch
def test_torch_is_an_ordinary_module(seeded_npz, tmp_path):
    """In eval mode, moved and copied like any other, its state_dict saved and loaded by torch alone."""
    import copy

    import torch

    import kind_torch

    kind = kind_torch.load(seeded_npz)
    assert not kind.training
    torch.save(copy.deepcopy(kind).state_dict(), tmp_path / "kind.pth")
    fresh = kind_torch.KinD()
    fresh.load_state_dict(torch.load(tmp_path / "kind.pth", weights_only=True))
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(fresh.enhance(x), kind.enhance(x))


def test_fresh_nets_are_initialised_as_slim_does(framework):
    """Glorot uniform filters, zero biases: bounds and spread of a large layer."""
    import importlib

    kind = importlib.import_module(f"kind_{framework}").KinD(["DecomNet"])
    state = kind.state()
    kernel = state["DecomNet/g_conv3_1/weights"]
    bound = np.sqrt(6 / (9 * 64 + 9 * 128))
    assert np.abs(kernel).max() <= np.float32(bound)  # in the precision in which they are drawn
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    up = state["DecomNet/g_up_1/weights"]
    assert np.abs(up).max() <= np.float32(np.sqrt(6 / (4 * 64 + 4 * 128)))
    assert up.std() == pytest.approx(np.sqrt(6 / (4 * 64 + 4 * 128)) / np.sqrt(3), rel=0.02)
    assert not state["DecomNet/g_conv3_1/biases"].any()
