"""VGG16 and VGG19 behind the perceptual loss: carried from Keras to PyTorch and back, and the same features in both.

No weights are downloaded: seeded ones in files as Keras and torchvision write them.
"""

import sys
import types

import h5py
import numpy as np
import pytest

import convert
from kindling import KindlingError, cli
from kindling.families.vgg import SHAPES, from_torchvision, torchvision

pytestmark = pytest.mark.slow

NETS = ("vgg16", "vgg19")


def seeded(net, dtype=np.float32):
    """Convolutions that neither die nor blow up on the way, as He et al. draw them."""
    random, arrays = np.random.default_rng(3), {}
    for name, shape in SHAPES[net].items():
        scale = np.sqrt(2 / np.prod(shape[:3])) if len(shape) == 4 else 0.1
        arrays[name] = (scale * random.standard_normal(shape)).astype(dtype)
    return arrays


def old_keras(path, arrays, leaves, top=True):
    """As Keras' own download is: a group for each layer, kernel and bias by one of several names; some with a top."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer, kind = name.split("/")
            file[f"{layer}/{leaves[kind == 'biases'].format(layer)}"] = array
        if top:
            file["fc1/fc1_W_1:0"], file["fc1/fc1_b_1:0"] = np.ones((8, 4), np.float32), np.ones(4, np.float32)


def new_keras(path, arrays):
    """As `save_weights` of Keras 3 writes: layers counted, variables numbered."""
    with h5py.File(path, "w") as file:
        for place, array in enumerate(arrays.values()):
            count = f"_{place // 2}" if place // 2 else ""
            file[f"layers/conv2d{count}/vars/{place % 2}"] = array


FILES = {
    "Keras' download": lambda path, arrays: old_keras(path, arrays, ("{}_W_1:0", "{}_b_1:0")),
    "Keras 2": lambda path, arrays: old_keras(path, arrays, ("{}/kernel:0", "{}/bias:0"), top=False),
    "Keras 3": new_keras,
    "model.save": lambda path, arrays: old_keras(path, arrays, ("{}/kernel", "{}/bias")),
}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("net", "kind"), [*(("vgg16", kind) for kind in FILES), ("vgg19", "Keras' download"), ("vgg19", "Keras 3")]
)
def test_keras_file_becomes_torchvisions_and_comes_back(net, kind, tmp_path):
    import torch

    arrays = seeded(net)
    FILES[kind](tmp_path / "keras.h5", arrays)
    done = convert.convert_file(tmp_path / "keras.h5", tmp_path / "torch.pth")
    assert (done.nets, done.variables) == ([net], 2 * int(net[3:]) - 6)
    state = torch.load(tmp_path / "torch.pth", weights_only=True)
    assert list(state) == list(torchvision(net).values())
    for name, key in torchvision(net).items():
        expected = arrays[name].transpose(3, 2, 0, 1) if arrays[name].ndim == 4 else arrays[name]
        np.testing.assert_array_equal(state[key].numpy(), expected)
    for way in ("a.safetensors", "b.npz", "c.h5") if kind == "Keras' download" else ():
        convert.convert_file(tmp_path / "torch.pth", tmp_path / way)
        back = convert.read_vgg(tmp_path / way)
        assert list(back) == list(arrays)
        assert all(back[name].tobytes() == arrays[name].tobytes() for name in arrays)


def test_places_in_torchvisions_features():
    """Convolutions, ReLUs and pools counted together; the places are those of its published models."""
    places = {net: [int(k.split(".")[1]) for k in torchvision(net).values() if k.endswith("weight")] for net in NETS}
    assert places["vgg16"] == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    assert places["vgg19"] == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


def test_the_command_says_what_it_carried(tmp_path, capsys):
    FILES["Keras' download"](tmp_path / "k.h5", seeded("vgg16"))
    assert cli.main(["convert", str(tmp_path / "k.h5"), str(tmp_path / "t.safetensors")]) == 0
    said = capsys.readouterr().out
    assert "vgg16" in said
    assert "26 variables, 14,714,688 parameters, read back bit-equal" in said
    assert "left behind: 2 of the top (fc1/fc1_W_1:0, fc1/fc1_b_1:0)" in said


def test_a_flipped_bit_is_seen(tmp_path):
    """What `kindling convert` wrote says its fingerprint, under names of VGG's own."""
    FILES["Keras 2"](tmp_path / "k.h5", seeded("vgg16"))
    convert.convert_file(tmp_path / "k.h5", tmp_path / "t.safetensors")
    file = bytearray((tmp_path / "t.safetensors").read_bytes())
    file[-1000] ^= 1
    (tmp_path / "t.safetensors").write_bytes(file)
    for opened in (convert.read_vgg, lambda path: convert.convert_file(path, tmp_path / "x.npz")):
        with pytest.raises(KindlingError, match="its weights are not those whose fingerprint it says"):
            opened(tmp_path / "t.safetensors")


