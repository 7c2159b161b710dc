"""The first draft of a table: what is sure, what is marked doubtful and why; a marked row stops a conversion."""

import re
import tomllib

import numpy as np
import pytest

from convert import generic
from convert.generic import matching
from kindling.cli import main
from kindling.core.errors import KindlingError

pytestmark = [pytest.mark.torch]


def written(tmp_path, shapes, name="model.npz"):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / name, **{key: rng.standard_normal(shape).astype("f4") for key, shape in shapes.items()})
    return tmp_path / name


def rows(drafted):
    return tomllib.loads(drafted.text)["layers"]


def net(**modules):
    import torch

    return torch.nn.ModuleDict(modules)


def conv(inputs, outputs, **options):
    import torch

    return torch.nn.Conv2d(inputs, outputs, 3, **options)


CONV = {"weights": (3, 3, 3, 4), "biases": (4,)}


def scopes(**layers):
    return {f"{scope}/{leaf}": shape for scope, leaves in layers.items() for leaf, shape in leaves.items()}


def test_equal_names_are_sure(tmp_path):
    source = written(tmp_path, scopes(conv1=CONV, conv2=CONV))
    drafted = generic.draft(source, net(conv2=conv(3, 4), conv1=conv(3, 4)))
    assert [(row["tf"], row["torch"], row["kind"]) for row in rows(drafted)] == [
        ("conv2", "conv2", "conv2d"),
        ("conv1", "conv1", "conv2d"),
    ]
    assert drafted.doubtful == 0


def test_a_shape_that_nothing_else_has_is_sure(tmp_path):
    source = written(tmp_path, scopes(a=CONV, b={"weights": (3, 3, 4, 2), "biases": (2,)}))
    drafted = generic.draft(source, net(first=conv(3, 4), second=conv(4, 2)))
    assert [(row["tf"], row["torch"]) for row in rows(drafted)] == [("a", "first"), ("b", "second")]
    assert drafted.doubtful == 0


def test_what_is_told_by_order_alone_is_doubtful_and_stops_a_conversion(tmp_path, capsys):
    source = written(tmp_path, scopes(conv2d=CONV, conv2d_1=CONV, conv2d_2=CONV))
    drafted = generic.draft(source, net(down=conv(3, 4), middle=conv(3, 4), up=conv(3, 4)))
    assert [(row["tf"], row["torch"]) for row in rows(drafted)] == [
        ("conv2d", "down"),
        ("conv2d_1", "middle"),
        ("conv2d_2", "up"),
    ]
    assert all("3 have these shapes" in row["doubtful"] for row in rows(drafted))
    (tmp_path / "net.toml").write_text(drafted.text)
    with pytest.raises(KindlingError, match=r"line 4: the row is marked doubtful .*line 5: .*line 6: "):
        generic.convert_by_table(source, tmp_path / "net.safetensors", tmp_path / "net.toml")


def test_four_hundred_layers_of_one_shape(tmp_path, monkeypatch):
    """Every pair of them fits, and none is sure: nothing is counted again for each pair. Names are left out of it."""
    import torch

    monkeypatch.setattr(matching, "likenesses", lambda names, other: [0.0] * len(names))
    source = written(tmp_path, {f"conv2d_{k}/weights": (1, 1, 2, 3) for k in range(400)})
    port = net(**{f"block{k}": torch.nn.Conv2d(2, 3, 1, bias=False) for k in range(400)})
    drafted = generic.draft(source, port)
    assert [(row["tf"], row["torch"]) for row in rows(drafted)] == [(f"conv2d_{k}", f"block{k}") for k in range(400)]
    assert {row["doubtful"] for row in rows(drafted)} == {"told by name and order alone: 400 have these shapes"}


def test_of_two_layers_that_would_share_a_module_one_has_it(tmp_path):
    """A depthwise convolution, alone and as the first half of a separable one."""
    import torch

    both = {"depthwise_weights": (3, 3, 4, 1), "pointwise_weights": (1, 1, 4, 5), "biases": (5,)}
    source = written(tmp_path, scopes(a={"depthwise_weights": (3, 3, 4, 1)}, b=both))
    drafted = generic.draft(source, net(first=conv(4, 4, groups=4, bias=False), second=torch.nn.Conv2d(4, 5, 1)))
    assert [row["torch"] for row in rows(drafted)] == ["first", ""]
    assert drafted.unfilled == ["second.weight", "second.bias"]


