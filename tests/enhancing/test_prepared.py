"""The costly part of a photo is done once; out of memory, tiles get smaller; strength and denoise at their ends."""

import numpy as np
import pytest

from kindling import KindlingError
from kindling.core.errors import OutOfMemory
from kindling.enhancing import kept as keeping
from kindling.enhancing.grid import halved, square, whole
from kindling.enhancing.kept import Kept
from kindling.enhancing.render import prepare
from kindling.photos.photo import Photo
from tests.support.models import FakeModel

NOISE = np.random.default_rng(3).integers(0, 256, (70, 53, 3), np.uint8)
NOISE[0, 0], NOISE[-1, -1] = 0, 255  # so that stretching it changes nothing
BACKENDS = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]


def verbs(model):
    return [verb for verb, _ in model.calls]


@pytest.mark.parametrize(("asks", "decompositions"), [(["auto"], 1), (["auto", 1.0, 5.0], 1), (["gt"], 2)], ids=str)
def test_how_often_a_photo_is_decomposed(asks, decompositions):
    """A photo once, whatever is asked of it; its partner once."""
    model = FakeModel()
    prepared = prepare(Photo(NOISE), model)
    numbers = [prepared.true_ratio(Photo(NOISE)) if ask == "gt" else prepared.number(ask) for ask in asks]
    prepared.render([("enhanced", number) for number in numbers])
    assert verbs(model).count("decompose") == decompositions
    assert verbs(model).count("restore") == 1


def test_a_slider_moves_without_the_costly_nets():
    model = FakeModel()
    prepared = prepare(Photo(NOISE), model)
    for ratio in (1, 2, 3):
        prepared.at(ratio, denoise=0.5)
    assert verbs(model) == ["decompose", "restore", "adjust", "adjust", "adjust"]


@pytest.mark.parametrize("framework", BACKENDS)
def test_at_is_what_is_rendered(framework, seeded_npz):
    from kindling.images import to_pixels
    from kindling.runtimes import open_model

    prepared = prepare(Photo(NOISE), open_model(seeded_npz, framework))
    (pixels,) = prepared.render([("enhanced", 2.0)]).values()
    assert np.abs(to_pixels(prepared.at(2.0)).astype(int) - pixels).max() <= 1
    (dialled,) = prepared.render([("enhanced", 2.0)], strength=0.3, denoise=0.6).values()
    assert np.abs(to_pixels(prepared.at(2.0, strength=0.3, denoise=0.6)).astype(int) - dialled).max() <= 1


