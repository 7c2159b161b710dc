"""kindling/training/batches.py: pairs found or refused, patches drawn from a seed, augmentation, ratios, noise."""

import numpy as np
import pytest
from PIL import Image

from kindling import KindlingError
from kindling.images import load_images
from kindling.photos.photo import Photo
from kindling.training import batches


def photo(path, h=40, w=44, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(3, 200, (h, w, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three pairs: the names match, the formats need not."""
    for number, name in enumerate(("a.png", "b.bmp", "c.png")):
        photo(tmp_path / "low" / name, seed=number)
        photo(tmp_path / "high" / name.replace(".bmp", ".png"), seed=number + 10)
    return tmp_path


def sampling(**settings):
    return batches.Sampling(**{"batch": 4, "patch": 24, "seed": 1, "shuffle": True, "modes": 8} | settings)


def pairs_in(folder):
    return batches.load_pairs(batches.find_pairs(folder), 24)


def test_pairs_are_found_by_name_in_any_format(folder):
    assert [(low.name, high.name) for low, high in batches.find_pairs(folder)] == [
        ("a.png", "a.png"),
        ("b.bmp", "b.png"),
        ("c.png", "c.png"),
    ]


def test_photos_come_out_as_load_images_reads_them(folder):
    for (low, high), paths in zip(pairs_in(folder), batches.find_pairs(folder), strict=True):
        for photo, path in zip((low, high), paths, strict=True):
            np.testing.assert_array_equal(photo.stretched(), load_images(path))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: photo(f / "low" / "d.png"), "low/d.png has no partner in high/"),
        (lambda f: photo(f / "high" / "e.png"), "high/e.png has no partner in low/"),
        (lambda f: photo(f / "low" / "a.bmp"), "low/ has both a.bmp and a.png"),
        (lambda f: photo(f / "low" / "a.png", 41), "a.png is 41x44 in low/ and 40x44 in high/"),
        (lambda f: [photo(f / s / "f.png", 20, 60) for s in ("low", "high")], "f.png is 20x60, smaller than the patch"),
        (lambda f: (f / "low" / "a.png").write_bytes(b"no photo"), "a.png: not a photo that can be read"),
        (lambda f: (f / "high").rename(f / "bright"), "has no folder high/"),
        (lambda f: [p.unlink() for p in (*f.glob("low/*"), *f.glob("high/*"))], "there is no photo in low/ and high/"),
    ],
)
def test_pairs_that_cannot_be_trained_on_are_named(folder, spoil, said):
    spoil(folder)
    with pytest.raises(KindlingError, match="(?s)" + said.replace("/", ".")):
        pairs_in(folder)


def test_all_problems_are_said_at_once(folder):
    photo(folder / "low" / "d.png")
    photo(folder / "high" / "e.png")
    with pytest.raises(KindlingError, match=r"low/d.png.*high/e.png.*every photo needs one partner"):
        batches.find_pairs(folder)


def test_augmentation_modes():
    """0..7: identity, flipud, rot90, rot90 + flipud, rot180, rot180 + flipud, rot270, rot270 + flipud."""
    x = np.arange(2 * 3).reshape(2, 3, 1)
    turned = [np.rot90(x, k) for k in range(4)]
    for mode, expected in enumerate(y for t in turned for y in (t, t[::-1])):
        np.testing.assert_array_equal(batches.augment(x, mode), expected)


def test_every_pair_comes_once_a_pass_and_shuffled_anew():
    def order(step, **settings):
        return [index for index, _ in batches.sample(sampling(batch=6, **settings), 6, step)]

    assert sorted(order(0)) == sorted(order(1)) == list(range(6))
    assert order(0) != order(1)
    assert order(0, shuffle=False) == order(1, shuffle=False) == list(range(6))
    assert set(order(0, images=2, shuffle=False)) == {0, 1}


def test_a_batch_goes_on_into_the_next_pass():
    drawn = [index for step in range(3) for index, _ in batches.sample(sampling(shuffle=False), 6, step)]
    assert drawn == [0, 1, 2, 3, 4, 5] * 2


def test_batches_depend_on_seed_and_step_alone(folder):
    pairs = pairs_in(folder)
    first = batches.decomposition_batch(pairs, sampling(), 7)
    assert [x.shape for x in first] == [(4, 24, 24, 3)] * 2
    for x, again in zip(first, batches.decomposition_batch(pairs, sampling(), 7), strict=True):
        np.testing.assert_array_equal(x, again)
    assert not np.array_equal(first[0], batches.decomposition_batch(pairs, sampling(), 8)[0])
    assert not np.array_equal(first[0], batches.decomposition_batch(pairs, sampling(seed=2), 7)[0])


def test_low_and_high_are_cut_and_turned_alike(folder):
    pairs = [(low, Photo(255 - low.pixels)) for low, _ in pairs_in(folder)]
    for step in range(4):
        low, high = batches.decomposition_batch(pairs, sampling(), step)
        np.testing.assert_allclose(low, 1 - high, atol=1e-6)


def test_adjustment_goes_both_ways_with_the_patches_ratio():
    low, high = np.full((30, 30, 1), 0.1, np.float32), np.full((30, 30, 1), 0.4, np.float32)
    i, ratio, target = batches.adjustment_batch([(low, high)], sampling(batch=64), 0)
    brighter = i[:, 0, 0, 0] == np.float32(0.1)
    assert 16 < brighter.sum() < 48
    down = np.float32(0.1) / (np.float32(0.4) + np.float32(0.0001))
    np.testing.assert_allclose(ratio[brighter], 1 / down + 0.0001, rtol=1e-6)
    np.testing.assert_allclose(ratio[~brighter], down, rtol=1e-6)
    np.testing.assert_array_equal(i + target, np.full_like(i, low[0, 0, 0] + high[0, 0, 0]))


def test_restoration_target_is_the_bright_reflectance_to_the_power_of_1_2(folder):
    pairs = pairs_in(folder)
    targets = [high.stretched() for _, high in pairs]
    r, i, target = batches.restoration_batch(pairs, targets, _fake_decompose, batches.Noise(), sampling(), 3)
    _, bright = batches.decomposition_batch(pairs, sampling(), 3)
    assert (r.shape, i.shape, target.shape) == ((4, 24, 24, 3), (4, 24, 24, 1), (4, 24, 24, 3))
    np.testing.assert_array_equal(target, bright ** np.float32(1.2))
    np.testing.assert_allclose(r.max(axis=3, keepdims=True), i)


def test_noise_has_the_variance_it_says():
    noise, x = batches.Noise(shot=0.004, read=0.03), np.full((200, 200, 1), 0.5, np.float32)
    deviations = [(noise.added(x, np.random.default_rng(seed)) - x).std() for seed in range(60)]
    assert 5 <= sum(d == 0 for d in deviations) <= 30  # a quarter stay clean
    assert max(deviations) < np.sqrt(0.004 * 0.5 + 0.03**2) * 1.05
    assert max(deviations) > 0.02
    assert not batches.Noise()
    y = noise.added(np.random.default_rng(0).random((9, 9, 3), dtype=np.float32), np.random.default_rng(1))
    assert y.dtype == np.float32
    assert 0 <= y.min() <= y.max() <= 1


def test_noise_leaves_cuts_and_turns_as_they_were(folder):
    pairs = pairs_in(folder)
    targets = [high.stretched() for _, high in pairs]
    without, with_noise = (
        batches.restoration_batch(pairs, targets, _fake_decompose, noise, sampling(), 5)
        for noise in (batches.Noise(), batches.Noise(0.004, 0.03))
    )
    np.testing.assert_array_equal(without[2], with_noise[2])
    assert 0 < np.abs(without[0] - with_noise[0]).mean() < 0.05


@pytest.mark.torch
def test_a_window_decomposes_a_patch_as_the_whole_photo_does():
    """MARGIN and GRID are wide enough for DecomNet: what restoration sees of a patch is what the whole photo gives."""
    from kind_torch import KinD
    from kind_torch.arrays import run
    from tests.support.weights import seeded

    kind = KinD(["DecomNet"])
    kind.assign(seeded("DecomNet"))
    pixels = np.random.default_rng(5).integers(0, 256, (97, 130, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1] = 0, 255
    low = Photo(pixels)
    R, L = run(kind, "decompose", low.stretched()[np.newaxis])
    seen = []

    def decompose(x):
        seen.append(x.shape)
        return run(kind, "decompose", x)

    settings = sampling(batch=12, modes=1)
    r, i, target = batches.restoration_batch([(low, low)], [R[0]], decompose, batches.Noise(), settings, 0)
    assert max(h for _, h, _, _ in seen) < 97
    for one_r, one_i, one_target in zip(r, i, target, strict=True):
        places = [
            (y, x)
            for y in range(74)
            for x in range(107)
            if np.array_equal(R[0, y, x] ** np.float32(1.2), one_target[0, 0])
        ]
        ((y, x),) = places
        np.testing.assert_allclose(one_r, R[0, y : y + 24, x : x + 24], atol=2e-6)
        np.testing.assert_allclose(one_i, L[0, y : y + 24, x : x + 24], atol=2e-6)


def _fake_decompose(x):
    return x, x.max(axis=3, keepdims=True)
