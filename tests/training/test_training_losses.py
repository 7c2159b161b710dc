"""`kindling train --loss`: the original's own sum to the bit, other sums on either framework, stopped and resumed."""

import csv

import numpy as np
import pytest

import convert
from kindling.families.vgg import SHAPES
from kindling.losses import expression
from kindling.training import loop
from kindling.training.plan import RECIPES
from tests.support.training import FOLDERS, arguments, run
from tests.support.training_goldens import BACKENDS, EACH_TASK, feed, relative, seeded_golden
from tests.support.training_goldens import run as run_steps

ORIGINAL = {
    "decomposition": "recon_high + recon_low + 0.01*equal_r + 0.2*mutual_i + 0.15*mutual_i_input_high "
    "+ 0.15*mutual_i_input_low",
    "adjustment": "square + grad",
    "restoration": "square + grad + ssim",
}
MIXED = {
    "decomposition": "recon + 0.01*equal_r + 0.1*ms_ssim(scales=2) + 0.2*color_cosine + 0.1*reflectance(kind=ssim) "
    "+ 0.1*consistency(kind=l1) + 1e-4*l2_regularised",
    "adjustment": "recon + 0.1*huber(delta=0.1) + 0.05*laplacian(levels=3) + 0.1*region + 1e-4*l1_regularised",
    "restoration": "recon + ssim + 0.2*color_angle + 0.1*color_blur + 1e-3*log_mse + 0.1*binary_cross_entropy",
}


@pytest.mark.parametrize("task", EACH_TASK)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_originals_sum_written_out_is_the_original(backend, task):
    """Terms, gradients and weights after two steps, bit for bit."""
    weights, golden = seeded_golden(task)
    batch = feed(task, golden)
    found = expression.parse(ORIGINAL[task], task, batch[0].shape[1])
    default = run_steps(backend, task, weights, batch, steps=2)
    written = run_steps(backend, task, weights, batch, steps=2, objective=found)
    for ours, theirs in zip(written[0], default[0], strict=True):
        assert ours == {name: theirs[name] for name in ours}
    for ours, theirs in zip(written[1:], default[1:], strict=True):
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("task", EACH_TASK)
def test_frameworks_agree_on_a_sum(task):
    """float64: every term and the gradient of every variable."""
    weights, golden = seeded_golden(task)
    batch = feed(task, golden)
    found = expression.parse(MIXED[task], task, batch[0].shape[1])
    (tf_terms, tf_gradients, _), (torch_terms, torch_gradients, _) = (
        run_steps(backend, task, weights, batch, dtype="float64", objective=found) for backend in ("tf", "torch")
    )
    assert [*tf_terms[0]] == [*(term.key for term in found.terms), "total"]
    assert torch_terms[0] == pytest.approx(tf_terms[0], rel=1e-9)
    wrong = {name: relative(torch_gradients[name], g) for name, g in tf_gradients.items()}
    assert {name: error for name, error in wrong.items() if error > 1e-9} == {}


