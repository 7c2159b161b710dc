"""`kindling train joint`: the same in both frameworks, stopped or not, and what it is fed is what it says."""

import csv

import numpy as np
import pytest

import convert
from kindling import cli
from kindling.families.kind.estimator import FEATURES
from kindling.losses import expression as objective
from kindling.photos.photo import Photo
from kindling.training import batches as data
from kindling.training import joint
from kindling.training import loop as training
from kindling.training.darkening import Camera, darkened, linear, srgb
from tests.support.training_goldens import BACKENDS
from tests.support.weights import seeded

LOSSES = ("l1 + 0.25*ssim", "l2 + 0.1*color_cosine")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "kind.npz"
    convert.write(path, seeded())
    return path


def photos(count=2, size=(40, 48)):
    random = np.random.default_rng(7)
    bright = [random.integers(30, 256, (*size, 3)).astype(np.uint8) for _ in range(count)]
    return [(Photo(x // 6), Photo(x)) for x in bright]


def arguments(pairs, weights, out, *more):
    size = ["--batch", "2", "--patch", "32", "--cell", "16", "--every", "2", "--warm", "2", "--cool", "0"]
    return ["train", "joint", "--data", f"{pairs}:2", "--init", weights, "--out", out, *size, *more]


def run(*args):
    """The exit code of `kindling` with these arguments, in this process."""
    return cli.main([str(a) for a in args])


def trainer(backend, loss=LOSSES[0], **options):
    if backend == "tf":
        from kind_tf.joint import JointTrainer
    else:
        from kind_torch.joint import JointTrainer
    made = JointTrainer(objective.parse(loss, "joint", 32), own_terms=joint.OwnTerms(cell=16), **options)
    start = seeded()
    zeros = {name: np.zeros_like(array) for name, array in start.items()}
    made.assign({"weights": start, "m": zeros, "v": zeros, "ema": start}, 0)
    return made


def feed(step=0, **settings):
    mix = joint.Mix(**{"weights": (1.0,), "batch": 2, "patch": 32, "noisy": 0.5} | settings)
    folder = photos()
    return joint.batch([folder], [[known(np.linspace(2, 4, 30).reshape(5, 6))] * len(folder)], [[1.0] * 2], mix, step)


def known(ratios):
    return joint.Measured(np.asarray(ratios, np.float32), np.zeros(len(FEATURES)))


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize(("loss", "clip"), list(zip(LOSSES, (np.inf, 0.01), strict=True)))
def test_both_frameworks_take_the_same_steps(loss, clip):
    sides = {backend: trainer(backend, loss, decay=0.1, average=0.5, clip=clip) for backend in ("torch", "tf")}
    for step in range(3):
        batch = feed(step)
        torch, tf = (side.step(batch, 1e-5) for side in sides.values())
        assert list(torch) == list(tf)
        for name in torch:
            assert torch[name] == pytest.approx(tf[name], rel=1e-4), name
    states = [side.state() for side in sides.values()]
    assert list(states[0]) == list(states[1]) == list(training.PARTS)
    for part, bar in (("weights", 2e-5), ("ema", 2e-5)):
        for name, array in states[0][part].items():
            np.testing.assert_allclose(array, states[1][part][name], atol=bar, err_msg=f"{part} {name}")


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_average_and_the_decay_are_what_they_are_called(backend):
    made = trainer(backend, decay=0.5, average=0.25)
    before = made.state()["weights"]
    made.step(feed(), 0.0)
    assert all((made.state()["weights"][name] == array).all() for name, array in before.items())
    made.step(feed(), 1e-3)
    state = made.state()
    for name, array in before.items():
        moved = array * (1 - 1e-3 * 0.5)
        assert np.abs(state["weights"][name] - moved).max() <= 1.01e-3 * 10  # Adam's first step is at most some rates
        kept = joint.kept_share(0.25, 2)
        np.testing.assert_allclose(state["ema"][name], kept * array + (1 - kept) * state["weights"][name], atol=1e-6)


def test_the_share_that_the_average_keeps_grows():
    assert [round(joint.kept_share(0.999, done), 3) for done in (1, 10, 100, 10**6)] == [0.182, 0.55, 0.918, 0.999]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_was_stopped_ends_with_the_weights_of_one_that_was_not(backend, pairs, weights, tmp_path):
    more = ["--backend", backend, "--dark", "0.3", "--val", pairs, "--validate", "2", "--decay", "0.01"]
    assert run(*arguments(pairs, weights, tmp_path / "whole", "--steps", "4", *more)) == 0
    assert run(*arguments(pairs, weights, tmp_path / "halves", "--steps", "2", *more)) == 0
    assert run(*arguments(pairs, weights, tmp_path / "halves", "--steps", "4", *more, "--resume")) == 0
    whole, halves = (np.load(tmp_path / out / "joint" / training.STATE) for out in ("whole", "halves"))
    assert whole.files == halves.files
    assert {name.split("/")[0] for name in whole.files} == {"about", *training.PARTS}
    for name in whole.files:
        np.testing.assert_array_equal(whole[name], halves[name], err_msg=name)
    for log in ("losses.csv", "validation.csv"):
        assert len({(tmp_path / out / "joint" / log).read_text() for out in ("whole", "halves")}) == 1
    written = convert.read(tmp_path / "whole")
    assert all((written[name] == whole[f"ema/{name}"]).all() for name in written)
    with (tmp_path / "whole" / "joint" / "validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    figures = {name: float(value) for name, value in rows[0].items() if "/" in name}
    mean = np.mean([value for name, value in figures.items() if name.endswith("psnr")])
    assert float(rows[0]["score"]) == pytest.approx(mean, abs=1e-3)
    assert set(convert.read(tmp_path / "whole" / "best")) == set(written)


REFUSED = {
    "a weight of 0": (["--data", "{pairs}:0"], "is not DIR or DIR:WEIGHT, as in photos:2, with a weight above 0"),
    "cells that do not fit": (["--cell", "24"], "--patch 32 cannot be cut into squares of --cell 24"),
    "a net missing": (["--init", "{decom}"], "holds DecomNet; a joint training starts from weights of all three nets"),
    "a loss of one net": (["--loss", "mutual_i"], "there is no loss mutual_i for joint, but for decomposition"),
    "perceptual without features": (["--loss", "perceptual"], "give both or neither"),
    "two sets of one name": (["--val", "{pairs}", "--val", "{pairs}"], "are not all different"),
    "nothing to go on with": (["--resume"], "there is no training to go on with"),
}


@pytest.mark.torch
@pytest.mark.parametrize(("more", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_is_refused_in_a_sentence(more, said, pairs, weights, tmp_path, capsys):
    convert.write(tmp_path / "decom.npz", seeded("DecomNet"))
    more = [text.format(pairs=pairs, decom=tmp_path / "decom.npz") for text in more]
    assert run(*arguments(pairs, weights, tmp_path / "out", *more)) == 2
    assert said in capsys.readouterr().err


def test_a_batch_hangs_on_seed_and_step_alone():
    first, again, next_one, other = feed(3), feed(3), feed(4), feed(3, seed=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != next_one[0]).any()
    assert (first[0] != other[0]).any()
    assert [x.shape for x in first] == [(2, 32, 32, 3)] * 3 + [(2, 1, 1, 1)]
    assert all(x.dtype == np.float32 and x.min() >= 0 for x in first)


def test_the_factor_is_the_photos_ratio_over_the_patchs():
    folder = photos(1, (40, 40))
    ratios = np.full((5, 5), 2, np.float32)
    ratios[0] = 7  # the photo's mean is 3; a patch without the first row has 2
    mix = joint.Mix(weights=(1.0,), batch=32, patch=32, noisy=0)
    factors = joint.batch([folder], [[known(ratios)]], [[0.5]], mix, 0)[3]
    assert factors.min() == pytest.approx(3 / (2 * 3 / 4 + 7 / 4))
    assert factors.max() == pytest.approx(3 / 2)
    mix = joint.Mix(weights=(1.0,), batch=32, patch=32, noisy=0, blind=1)
    guessed = joint.batch([folder], [[known(ratios)]], [[0.5]], mix, 0)[3]
    np.testing.assert_allclose(guessed, factors / 2)


def test_folders_are_drawn_by_their_weights():
    dark, bright = ([(Photo(np.full((32, 32, 3), value, np.uint8)),) * 2] for value in (10, 200))
    mix = joint.Mix(weights=(3.0, 1.0), batch=400, patch=32)
    share = joint.batch([dark, bright], [[known(np.ones((4, 4)))]] * 2, [[1.0]] * 2, mix, 0)[2].mean((1, 2, 3)) < 0.1
    assert 0.7 < share.mean() < 0.8


def test_what_is_known_of_a_pair_is_its_ratio_in_squares_of_eight_pixels():
    low, high = (Photo(np.full((20, 17, 3), value, np.uint8)) for value in (1, 2))

    def decompose(x):
        L = np.broadcast_to(np.linspace(0.1, 0.3, 20)[:, None, None], (20, 17, 1)).astype(np.float32)
        return x, L[np.newaxis]

    found = joint.measure(low, high, decompose)
    np.testing.assert_allclose(found.ratios, 1, rtol=2e-3)
    assert found.ratios.shape == (2, 2)
    assert found.numbers.shape == (len(FEATURES),)


def test_what_is_guessed_is_over_what_is_true():
    random = np.random.default_rng(3)
    numbers = random.standard_normal((40, len(FEATURES)))
    folders = [[joint.Measured(np.full((2, 2), np.exp(row[0])), row) for row in part] for part in np.split(numbers, 2)]
    for quotients in joint.guesses(folders, (1.0, 2.0)):
        np.testing.assert_allclose(np.log(quotients[1:-1]), 0, atol=0.6)  # the bounds hold the outermost back
        assert np.median(np.abs(np.log(quotients))) < 0.1


def test_the_rate_rises_stays_and_falls():
    plan = joint.JointPlan(mix=joint.Mix(weights=(1.0,)), data="x", steps=10, lr=1.0, warm=2, cool=4)
    assert [plan.lr_at(step) for step in range(10)] == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_light_and_srgb_are_each_others_inverse():
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(srgb(linear(x)), x, atol=1e-12)
    assert linear(np.float64(0.5)) == pytest.approx(0.21404114)


def test_a_darkened_patch_is_the_bright_one_at_less_light():
    x = np.broadcast_to(np.linspace(0.2, 1, 64)[:, None, None], (64, 64, 3)).astype(np.float32)
    quiet = Camera(stops=(4.0, 4.0), balance=0, contrast=0, shot=0, read=0, row=0, quality=(100, 100))
    dark = darkened(x, 1.0, quiet, np.random.default_rng(0))
    np.testing.assert_allclose(dark, srgb(linear(x) / 16) / srgb(np.float64(1 / 16)), atol=0.02)
    noisy = [darkened(x, 1.0, Camera(stops=(stops, stops)), np.random.default_rng(0)) for stops in (1.0, 7.0)]
    grain = [np.abs(np.diff(picture, axis=1)).mean() for picture in noisy]
    assert grain[1] > 5 * grain[0]  # stretched by its own white, the darker one shows more noise
    assert all(picture.dtype == np.float32 and picture.min() >= 0 and picture.max() <= 1 for picture in noisy)


def test_a_fingerprint_is_of_every_pixel():
    assert data.fingerprint(photos()) == data.fingerprint(photos())
    assert data.fingerprint(photos()) != data.fingerprint(photos(1))


@pytest.mark.slow
@pytest.mark.torch
def test_a_program_trains_all_nets_as_the_command_does(pairs, weights, tmp_path):
    import kindling

    settings = {"batch": 2, "patch": 32, "cell": 16, "warm": 2, "cool": 0, "steps": 2}
    done = kindling.train("joint", [(pairs, 2.0)], tmp_path / "program", init=weights, every=2, **settings)
    assert (done.net, done.steps, done.of) == ("joint", 2, 2)
    assert run(*arguments(pairs, weights, tmp_path / "command", "--steps", "2")) == 0
    ours, theirs = (convert.read(tmp_path / out) for out in ("program", "command"))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


@pytest.mark.parametrize(
    ("task", "data", "options", "said"),
    [
        ("joint", "pairs", {}, "name them as `init`"),
        ("joint", "pairs", {"init": "kind.npz", "epochs": 3}, "a joint training has no setting epochs; it has steps"),
        ("adjustment", [("a", 1.0), ("b", 1.0)], {}, "adjustment trains on one folder, and 2 are named"),
        ("together", "pairs", {}, "expected decomposition, adjustment, restoration or joint"),
    ],
)
def test_what_a_program_asks_in_vain_is_said(task, data, options, said, tmp_path):
    import kindling

    with pytest.raises(kindling.KindlingError) as caught:
        kindling.train(task, data, tmp_path, **options)
    assert said in str(caught.value)