def broken(change):
    def make():
        arrays = seeded("vgg16")
        change(arrays)
        return arrays

    return make


WRONG_FILES = {
    "a layer is missing": (
        broken(lambda a: a.pop("block3_conv2/weights")), "k.npz", "t.npz", "block3_conv2/weights is missing"),
    "another width": (
        broken(lambda a: a.update({"block1_conv1/weights": np.zeros((3, 3, 1, 64), np.float32)})),
        "k.npz", "t.npz", r"block1_conv1/weights is float32 \(3, 3, 1, 64\), expected float32 \(3, 3, 3, 64\)"),
    "NaN": (
        broken(lambda a: a["block2_conv1/biases"].fill(np.nan)), "k.npz", "t.npz", "block2_conv1/biases holds values"),
    "to a checkpoint": (broken(len), "k.npz", "t.ckpt", "vgg16 is written as .h5, .npz, .safetensors or .pth"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "source", "target", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_files_that_are_refused(arrays, source, target, words, tmp_path):
    np.savez(tmp_path / source, **arrays())
    with pytest.raises(KindlingError, match=words):
        convert.convert_file(tmp_path / source, tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == [source]


def test_kinds_own_weights_are_no_vgg(seeded_npz, tmp_path):
    with pytest.raises(KindlingError, match="this is no VGG16 or VGG19: it holds DecomNet"):
        convert.read_vgg(seeded_npz)
    FILES["Keras 2"](tmp_path / "k.h5", seeded("vgg16"))
    with pytest.raises(KindlingError, match="exists already"):
        convert.convert_file(tmp_path / "k.h5", tmp_path / "k.h5")


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("preprocessing", ["caffe", "torch"])
@pytest.mark.parametrize("net", NETS)
def test_both_frameworks_see_the_same_features(net, preprocessing):
    """float64: every map, the perceptual loss and its gradient."""
    import tensorflow as tf
    import torch

    from kind_tf import losses as tf_losses
    from kind_torch import losses as torch_losses

    arrays = seeded(net, np.float64)
    a, b = np.random.default_rng(4).random((2, 1, 17, 26, 3))
    theirs = tf_losses.VGG(net, arrays, preprocessing=preprocessing)
    ours = torch_losses.VGG(net, arrays, preprocessing=preprocessing)
    x, y = tf.constant(a), tf.constant(b)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf_losses.perceptual(x, y, theirs)
    gradient = tape.gradient(value, x).numpy()
    p, q = (torch.tensor(np.moveaxis(z, 3, 1).copy(), requires_grad=True) for z in (a, b))
    loss = torch_losses.perceptual(p, q, ours)
    loss.backward()
    assert [tuple(m.shape) for m in theirs(x)] == [(1, 17, 26, 64), (1, 8, 13, 128), (1, 4, 6, 256), (1, 2, 3, 512)]
    for m, n in zip(theirs(x), ours(p), strict=True):
        assert np.abs(m.numpy() - n.detach().movedim(1, 3).numpy()).max() <= 1e-10 * np.abs(m.numpy()).max() != 0
    assert loss.item() == pytest.approx(float(value), rel=1e-10)
    assert np.abs(p.grad.movedim(1, 3).numpy() - gradient).max() <= 1e-10 * np.abs(gradient).max()
    assert not list(ours.parameters())
    assert not theirs.trainable_variables


@pytest.mark.tf
@pytest.mark.torch
def test_keras_itself_gives_these_features(tmp_path):
    """tf.keras.applications.VGG16 with random weights, saved as Keras saves: the same maps, and it loads ours back."""
    import tensorflow as tf

    from kind_tf.losses import VGG

    model = tf.keras.applications.VGG16(weights=None, include_top=False)
    model.save_weights(tmp_path / "keras.weights.h5")
    arrays = convert.read_vgg(tmp_path / "keras.weights.h5")
    photo = np.random.default_rng(5).random((1, 32, 40, 3)).astype(np.float32)
    names = ["block1_conv2", "block3_conv1", "block5_conv3"]
    cut = tf.keras.Model(model.input, [model.get_layer(name).output for name in names])
    expected = cut(tf.keras.applications.vgg16.preprocess_input(photo * 255))
    for ours, theirs in zip(VGG("vgg16", arrays, layers=names)(tf.constant(photo)), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * float(tf.reduce_max(theirs)))
    convert.convert_file(tmp_path / "keras.weights.h5", tmp_path / "ours.pth")
    convert.convert_file(tmp_path / "ours.pth", tmp_path / "ours.h5")
    again = tf.keras.applications.VGG16(weights=tmp_path / "ours.h5", include_top=False)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.tf
def test_imagenet_asks_keras(monkeypatch):
    import tensorflow as tf

    from kind_tf.losses import VGG

    downloads, make = [], tf.keras.applications.VGG16

    def instead(weights, include_top):
        downloads.append((weights, include_top))
        return make(weights=None, include_top=False)

    monkeypatch.setattr(tf.keras.applications, "VGG16", instead)
    features = VGG("vgg16")
    assert downloads == [("imagenet", False)]
    assert features.scaling[1] == 255
    assert len(features(tf.random.uniform([1, 8, 8, 3]))) == 4


@pytest.mark.torch
def test_imagenet_asks_torchvision(monkeypatch):
    """A stand-in for torchvision, whose compiled part wants the very build of PyTorch it was made with."""
    import torch

    from kind_torch.losses import VGG

    arrays = seeded("vgg19")
    state = {
        key: torch.tensor(arrays[name].transpose(3, 2, 0, 1) if arrays[name].ndim == 4 else arrays[name])
        for name, key in torchvision("vgg19").items()
    }
    downloads = []

    def vgg19(weights):
        downloads.append(weights)
        return types.SimpleNamespace(state_dict=lambda: state | {"classifier.0.weight": torch.zeros(3, 3)})

    stand_in = types.ModuleType("torchvision")
    stand_in.models = types.SimpleNamespace(vgg19=vgg19)
    monkeypatch.setitem(sys.modules, "torchvision", stand_in)
    x = torch.rand(1, 3, 16, 16)
    by_name = VGG("vgg19", arrays, preprocessing="torch")
    for a, b in zip(VGG("vgg19")(x), by_name(x), strict=True):
        assert torch.equal(a, b)
    assert downloads == ["IMAGENET1K_V1"]
    arrays_again = from_torchvision("vgg19", {key: value.numpy() for key, value in state.items()})
    assert all((arrays_again[name] == arrays[name]).all() for name in arrays)


@pytest.mark.torch
def test_torchvision_that_is_missing_or_does_not_fit(monkeypatch):
    from kind_torch.losses import VGG

    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(KindlingError, match="needs torchvision, which is not installed"):
        VGG("vgg16")

    def failing(name, purpose):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(sys.modules[VGG.__module__], "import_framework", failing)
    with pytest.raises(KindlingError, match=r"does not work beside this PyTorch .*; carry a weights file with"):
        VGG("vgg16")


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("backend", ["tf", "torch"])
def test_what_vgg_refuses(backend):
    import importlib

    VGG = importlib.import_module(f"kind_{backend}.losses").VGG
    arrays = seeded("vgg16")
    table = {
        "name is 'vgg11', expected vgg16 or vgg19": lambda: VGG("vgg11", arrays),
        "weights is 'keras', expected arrays by name": lambda: VGG("vgg16", "keras"),
        "no convolution 'relu3_3'; its are block1_conv1": lambda: VGG("vgg16", arrays, layers=["relu3_3"]),
        "no convolution to look at in": lambda: VGG("vgg16", arrays, layers=[]),
        "preprocessing is 'rgb', expected caffe or torch": lambda: VGG("vgg16", arrays, preprocessing="rgb"),
        "the weights of vgg19: block3_conv4/weights is missing": lambda: VGG("vgg19", arrays),
    }
    for words, call in table.items():
        with pytest.raises(KindlingError, match=words):
            call()
    if backend == "tf":
        import tensorflow as tf

        images = [tf.zeros([1, 7, 9, 3]), tf.zeros([1, 9, 9, 1])]
    else:
        import torch

        images = [torch.zeros(1, 3, 7, 9), torch.zeros(1, 1, 9, 9)]
    with pytest.raises(KindlingError, match="VGG up to block4_conv3 needs 8x8 pixels or more"):
        VGG("vgg16", arrays)(images[0])
    with pytest.raises(KindlingError, match="VGG takes RGB"):
        VGG("vgg16", arrays)(images[1])
