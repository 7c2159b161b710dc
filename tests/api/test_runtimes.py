"""Which weights are meant when none are named, and what a runtime says of devices and precisions it has not."""

import shutil

import pytest

import kindling
from kindling import KindlingError, runtimes
from kindling.core.packages import own
from kindling.families.registry import KIND

BACKENDS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An empty working folder, an empty cache, and nothing named."""
    monkeypatch.delenv("KINDLING_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own("convert.originals.fetching"), "default_folder", lambda: tmp_path / "cache")
    return tmp_path


def lay(folder, nets=KIND.nets):
    for net in nets:
        (folder / net.folder).mkdir(parents=True)
        (folder / net.folder / "model.ckpt.index").touch()
    return folder


def test_the_shipped_ones_where_nothing_else_is(places):
    assert runtimes.default_weights().name in ("checkpoints", "weights")
    assert runtimes.default_weights().is_absolute()


def test_the_fetched_ones_if_they_are_whole(places):
    lay(places / "cache", KIND.nets[:1])
    assert runtimes.default_weights() != places / "cache"
    shutil.rmtree(places / "cache")
    assert runtimes.default_weights() != lay(places / "cache").parent
    assert runtimes.default_weights() == places / "cache"


def test_checkpoints_in_the_working_folder_if_they_are_kinds(places):
    (places / "checkpoints").mkdir()  # somebody's own, of something else
    assert runtimes.default_weights().is_absolute()
    lay(places / "checkpoints")
    lay(places / "cache")
    assert str(runtimes.default_weights()) == "checkpoints"


def test_the_environment_comes_first(places, monkeypatch):
    lay(places / "checkpoints")
    (places / "mine.npz").touch()
    monkeypatch.setenv("KINDLING_WEIGHTS", "mine.npz")
    assert str(runtimes.default_weights()) == "mine.npz"
    monkeypatch.setenv("KINDLING_WEIGHTS", "gone.npz")
    with pytest.raises(KindlingError, match=r"KINDLING_WEIGHTS is gone\.npz, and there is nothing"):
        runtimes.default_weights()


@pytest.mark.parametrize("runtime", BACKENDS)
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_model_says_what_it_is(seeded_npz, runtime, device):
    model = kindling.open_model(seeded_npz, runtime, device=device)
    assert (model.runtime, model.precision, model.family.id) == (runtime, "float32", "kind")
    assert model.nets == {net.scope for net in KIND.nets}
    assert model.bytes_per_pixel() > 100
    assert model.free_bytes() > 10**6


WRONG = {
    "unknown": ({"device": "tpu0"}, "there is no device 'tpu0'"),
    "no such GPU": ({"device": "cuda:99"}, r"sees no (device )?cuda:99 here"),
    "half on a CPU": ({"device": "cpu", "precision": "bfloat16"}, "GPUs"),
}


@pytest.mark.parametrize("runtime", BACKENDS)
@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_what_there_is_not_is_said(seeded_npz, runtime, options, words):
    with pytest.raises(KindlingError, match=words):
        kindling.open_model(seeded_npz, runtime, **options)


@pytest.mark.torch
def test_halves_on_a_device_that_is_no_cpu(weights):
    """On the device meta nothing is computed, so all that is seen is where the weights are, and in what precision."""
    model = runtimes.open_arrays(weights, "torch", device="meta", precision="bfloat16")
    assert (model.device, model.precision) == ("meta", "bfloat16")
    assert model.bytes_per_pixel() == runtimes.open_arrays(weights, "torch", device="cpu").bytes_per_pixel() // 2


@pytest.mark.torch
@pytest.mark.parametrize("framework", ["torch"])
def test_out_of_memory_is_told_in_our_words(seeded_npz, framework, monkeypatch):
    import numpy as np
    import torch

    from kind_torch import arrays
    from kindling.core.errors import OutOfMemory

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = kindling.open_model(seeded_npz)
    monkeypatch.setattr(arrays, "run", full)
    with pytest.raises(OutOfMemory, match=r"cpu has no room for a tile of \(1, 4, 4, 3\)"):
        model.run("decompose", np.zeros((1, 4, 4, 3), np.float32))


PROGRAMS = {
    "nothing": "",
    "the switches of today": "c.matmul.fp32_precision = n.conv.fp32_precision = 'tf32'",
    "those of before": "c.matmul.allow_tf32 = n.allow_tf32 = True",
}


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_tf32_is_off_while_a_model_runs_on_a_gpu_and_as_it_was_afterwards(program):
    """The switches are there without a GPU too. A program of its own, because PyTorch remembers which kind was used."""
    import subprocess
    import sys

    lines = f"""if True:
        import torch
        from kind_torch import runtime
        c, n = torch.backends.cuda, torch.backends.cudnn
        def now():
            return c.matmul.fp32_precision, n.conv.fp32_precision
        {program}
        before = now()
        with runtime._exact_products(torch.device("cuda")):
            assert now() == ("ieee", "ieee"), now()
        assert now() == before, (now(), before)
    """
    run = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
