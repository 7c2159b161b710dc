"""The estimator of the ratio: what it measures, that a fit finds what is there, and what it refuses to read."""

import numpy as np
import pytest

from kindling import KindlingError
from kindling.families.kind.estimator import FEATURES, Estimator, fit, statistics


def photo(level=0.3, seed=0, size=(24, 30)):
    """L and x of a photo whose illumination rises from left to right."""
    random = np.random.default_rng(seed)
    L = np.broadcast_to(np.linspace(0.5, 1.5, size[1]) * level, size)[..., None].astype(np.float32)
    return L, (L * random.uniform(0.2, 1, (*size, 3))).astype(np.float32)


def test_the_statistics_are_what_they_are_called():
    L, x = photo()
    named = dict(zip(FEATURES, statistics(L, x), strict=True))
    value = x.max(2)
    assert named["asked"] == pytest.approx(np.log(np.mean(1 / (L + 0.0001))), rel=1e-6)
    assert named["light"] == pytest.approx(np.log(0.3), abs=1e-6)
    assert named["light50"] == pytest.approx(np.log(0.3), abs=1e-6)
    assert named["value90"] == pytest.approx(np.log(np.quantile(value, 0.9)), abs=1e-6)
    assert named["colour"] == pytest.approx((value - x.min(2)).mean() / value.mean(), rel=1e-6)
    assert named["clipped"] == 0
    assert list(named) == list(FEATURES)


@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3)])
def test_of_an_even_photo_of_any_size_they_are_finite(fill, size):
    L, x = np.full((*size, 1), fill, np.float32), np.full((*size, 3), fill, np.float32)
    assert np.isfinite(statistics(L, x)).all()


def test_a_photo_at_half_the_light_has_the_statistics_of_that():
    first, half = (dict(zip(FEATURES, statistics(*photo(level)), strict=True)) for level in (0.4, 0.2))
    for name in ("light", "light10", "light90", "value", "value50", "deviation"):
        assert first[name] - half[name] == pytest.approx(np.log(2), abs=1e-5), name
    for name in ("colour", "grain"):
        assert first[name] == pytest.approx(half[name], abs=1e-5), name


def test_a_fit_finds_the_rule_that_made_the_ratios():
    numbers = np.array([statistics(*photo(level, seed)) for seed, level in enumerate(np.linspace(0.05, 0.6, 40))])
    truth = Estimator({"asked": 0.8, "constant": -0.4}, 0.01, 100)
    ratios = np.array([truth.of(row) for row in numbers])
    found = fit(numbers, ratios, ["asked"], ridge=1e-9)
    assert found.coefficients == pytest.approx(truth.coefficients, rel=1e-5)
    assert (found.least, found.most) == pytest.approx(tuple(np.quantile(ratios, (0.02, 0.98))), rel=0.05)


def test_a_stronger_ridge_guesses_nearer_to_the_mean():
    numbers = np.array([statistics(*photo(level, seed)) for seed, level in enumerate(np.linspace(0.05, 0.6, 40))])
    ratios = np.exp(0.8 * numbers[:, 0])
    spread = [
        np.std([np.log(fit(numbers, ratios, ridge=ridge).of(row)) for row in numbers]) for ridge in (1e-6, 10, 1e4)
    ]
    assert spread[0] > spread[1] > spread[2]


def test_photos_count_by_their_weights():
    numbers = np.array([statistics(*photo(level, seed)) for seed, level in enumerate(np.linspace(0.05, 0.6, 20))])
    ratios = np.concatenate([np.full(10, 2.0), np.full(10, 8.0)])
    weights = np.concatenate([np.ones(10), np.zeros(10)])
    assert fit(numbers, ratios, ["colour"], weights=weights).of(numbers[0]) == pytest.approx(2, rel=1e-6)


def test_a_guess_stays_between_its_bounds():
    estimator = Estimator({"asked": 1.0}, 2.0, 3.0)
    assert [estimator.guess(*photo(level)) for level in (0.9, 0.4, 0.01)] == [2.0, pytest.approx(2.75, abs=0.3), 3.0]


def test_it_is_read_as_it_was_written(tmp_path):
    estimator = Estimator({"asked": 0.123456789, "constant": -1.5}, 1.25, 7.5)
    estimator.write(tmp_path / "estimator.json")
    assert Estimator.read(tmp_path / "estimator.json") == estimator


REFUSED = {
    "no JSON": ("{", "not the coefficients of an estimator"),
    "no coefficients": ('{"least": 1, "most": 2}', "not the coefficients of an estimator"),
    "an unknown statistic": ('{"coefficients": {"x": 1}, "least": 1, "most": 2}', "there is no statistic x"),
    "bounds the wrong way": ('{"coefficients": {"light": 1}, "least": 3, "most": 2}', "the least guess is not above 0"),
    "not finite": ('{"coefficients": {"light": NaN}, "least": 1, "most": 2}', "its numbers are not finite"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_estimator_is_refused_in_a_sentence(text, said, tmp_path):
    (tmp_path / "estimator.json").write_text(text)
    with pytest.raises(KindlingError, match=said):
        Estimator.read(tmp_path / "estimator.json")


def test_a_missing_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(KindlingError, match=r"none\.json"):
        Estimator.read(tmp_path / "none.json")