@pytest.mark.slow
@pytest.mark.parametrize("task", EACH_TASK)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_with_a_sum_of_its_own_is_stopped_and_goes_on(backend, task, pairs, decom, tmp_path):
    more = ["--backend", backend, "--loss", MIXED[task]]
    assert run(*arguments(task, pairs, tmp_path / "whole", decom, *more, "--epochs", "2")) == 0
    assert run(*arguments(task, pairs, tmp_path / "halves", decom, *more, "--epochs", "1")) == 0
    assert run(*arguments(task, pairs, tmp_path / "halves", decom, *more, "--epochs", "2", "--resume")) == 0
    whole, halves = (np.load(tmp_path / out / FOLDERS[task] / loop.STATE) for out in ("whole", "halves"))
    for name in whole.files:
        np.testing.assert_array_equal(whole[name], halves[name], err_msg=name)
    with (tmp_path / "whole" / FOLDERS[task] / "losses.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    names = [term.key for term in expression.parse(MIXED[task], task, 24).terms]
    assert header == ["step", "lr", *names, "total"]
    assert [row[0] for row in rows] == ["2", "4"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_part_of_the_net_that_no_term_looks_at_stays(backend, pairs, tmp_path):
    """equal_r alone says nothing of L: its last layers keep their first weights, in either framework."""
    start = ["--backend", backend, "--loss", "equal_r"]
    assert run(*arguments("decomposition", pairs, tmp_path, None, *start, "--epochs", "1")) == 0
    after = convert.read(tmp_path)
    before = loop.initial_weights({name: array.shape for name, array in after.items()}, 2019)
    moved = {name for name in after if (after[name] != before[name]).any()}
    assert "DecomNet/g_conv10/weights" in moved
    assert not {name for name in moved if "/l_conv1_" in name}


REFUSED = {
    "unknown": ("decomposition", ["--loss", "recon + 0.2*color_cosin"], "did you mean color_cosine?; known are recon"),
    "small patch": ("decomposition", ["--loss", "ms_ssim"], "needs 161x161 pixels or more, and the loss sees 24x24"),
    "small cell": ("decomposition", ["--loss", "ssim", "--cell", "8"], "ssim needs 11x11 pixels or more, and the loss"),
    "colour of light": ("adjustment", ["--loss", "color_angle"], "adjustment gives light, of one channel"),
    "equal-r": ("decomposition", ["--loss", "recon", "--equal-r", "0.5"], "with --loss write 0.5*equal_r there"),
    "no features": ("restoration", ["--loss", "perceptual"], "name its file, Keras' .h5 or what `kindling convert`"),
    "features for nothing": ("restoration", ["--loss", "l1", "--features", "x.h5"], "--features is for perceptual"),
    "features alone": ("restoration", ["--features", "x.h5"], "--features is for the perceptual loss"),
    "no such file": ("restoration", ["--loss", "perceptual", "--features", "x.h5"], "x.h5: no such file"),
}


@pytest.mark.torch
@pytest.mark.parametrize(("task", "more", "said"), REFUSED.values(), ids=REFUSED)
def test_sums_that_cannot_train_are_refused_before_anything_is_read(tmp_path, capsys, task, more, said):
    assert run(*arguments(task, tmp_path / "no photos", tmp_path, tmp_path, *more)) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("recon + l1", "recon + 2*l1", "loss was recon + l1 and is now recon + 2.0*l1"),
        ("recon", None, "loss was recon and is now None"),
        (None, "recon", "loss was None and is now recon"),
    ],
)
def test_another_sum_does_not_go_on(pairs, decom, tmp_path, capsys, then, now, said):
    first, second = ([] if loss is None else ["--loss", loss] for loss in (then, now))
    assert run(*arguments("adjustment", pairs, tmp_path, decom, "--epochs", "1", *first)) == 0
    assert run(*arguments("adjustment", pairs, tmp_path, decom, *second, "--resume")) == 2
    assert said in capsys.readouterr().err


@pytest.mark.torch
def test_a_state_from_before_there_was_a_choice_goes_on(pairs, decom, tmp_path, monkeypatch):
    """Its plan names neither loss nor features."""
    from kindling.training.plan import Plan

    identity = Plan.identity.fget
    old = property(lambda plan: {k: v for k, v in identity(plan).items() if k not in ("loss", "features")})
    with monkeypatch.context() as patch:
        patch.setattr(Plan, "identity", old)
        assert run(*arguments("adjustment", pairs, tmp_path, decom, "--epochs", "1")) == 0
    assert run(*arguments("adjustment", pairs, tmp_path, decom, "--resume")) == 0
    with np.load(tmp_path / RECIPES["adjustment"].folder / loop.STATE) as archive:
        assert '"step": 6' in str(archive["about"])


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """A VGG16 with its blocks one after the other, seeded, as an .npz of `kindling convert`'s."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.npz"
    scale = {name: np.sqrt(2 / np.prod(shape[:3])) if len(shape) == 4 else 0 for name, shape in SHAPES["vgg16"].items()}
    np.savez(path, **{n: (scale[n] * random.standard_normal(s)).astype("f") for n, s in SHAPES["vgg16"].items()})
    return path


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
def test_the_perceptual_loss_trains_alike_on_both(vgg, pairs, decom, tmp_path):
    more = ["--loss", "recon + 1e-4*perceptual", "--features", str(vgg), "--epochs", "1", "--every", "1"]
    values = []
    for backend in ("tf", "torch"):
        out = tmp_path / backend
        assert run(*arguments("restoration", pairs, out, decom, *more, "--backend", backend)) == 0
        with (out / FOLDERS["restoration"] / "losses.csv").open(newline="") as file:
            values.append([float(row["perceptual"]) for row in csv.DictReader(file)])
    assert len(values[0]) == 2
    assert min(values[0]) > 0
    assert values[1] == pytest.approx(values[0], rel=1e-4)