def test_numbers_are_in_their_order(tmp_path):
    source = written(tmp_path, scopes(**{f"conv2d_{k}": CONV for k in (2, 10, 9)}))
    drafted = generic.draft(source, net(x=conv(3, 4), y=conv(3, 4), z=conv(3, 4)))
    assert [row["tf"] for row in rows(drafted)] == ["conv2d_2", "conv2d_9", "conv2d_10"]


def test_a_flatten_that_may_stand_before_a_dense_layer(tmp_path):
    import torch

    source = written(tmp_path, scopes(conv=CONV, fc={"kernel": (24, 5)}, head={"kernel": (5, 2)}))
    linear = {"fc": torch.nn.Linear(24, 5, bias=False), "head": torch.nn.Linear(5, 2, bias=False)}
    drafted = generic.draft(source, net(conv=conv(3, 4), **linear))
    assert [row.get("doubtful", "") for row in rows(drafted)] == [
        "",
        "does a flatten stand before it? then flatten = [h, w, c]; for c = 4, h * w = 6",
        "",
    ]


def test_an_epsilon_that_is_not_the_ports(tmp_path):
    import torch

    source = written(tmp_path, {f"bn/{leaf}": (4,) for leaf in ("beta", "moving_mean", "moving_variance")})
    (row,) = rows(generic.draft(source, net(bn=torch.nn.BatchNorm2d(4))))
    assert row["epsilon"] == 0.001
    assert "the port's epsilon is 1e-05, the default of slim and Keras 0.001" in row["doubtful"]
    (row,) = rows(generic.draft(source, net(bn=torch.nn.BatchNorm2d(4, eps=1e-3))))
    assert "doubtful" not in row


def test_modules_decide_what_names_and_shapes_leave_open(tmp_path):
    import torch

    source = written(tmp_path, scopes(up={"weights": (2, 2, 4, 4)}, n={"gamma": (4,), "beta": (4,)}))
    port = net(up=torch.nn.ConvTranspose2d(4, 4, 2, bias=False), n=torch.nn.GroupNorm(2, 4, eps=1e-3))
    assert [row["kind"] for row in rows(generic.draft(source, port))] == ["conv2d_transpose", "group_norm"]
    alone = rows(generic.draft(source))
    assert "or group_norm or instance_norm?" in next(row["doubtful"] for row in alone if row["tf"] == "n")


def test_separable_depthwise_and_recurrent_layers(tmp_path):
    import torch

    shapes = scopes(
        sep={"depthwise_weights": (3, 3, 4, 2), "pointwise_weights": (1, 1, 8, 5), "biases": (5,)},
        dw={"depthwise_kernel": (3, 3, 5, 1), "bias": (5,)},
        lstm={"kernel": (5, 12), "recurrent_kernel": (3, 12), "bias": (12,)},
        gru={"kernel": (3, 6), "recurrent_kernel": (2, 6), "bias": (2, 6)},
    )
    port = net(
        sep=torch.nn.Sequential(conv(4, 8, groups=4, bias=False), torch.nn.Conv2d(8, 5, 1)),
        dw=conv(5, 5, groups=5),
        lstm=torch.nn.LSTM(5, 3),
        gru=torch.nn.GRUCell(3, 2),
    )
    source = written(tmp_path, shapes)
    drafted = generic.draft(source, port)
    assert drafted.doubtful == 0
    assert drafted.unfilled == []
    found = {row["tf"]: row for row in rows(drafted)}
    assert found["sep"]["torch"] == {"depthwise": "sep.0", "pointwise": "sep.1"}
    assert found["sep"]["multiplier"] == 2
    assert found["gru"]["cell"] is True
    (tmp_path / "net.toml").write_text(drafted.text)
    generic.convert_by_table(source, tmp_path / "net.pth", tmp_path / "net.toml")
    port.load_state_dict(torch.load(tmp_path / "net.pth", weights_only=True))


