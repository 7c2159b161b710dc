"""The measures of a picture's faults find those that are put in, and no others; the pairs kept apart stay apart."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import camera, estimator, picture, protocols, split
from kindling.families.kind.estimator import FEATURES, Estimator
from kindling.training.darkening import Camera, darkened


class Painter:
    """In place of `prepare`: the picture is what `paint` makes of the stretched photo."""

    def __init__(self, paint):
        self.paint = paint

    def prepare(self, photo, model):
        return SimpleNamespace(at=lambda ratio, protocol: self.paint(photo.stretched()))


def lighter(x):
    return np.clip(1.5 * x, 0, 1)


def redder(x):
    """As the brick-red night skies: what is dark gets red."""
    return np.clip(lighter(x) + [0.1, 0, 0] * (x.max(2, keepdims=True) < 0.2), 0, 1)


def ringing(x):
    out = lighter(x)
    edge = 2 * picture.PATCH
    out[:, edge : edge + 4] *= 1.2
    return np.clip(out, 0, 1)


FAULTS = {
    "none": (lighter, 3, 1, 0.01),
    "red shadows": (redder, 25, 5, None),
    "a halo": (ringing, None, None, 0.15),
}


@pytest.mark.parametrize(("paint", "turn", "chroma", "overshoot"), FAULTS.values(), ids=FAULTS)
def test_a_chart_shows_its_fault(paint, turn, chroma, overshoot, monkeypatch):
    monkeypatch.setattr(picture, "prepare", Painter(paint).prepare)
    hues, greys, (over, _) = (f(None, "auto", "blend") for f in (picture.hue_errors, picture.grey_chroma, picture.halo))
    assert len(hues) == 12 * len(picture.LEVELS)
    if paint is lighter:
        assert np.median(hues) < turn
        assert greys.max() < chroma
        assert over < overshoot
    elif turn:
        assert hues.max() > turn
        assert greys.max() > chroma
    else:
        assert over > overshoot


def test_the_frame_is_measured_against_the_partners():
    random = np.random.default_rng(0)
    partner = random.integers(60, 120, (80, 90, 3)).astype(np.uint8)
    assert picture.frame(partner, partner) == 0
    framed = partner.copy()
    framed[3:-3, 3:-3] = partner[3:-3, 3:-3] * 0.9
    assert picture.frame(framed, partner) == pytest.approx(1 / 0.9 - 1, abs=0.01)


def test_texture_is_what_is_left_of_the_steepest_squares():
    random = np.random.default_rng(1)
    partner = np.full((128, 128, 3), 100, np.uint8)
    partner[:32, :64] = random.integers(50, 150, (32, 64, 3))  # two squares of sixteen
    half = partner.copy()
    half[:32, :64] = 100 + (partner[:32, :64].astype(int) - 100) // 2
    assert picture.texture(partner, partner) == 1
    assert picture.texture(half, partner) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("mean", [0.01, 0.2, 0.44])
def test_gamma_brings_a_dark_photo_to_the_level_and_leaves_a_light_one(mean):
    x = np.random.default_rng(2).random((20, 20, 3)) * 2 * mean
    assert protocols.gamma(x).mean() == pytest.approx(protocols.LEVEL, abs=1e-4)
    assert (protocols.gamma(0.5 + x / 2) == 0.5 + x / 2).all()


def test_an_interval_holds_the_mean_and_shrinks_with_the_images():
    values = np.random.default_rng(3).normal(20, 2, 400)
    few, many = protocols.interval(values[:15]), protocols.interval(values)
    assert few[0] < values[:15].mean() < few[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 2


def test_the_camera_is_found_that_darkened_the_photos():
    random = np.random.default_rng(4)
    bright = np.kron(random.uniform(0.3, 0.85, (20, 20, 1)), np.ones((8, 8, 3))).astype(np.float32)
    made = Camera(stops=(5.0, 5.0), balance=0, contrast=0, shot=2e-4, read=0, row=0, quality=(100, 100))
    dark = darkened(bright, 1.0, made, np.random.default_rng(5)) * 0.2  # the stretch undone, near enough
    found = camera.compare(dark, bright)
    assert found["exponent"] == pytest.approx(1, abs=0.2)
    assert np.abs(found["balance"]).max() < 0.05
    assert found["variance"].size == found["light"].size > 1000


def test_pairs_are_linked_into_the_half_that_the_list_says(tmp_path):
    with split.LIST.open(newline="") as file:
        kept = [(row["set"], row["name"]) for row in csv.DictReader(file)]
    assert len(set(kept)) == len(kept)
    assert {name for name, _ in kept} == set(split.SETS)
    for name, folder in split.SETS.items():
        for side in ("low", "high"):
            (tmp_path / folder / side).mkdir(parents=True)
            for stem in ("not on the list", *(one for which, one in kept if which == name)):
                (tmp_path / folder / side / f"{stem}.png").touch()
    split.link(tmp_path, tmp_path / "out")
    for name in split.SETS:
        assert [p.stem for p in (tmp_path / "out" / name / "train" / "low").iterdir()] == ["not on the list"]
        high = {p.stem for p in (tmp_path / "out" / name / "val" / "high").iterdir()}
        assert high == {one for which, one in kept if which == name}


def test_the_estimators_choice_takes_what_helps_and_leaves_the_rest():
    random = np.random.default_rng(6)
    numbers = random.standard_normal((80, len(FEATURES)))
    best = np.clip(1 + 0.5 * numbers[:, 2], 0, np.log(15))
    curve = [dict.fromkeys(estimator.PROTOCOLS, 25 - 20 * (estimator.FINE - at) ** 2) for at in best]
    pairs = [estimator.Pair(row, psnr, 20.0) for row, psnr in zip(numbers, curve, strict=True)]
    found, trail = estimator.choose([pairs[30:]], [pairs[:30]], 3)
    assert trail[0][0] == [list(FEATURES)[2]]
    assert estimator.score(found, [pairs[:30]]) > 4.5


def test_the_folder_that_gains_least_counts_most():
    flat = {protocol: np.full(len(estimator.FINE), 20.0) for protocol in estimator.PROTOCOLS}
    folders = [[estimator.Pair(np.zeros(len(FEATURES)), flat, gamma)] for gamma in (14.0, 16.0, 19.0)]
    at = Estimator({"constant": 0.0}, 0.5, 20)
    assert estimator.score(at, folders[2:]) == pytest.approx(1)
    assert 1 < estimator.score(at, folders) < 2.1


@pytest.mark.parametrize("best", [0.9, 3.3, 14.0])
def test_the_best_ratio_lies_between_those_that_were_tried(best):
    error = 0.004 + 0.02 * (np.log(estimator.GRID) - np.log(best)) ** 2
    curve = estimator.smooth(-10 * np.log10(error))
    pair = estimator.Pair(np.zeros(len(FEATURES)), {estimator.PICTURE: curve}, 20.0)
    assert pair.ratio == pytest.approx(best, rel=0.02)
    assert curve.max() == pytest.approx(-10 * np.log10(0.004), abs=0.1)


def test_a_shift_multiplies_every_guess():
    fitted = Estimator({"light": 0.3, "constant": 1.0}, 0.5, 20)
    row = np.full(len(FEATURES), -1.0)
    assert estimator.shifted(fitted, 0.2).of(row) == pytest.approx(fitted.of(row) * np.exp(0.2))
