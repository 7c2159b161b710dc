"""state_dicts as people save them: in dictionaries, behind prefixes, a net by itself; and those that are ambiguous."""

import functools

import numpy as np
import pytest

import convert
from convert.containers import tensor_bundle
from convert.forms import registry
from convert.forms.naming import WRAPPERS
from convert.soundness import differences
from kindling import KindlingError
from tests.support.weights import seeded

NET = "Illumination_adjust_net"


@pytest.fixture(scope="module")
def adjust():
    return seeded(NET)


def tensors(variables, prefix=""):
    import torch

    return {prefix + key: torch.tensor(array) for key, array in convert.to_torch(variables).items()}


def bare(variables):
    return {key.removeprefix(f"{NET}."): tensor for key, tensor in tensors(variables).items()}


def optimizer(variables):
    return {
        "state": {0: {"step": 3, "exp_avg": tensors(variables)[f"{NET}.en_conv_4.bias"]}},
        "param_groups": [{"lr": 1}],
    }


def average(variables):
    """All weights, a little on."""
    return {name: array * np.float32(1.01) for name, array in variables.items()}


def lightning(variables, prefix="model."):
    """What PyTorch Lightning saves."""
    return {
        "epoch": 3,
        "global_step": 799,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": tensors(variables, prefix),
        "loops": {"fit_loop": {"state_dict": {}}},
        "optimizer_states": [optimizer(variables)],
        "hyper_parameters": {"lr": 1e-4},
    }