def test_what_fits_nowhere_is_said_on_both_sides(tmp_path):
    source = written(tmp_path, scopes(conv=CONV, other={"weights": (5, 5, 3, 4)}))
    drafted = generic.draft(source, net(conv=conv(3, 4), last=conv(4, 4)))
    assert rows(drafted)[1]["torch"] == ""
    assert rows(drafted)[1]["doubtful"] == "no module of the port has these shapes"
    assert drafted.unfilled == ["last.weight", "last.bias"]


NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, stride=2)
        self.bn = torch.nn.BatchNorm2d(4, eps=1e-3)
        self.depthwise = torch.nn.Conv2d(4, 5, 3, bias=False, groups=1)
        self.dense = torch.nn.Linear(3 * 4 * 5, 2)

    def forward(self, x):
        return self.dense(self.depthwise(self.bn(torch.relu(self.conv(x)))).flatten(1))
"""


@pytest.mark.tf
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".h5"])
def test_a_model_of_keras_by_two_commands(suffix, tmp_path, capsys):
    """Saved by Keras in its three forms, mapped, the doubts resolved, converted, and both compute the same."""
    import keras
    import torch

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((11, 13, 3)),
            layers.Conv2D(4, 3, 2, activation="relu"),
            layers.BatchNormalization(scale=False),
            layers.Conv2D(5, 3, use_bias=False),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.standard_normal(w.shape)) for w in model.get_weights()])
    source = str(tmp_path / f"model{suffix}")
    model.save_weights(source) if "weights" in suffix else model.save(source)
    (tmp_path / "net.py").write_text(NET)
    table, port = str(tmp_path / "net.toml"), str(tmp_path / "net.pth")
    assert main(["map", source, "--torch", f"{tmp_path / 'net.py'}:Net", "-o", table]) == 0
    assert "4 layers" in capsys.readouterr().out
    text = (tmp_path / "net.toml").read_text()
    assert "does a flatten stand before it?" in text
    assert ("gamma or beta?" in text) is (suffix != ".h5")  # .keras and .weights.h5 number variables
    text = re.sub(r', doubtful = "does a flatten[^"]*"', ", flatten = [3, 4, 5]", text)
    (tmp_path / "net.toml").write_text(re.sub(r', doubtful = "gamma or beta[^"]*"', "", text))
    assert main(["convert", source, port, "--map", table]) == 0
    assert "bn with eps=0.001" in capsys.readouterr().out
    space = {}
    exec(NET, space)
    module = space["Net"]().eval()
    module.load_state_dict(torch.load(port, weights_only=True))
    x = rng.random((2, 11, 13, 3), np.float32)
    with torch.no_grad():
        reached = module(torch.from_numpy(x).movedim(-1, 1)).numpy()
    assert np.allclose(reached, np.asarray(model(x)), rtol=1e-5, atol=1e-4)


@pytest.mark.tf
def test_keras_loads_what_comes_back(tmp_path):
    """Its own .weights.h5, there and back: `load_weights` takes it."""
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "net.toml").write_text(generic.draft(tmp_path / "a.weights.h5").text)
    generic.convert_by_table(tmp_path / "a.weights.h5", tmp_path / "a.safetensors", tmp_path / "net.toml")
    generic.convert_by_table(tmp_path / "a.safetensors", tmp_path / "b.weights.h5", tmp_path / "net.toml")
    before = model.get_weights()
    model.set_weights([0 * w for w in before])
    model.load_weights(tmp_path / "b.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


FACTORIES = {
    "net.py": r"--torch net.py: expected FILE.py:NAME or MODULE:NAME.*",
    "nowhere.py:Net": r"--torch nowhere.py:Net: no such file as nowhere.py",
    "no.such.module:Net": r".*importing no.such.module fails: ModuleNotFoundError.*",
    "{tmp}/net.py:Nut": r".*net.py has nothing called Nut",
    "{tmp}/broken.py:Net": r".*importing .*broken.py fails: ZeroDivisionError: division by zero",
}


@pytest.mark.parametrize(("named", "sentence"), FACTORIES.items(), ids=FACTORIES)
def test_a_port_that_cannot_be_built(named, sentence, tmp_path, capsys):
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "broken.py").write_text("1 / 0")
    source = written(tmp_path, scopes(conv=CONV))
    assert main(["map", str(source), "--torch", named.format(tmp=tmp_path)]) == 2
    assert re.fullmatch(f"kindling: {sentence}\n", capsys.readouterr().err)
