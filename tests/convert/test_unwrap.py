"""state_dicts as people save them: in dictionaries, behind prefixes, a net by itself; and those that are ambiguous."""

import numpy as np
import pytest

import convert
from convert.forms import registry
from convert.forms.unwrap import WRAPPERS
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


# What is saved, made from the weights; what is then said to have been taken off; what lay beside.
WRAPPED = {
    "bare": (tensors, (), ()),
    **{key: (lambda v, key=key: {key: tensors(v)}, (key,), ()) for key in WRAPPERS},
    "with a training": (
        lambda v: {"epoch": 3, "state_dict": tensors(v), "optimizer": optimizer(v)},
        ("state_dict",),
        ("epoch", "optimizer"),
    ),
    "three deep": (lambda v: {"model": {"net": {"state_dict": tensors(v)}}}, ("model", "net", "state_dict"), ()),
    "DataParallel": (lambda v: tensors(v, "module."), ("prefix module",), ()),
    "compiled": (lambda v: tensors(v, "_orig_mod."), ("prefix _orig_mod",), ()),
    "compiled, parallel": (lambda v: tensors(v, "module._orig_mod."), ("prefix _orig_mod, module",), ()),
    "a net of it parallel": (
        lambda v: {key.replace(f"{NET}.", f"{NET}.module."): t for key, t in tensors(v).items()},
        ("prefix module",),
        (),
    ),
    "under an attribute": (lambda v: tensors(v, "enhancer."), ("prefix enhancer",), ()),
    "a net by itself": (bare, (f"a single net without its scope, {NET}",), ()),
    "a net by itself, under an attribute": (
        lambda v: {f"illum.{key}": t for key, t in bare(v).items()},
        ("prefix illum", f"a single net without its scope, {NET}"),
        (),
    ),
    "net by net": (lambda v: {NET: bare(v)}, (), ()),
    "all at once": (
        lambda v: {"step": 9, "model": {"state_dict": tensors(v, "module."), "epoch": 1}},
        ("model", "state_dict", "prefix module"),
        ("step", "epoch"),
    ),
    "an average that is the same": (lambda v: {"params": tensors(v), "params_ema": tensors(v)}, ("params",), ()),
    "beside another model": (
        lambda v: {"net": {"layer.weight": tensors(v)[f"{NET}.en_conv_4.bias"]}, "model": tensors(v)},
        ("model",),
        (),
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize(("saved", "unwrapped", "beside"), WRAPPED.values(), ids=WRAPPED)
def test_wrappings_are_taken_off_and_said(adjust, tmp_path, saved, unwrapped, beside):
    import torch

    torch.save(saved(adjust), tmp_path / "x.pth")
    held = registry.read(tmp_path / "x.pth")
    assert (held.unwrapped, held.beside) == (unwrapped, beside)
    assert differences(adjust, convert.read(tmp_path / "x.pth")) == []
    done = convert.convert_file(tmp_path / "x.pth", tmp_path / "out.npz")
    assert (done.unwrapped, done.left_behind) == (list(unwrapped), list(beside))


def doubled(variables):
    return {name: 2 * array for name, array in variables.items()}


AMBIGUOUS = {
    "weights and their average": (
        lambda v: {"params": tensors(v), "params_ema": tensors(doubled(v))},
        r"it holds weights under params and other ones under params_ema; save those that are meant.*held\['params'\]",
    ),
    "three": (
        lambda v: {"net": tensors(v), "model": tensors(doubled(v)), "ema": tensors(doubled(v))},
        "under model and other ones under net$|under model and other ones under net; save",
    ),
    "with and without a prefix": (
        lambda v: {**tensors(v), **tensors(doubled(v), "module.")},
        "is in it twice, once behind a prefix",
    ),
    "too deep": (
        lambda v: {"model": {"model": {"model": {"model": {"model": tensors(v)}}}}},
        "'model' is a dict; save what is in it by itself",
    ),
    "nothing inside": (lambda v: {"state_dict": {}}, "'state_dict' is a dict|no variable of KinD in it"),
    "a string inside": (lambda v: {"state_dict": {"a": "b"}}, "'a' is no tensor"),
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