LIGHTNING = ("epoch", "global_step", "pytorch-lightning_version", "loops", "optimizer_states", "hyper_parameters")
EMA = "averages (EMA), which --ema takes"
# What is saved, made from the weights; what is then said to have been taken off; what lay beside.
WRAPPED = {
    "bare": (tensors, (), ()),
    **{key: (lambda v, key=key: {key: tensors(v)}, (f"prefix {key}",), ()) for key in WRAPPERS if "ema" not in key},
    "in any dictionary": (lambda v: {"netG": tensors(v)}, ("prefix netG",), ()),
    "with a training": (
        lambda v: {"epoch": 3, "state_dict": tensors(v), "optimizer": optimizer(v)},
        ("prefix state_dict",),
        ("epoch", "optimizer"),
    ),
    "three deep": (lambda v: {"model": {"net": {"state_dict": tensors(v)}}}, ("prefix model.net.state_dict",), ()),
    "six deep": (
        lambda v: {"a": {"b": {"c": {"d": {"e": tensors(v, "f.")}}}}},
        ("prefix a.b.c.d.e.f",),
        (),
    ),
    "in a list": (lambda v: {"models": [tensors(v)]}, ("prefix models.0",), ()),
    "DataParallel": (lambda v: tensors(v, "module."), ("prefix module",), ()),
    "compiled": (lambda v: tensors(v, "_orig_mod."), ("prefix _orig_mod",), ()),
    "compiled, parallel": (lambda v: tensors(v, "module._orig_mod."), ("prefix module._orig_mod",), ()),
    "parallel, compiled": (lambda v: tensors(v, "_orig_mod.module."), ("prefix _orig_mod.module",), ()),
    "an attribute, parallel": (lambda v: tensors(v, "net.module."), ("prefix net.module",), ()),
    "any order": (lambda v: tensors(v, "module.net._orig_mod.model."), ("prefix module.net._orig_mod.model",), ()),
    "a net of it parallel": (
        lambda v: {key.replace(f"{NET}.", f"{NET}.module."): t for key, t in tensors(v).items()},
        ("prefix module",),
        (),
    ),
    "a net of it compiled, all parallel": (
        lambda v: {key.replace(f"{NET}.", f"module.{NET}._orig_mod."): t for key, t in tensors(v).items()},
        ("prefix module._orig_mod",),
        (),
    ),
    "under an attribute": (lambda v: tensors(v, "enhancer."), ("prefix enhancer",), ()),
    "Lightning": (lightning, ("prefix state_dict.model",), LIGHTNING),
    "Lightning, compiled": (
        lambda v: lightning(v, "model._orig_mod."),
        ("prefix state_dict.model._orig_mod",),
        LIGHTNING,
    ),
    "Lightning with a loss that has weights": (
        lambda v: {"state_dict": {**tensors(v, "model."), **tensors({"vgg/conv/weights": np.ones(3)}, "criterion.")}},
        ("prefix state_dict.model",),
        ("criterion",),
    ),
    "torch's AveragedModel": (
        lambda v: {**tensors(v, "module."), **tensors({"n_averaged": np.int64(3)})},
        ("prefix module",),
        ("n_averaged",),
    ),
    "a net by itself": (bare, (f"a single net without its scope, {NET}",), ()),
    "a net by itself, under an attribute": (
        lambda v: {f"illum.{key}": t for key, t in bare(v).items()},
        ("prefix illum", f"a single net without its scope, {NET}"),
        (),
    ),
    "net by net": (lambda v: {NET: bare(v)}, (), ()),
    "all at once": (
        lambda v: {"step": 9, "model": {"state_dict": tensors(v, "module."), "epoch": 1}},
        ("prefix model.state_dict.module",),
        ("step", "epoch"),
    ),
    "an average that is the same": (
        lambda v: {"params": tensors(v), "params_ema": tensors(v)},
        ("prefix params",),
        (),
    ),
    "an average that is not": (
        lambda v: {"params": tensors(v), "params_ema": tensors(average(v))},
        ("prefix params",),
        (EMA,),
    ),
    "an average alone": (
        lambda v: {"params_ema": tensors(v)},
        ("prefix params_ema", "averages (EMA), and nothing else is in it"),
        (),
    ),
    "beside another model": (
        lambda v: {"net": {"layer.weight": tensors(v)[f"{NET}.en_conv_4.bias"]}, "model": tensors(v)},
        ("prefix model",),
        ("net",),
    ),
    "moments by name": (
        lambda v: {"net": tensors(v), "optimizer": {"exp_avg": tensors(average(v))}},
        ("prefix net",),
        ("optimizer",),
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize(("saved", "unwrapped", "beside"), WRAPPED.values(), ids=WRAPPED)
def test_wrappings_are_taken_off_and_said(adjust, tmp_path, saved, unwrapped, beside):
    import torch

    torch.save(saved(adjust), tmp_path / "x.pth")
    contents = registry.read(tmp_path / "x.pth")
    assert (contents.unwrapped, contents.beside) == (unwrapped, beside)
    assert differences(adjust, convert.read(tmp_path / "x.pth")) == []
    done = convert.convert_file(tmp_path / "x.pth", tmp_path / "out.npz")
    assert (done.unwrapped, done.left_behind) == (list(unwrapped), list(beside))


# Files with both: how the average is kept.
AVERAGES = {
    "BasicSR": lambda v, e: {"params": tensors(v), "params_ema": tensors(e)},
    "timm": lambda v, e: {"state_dict": tensors(v), "state_dict_ema": tensors(e, "module.")},
    "in one state_dict": lambda v, e: {"state_dict": {**tensors(v, "model."), **tensors(e, "model_ema.module.")}},
    "a net by itself": lambda v, e: {"net": bare(v), "ema": bare(e)},
    "ema_model": lambda v, e: {**tensors(v, "online_model."), **tensors(e, "ema_model.")},
}


@pytest.mark.torch
@pytest.mark.parametrize("saved", AVERAGES.values(), ids=AVERAGES)
def test_an_average_is_taken_when_it_is_asked_for(adjust, tmp_path, saved):
    import torch

    torch.save(saved(adjust, average(adjust)), tmp_path / "x.pth")
    assert differences(adjust, convert.read(tmp_path / "x.pth")) == []
    assert differences(average(adjust), convert.read(tmp_path / "x.pth", ema=True)) == []
    done = convert.convert_file(tmp_path / "x.pth", tmp_path / "out.npz", ema=True)
    assert "averages (EMA)" in done.unwrapped
    assert "weights that are not averaged" in done.left_behind
    assert EMA in convert.convert_file(tmp_path / "x.pth", tmp_path / "plain.npz").left_behind


@pytest.mark.parametrize("both", [True, False], ids=["both", "alone"])
def test_an_average_of_tensorflows(adjust, tmp_path, both):
    shadows = {f"{name}/ExponentialMovingAverage": array for name, array in average(adjust).items()}
    slots = {f"{name}/Adam": array for name, array in adjust.items()}
    tensor_bundle.write(tmp_path / "model.ckpt", {**(adjust | slots if both else {}), **shadows})
    plain = adjust if both else average(adjust)
    assert differences(plain, convert.read(tmp_path / "model.ckpt")) == []
    assert differences(average(adjust), convert.read(tmp_path / "model.ckpt", ema=True)) == []


def test_there_is_no_average(adjust, tmp_path):
    convert.write(tmp_path / "x.npz", adjust)
    with pytest.raises(KindlingError, match=r"holds no averages \(EMA\) of KinD's weights; leave --ema out"):
        convert.read(tmp_path / "x.npz", ema=True)


def doubled(variables):
    return {name: 2 * array for name, array in variables.items()}


AMBIGUOUS = {
    "two": (
        lambda v: {"net": tensors(v), "model": tensors(doubled(v))},
        "it holds weights under net and other ones under model; save those that are meant by themselves",
    ),
    "three": (
        lambda v: {"net": tensors(v), "model": tensors(doubled(v)), "ema": tensors(doubled(v))},
        "it holds weights under net and other ones under model; save those that are meant by themselves",
    ),
    "with and without a prefix": (
        lambda v: {**tensors(v), **tensors(doubled(v), "module.")},
        "is in it twice, once behind a prefix",
    ),
    "nested and joined": (
        lambda v: {**tensors(v), NET: bare(doubled(v))},
        "is in it twice, once in a dictionary",
    ),
    "too deep": (
        lambda v: functools.reduce(lambda contents, _: {"model": contents}, range(13), tensors(v)),
        "no tensor is in it: it holds 'model'",
    ),
    "too much": (lambda v: {"x": [0] * 200_000, **tensors(v)}, "holds more than 100,000 things"),
    "nothing inside": (lambda v: {"state_dict": {}}, "no tensor is in it: it holds 'state_dict'"),
    "a string inside": (lambda v: {"state_dict": {"a": "b"}}, "no tensor is in it: it holds 'state_dict'"),
}


@pytest.mark.torch
@pytest.mark.parametrize(("saved", "words"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_cannot_be_told_is_refused(adjust, tmp_path, saved, words):
    import torch

    torch.save(saved(adjust), tmp_path / "x.pth")
    with pytest.raises(KindlingError, match=words):
        convert.read(tmp_path / "x.pth")


def test_prefixes_in_other_forms(adjust, tmp_path):
    from safetensors.numpy import save_file

    save_file({f"module.{key}": array for key, array in convert.to_torch(adjust).items()}, tmp_path / "x.safetensors")
    assert differences(adjust, convert.read(tmp_path / "x.safetensors")) == []
    np.savez(tmp_path / "y.npz", **{f"enhancer/{name}": array for name, array in adjust.items()})
    assert differences(adjust, convert.read(tmp_path / "y.npz")) == []


def test_a_prefix_does_not_hide_what_is_missing(adjust, tmp_path):
    first = next(iter(adjust))
    np.savez(tmp_path / "y.npz", **{f"module/{name}": array for name, array in adjust.items() if name != first})
    with pytest.raises(KindlingError, match=f"{first} is missing"):
        convert.read(tmp_path / "y.npz")