@pytest.mark.torch
def test_the_ends_of_the_dials_are_exact(seeded_npz):
    from kindling.runtimes import open_model

    model = open_model(seeded_npz)
    prepared = prepare(Photo(NOISE // 2 + 9), model)
    full = prepared.render([("enhanced", 5.0)])
    np.testing.assert_array_equal(
        full["enhanced", 5.0], prepared.render([("enhanced", 5.0)], strength=1)["enhanced", 5.0]
    )
    np.testing.assert_array_equal(prepared.render([("enhanced", 5.0)], strength=0)["enhanced", 5.0], NOISE // 2 + 9)
    plain = model.family.fuse(prepared.image, prepared.R, prepared.L, prepared.R, prepared.adjusted(5.0))
    np.testing.assert_array_equal(prepared.at(5.0, denoise=0), plain)


@pytest.mark.torch
def test_without_denoising_no_restoration_net_is_needed(tmp_path, weights):
    import convert
    from kindling.core.errors import MissingNetError
    from kindling.runtimes import open_model

    some = {name: array for name, array in weights.items() if not name.startswith("Restoration_net")}
    convert.write(tmp_path / "two.npz", some)
    prepared = prepare(Photo(NOISE), open_model(tmp_path / "two.npz"))
    assert prepared.render([("enhanced", 5.0)], denoise=0)["enhanced", 5.0].shape == NOISE.shape
    with pytest.raises(MissingNetError, match="so Restoration_net has no weights"):
        prepared.render([("enhanced", 5.0)], denoise=0.1)


@pytest.mark.parametrize("dial", ["strength", "denoise"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "1", None, True], ids=str)
def test_a_dial_out_of_its_range_is_refused(dial, value):
    with pytest.raises(KindlingError, match=f"{dial} is .*, expected a number from 0 to 1"):
        prepare(Photo(NOISE), FakeModel()).at(1.0, **{dial: value})


@pytest.mark.parametrize("tile", [-1, "16", None, 2.5, True], ids=str)
def test_a_tile_that_is_none_is_refused(tile):
    with pytest.raises(KindlingError, match=r"a tile of .*: expected a number of pixels"):
        prepare(Photo(NOISE), FakeModel(), tile)


def test_out_of_memory_makes_tiles_smaller_and_goes_on():
    """Between photos nothing is lost: the picture is that of a model with room for all."""
    big = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    expected = prepare(Photo(big), FakeModel()).render([("enhanced", 2.0)])["enhanced", 2.0]
    model = FakeModel(room=250 * 250)
    np.testing.assert_array_equal(prepare(Photo(big), model).render([("enhanced", 2.0)])["enhanced", 2.0], expected)
    assert model.rests  # what the tile that did not fit took is given back first
    assert max(pixels for _, pixels in model.calls) <= 250 * 250


def test_out_of_memory_with_the_smallest_tile_is_said():
    with pytest.raises(OutOfMemory, match="no room"):
        prepare(Photo(NOISE), FakeModel(room=100)).render([("enhanced", 2.0)])


def test_halving_ends():
    grid, sizes = whole(400, 300), []
    while grid:
        sizes.append((grid.tile_height, grid.tile_width))
        grid = halved(grid)
    assert sizes[:4] == [(400, 400), (208, 400), (208, 160), (112, 160)]
    assert sizes[-1] == (16, 16)


@pytest.mark.parametrize("limit", [0, 1e9], ids=["file", "memory"])
def test_what_is_kept_is_what_was_put_in(monkeypatch, limit):
    monkeypatch.setattr(keeping, "IN_MEMORY", limit)
    R, L = np.random.default_rng(1).random((50, 7, 4), np.float32)[..., :3], np.ones((50, 7, 1), np.float32)
    kept = Kept(50, 7, np.float32)
    for rows in square(50, 7, 16).rows:
        kept.put(rows, R[rows], L[rows])
    for rows in (slice(0, 50), slice(13, 29), slice(49, 50)):
        for ours, theirs in zip(kept.get(rows), (R[rows], L[rows]), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_photo_without_colour_stays_without():
    grey = np.repeat(NOISE[..., :1], 3, axis=2)
    model = FakeModel(
        lambda verb, *x, **dials: (x[0] * np.float32([1, 0.9, 0.8]), x[0][..., :1]) if verb == "decompose" else (x[0],)
    )
    prepared = prepare(Photo(grey), model)
    prepared.grey = True
    picture = prepared.render([("enhanced", 2.0)])["enhanced", 2.0]
    assert (picture == picture[..., :1]).all()
    prepared.grey = False
    picture = prepared.render([("enhanced", 2.0)])["enhanced", 2.0]
    assert not (picture == picture[..., :1]).all()


ESTIMATOR = '{"coefficients": {"constant": 0.6931471805599453}, "least": 0.5, "most": 9.0}'


@pytest.mark.parametrize(("said", "ratio", "protocol"), [({}, 5.0, "photo"), ({"estimator": ESTIMATOR}, 2.0, "blend")])
def test_the_defaults_are_what_suits_the_weights(said, ratio, protocol):
    """Weights with an estimator give way to the photo where it is bright; others are used as their authors did."""
    model = FakeModel()
    model.said = said
    prepared = prepare(Photo(NOISE), model)
    assert prepared.number("default") == pytest.approx(ratio)
    np.testing.assert_array_equal(prepared.at(), prepared.at(ratio, protocol=protocol))
    (by_default,) = prepared.render([("enhanced", ratio)]).values()
    (named,) = prepared.render([("blended" if protocol == "blend" else "enhanced", ratio)], protocol="photo").values()
    np.testing.assert_array_equal(by_default, named)


def test_a_damaged_estimator_is_said():
    model = FakeModel()
    model.said = {"estimator": "{}"}
    with pytest.raises(KindlingError, match="the estimator of the weights: not the coefficients"):
        prepare(Photo(NOISE), model).at("auto")


def test_a_protocol_that_is_none_is_refused():
    with pytest.raises(KindlingError, match="a protocol of 'best': expected lol or blend or photo"):
        prepare(Photo(NOISE), FakeModel()).at(1.0, protocol="best")


def test_a_blend_leaves_to_the_photo_what_is_bright():
    from kindling.families.kind.fusion import blend

    image, lit = np.full((1, 3, 3), 0.9, np.float32), np.full((1, 3, 3), 0.5, np.float32)
    light = np.array([0, 0.5, 1], np.float32).reshape(1, 3, 1)
    expected = np.array([0.5, 0.5 + 0.4 / 256, 0.9])
    np.testing.assert_allclose(blend(image, light, lit)[0, :, 0], expected, rtol=1e-6)
