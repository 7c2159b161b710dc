"""Photos through the other families: tiles, walls before what is no whole multiple, the authors' own pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling import KindlingError
from kindling.enhancing import grid as grids
from kindling.enhancing import tiles as tiling
from kindling.enhancing.prepared import prepare
from kindling.evaluating.scores import Settings, enhance_pair
from kindling.families.kind_plus.fusion import true_ratio
from kindling.families.registry import KIND_PLUS
from kindling.photos.photo import read_photo
from tests.support.families import families, folder

pytestmark = pytest.mark.slow

BOTH = [pytest.param("tf", marks=pytest.mark.tf), pytest.param("torch", marks=pytest.mark.torch)]
IDS = [family.id for family in families()]
NETS = [pytest.param(family, net, id=f"{family.id}-{net.scope}") for family in families() for net in family.nets]
PROTOCOLS = ("lol", "blend", "photo", "adjusted")

# height, width, tile: multiples and not, one pixel, sides shorter than a multiple, a last tile of one pixel
CUTS = [
    (1, 1, 1), (17, 10, 8), (3, 50, 16),
    pytest.param((45, 67, 24), marks=pytest.mark.slow), pytest.param((70, 49, 32), marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize(("family", "net"), NETS)
def test_reach_by_gradients(model, family, net):
    """Which input rows do the output rows of one step depend on? None beyond those that the table says."""
    import torch

    loaded, reach, first = model(family.id, "torch", "float64"), net.reach, 96
    inputs = [torch.rand(1, c, 208, 8, dtype=torch.float64, requires_grad=True) for c in net.inputs.values()]
    outputs = getattr(loaded.kind, net.scope)(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    last = first + reach.step - 1
    gradients = torch.autograd.grad(sum(out[:, :, first : last + 1].sum() for out in outputs), inputs)
    rows = torch.nonzero(sum(g.abs().sum(dim=(0, 1, 3)) for g in gradients))
    seen = max(first - int(rows.min()), int(rows.max()) - last)
    assert reach.exact - 2 * reach.step <= seen <= reach.exact  # not every pool or relu lets the farthest through


@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("id", IDS)
def test_tiled_is_whole(model, id, runtime, cut):
    """Every part of every picture, and `at`, which takes the photo at once, is what tiles give."""
    height, width, tile = cut
    loaded = model(id, runtime, "float64")
    image = np.random.default_rng(height).random((height, width, 3))
    prepared, pictures = prepare(image, loaded, tile), []
    making = tiling.Making(doubt=prepared._doubt)
    for grid in (grids.whole(height, width, loaded.family), grids.square(height, width, tile, loaded.family)):
        parts = [np.empty((height, width, 3)) for _ in PROTOCOLS]
        for piece in tiling.pieces(lambda rows, columns: image[rows, columns], grid, loaded, [2.0], making=making):
            for part, of in zip(parts, (piece.lit, piece.blended, piece.enhanced, piece.relit), strict=True):
                part[piece.rows, piece.columns] = of[0]
        pictures.append(parts)
    for whole, tiled in zip(*pictures, strict=True):
        assert np.abs(whole - tiled).max() <= 1e-12
    ratio = "default" if loaded.family.ratio is None else 2.0
    for protocol, whole in zip(PROTOCOLS, pictures[0], strict=True):
        assert np.abs(prepared.at(ratio, protocol=protocol) - whole).max() <= 1e-12


@pytest.mark.torch
@pytest.mark.parametrize("size", [(9, 14), (11, 8), (8, 13)], ids=str)
def test_the_authors_part_is_theirs(model, size):
    """KinD++'s program cuts sides off to multiples of 4: what is left is its picture, and the rest is there too."""
    loaded = model("kind_plus", "torch", "float64")
    image = np.random.default_rng(1).random((*size, 3))
    h, w = (side // 4 * 4 for side in size)
    (theirs,) = loaded.run("enhance", image[np.newaxis, :h, :w])
    ours = prepare(image, loaded, 0).at(5.0)
    assert ours.shape == image.shape
    assert np.abs(ours[:h, :w] - theirs[0]).max() <= 1e-12
    assert np.isfinite(ours).all()
    assert ours.std() > 0.01


def test_walls_stand_before_the_last_whole_multiple():
    grid = grids.square(14, 9, 8, KIND_PLUS)
    assert grid.rows == [slice(0, 8), slice(8, 12), slice(12, 14)]
    assert grid.columns == [slice(0, 8), slice(8, 9)]
    assert grid.down(slice(8, 12), 4) == slice(4, 12)  # as far as the wall
    assert grid.down(slice(12, 14), 4) == slice(8, 14)
    assert grids.square(3, 3, 8, KIND_PLUS).rows == [slice(0, 3)]


def test_a_tile_that_must_end_as_the_photo_does():
    assert grids.grown(slice(8, 16), 5, 45, step=8) == slice(0, 21)
    assert (45 - 21) % 8 == 0
    assert grids.grown(slice(40, 45), 5, 45, step=8) == slice(32, 45)


@pytest.mark.parametrize("ratios", [(1.9, 1.05, 1.9), (1.9, 1.2, 3.1)], ids=str)
def test_the_ratio_of_kind_plus(ratios):
    light, reflectance, taken = ratios
    assert true_ratio(light, reflectance) == pytest.approx(taken)


@pytest.mark.torch
@pytest.mark.parametrize(("id", "words"), [("kind_plus", "core is 0:9, expected a part of the tile's 0:5")])
def test_a_core_outside_the_tile_is_refused(model, id, words):
    r, i = (np.zeros((1, 5, 5, c)) for c in (3, 1))
    with pytest.raises(KindlingError, match=words):
        model(id, "torch", "float64").run("restore", r, i, core=(slice(0, 9), slice(0, 5)))


# --- the authors' own pictures -----------------------------------------------------------------------------------

# Levels that may differ by one, as a share of the whole picture: another processor rounds otherwise, another framework
# a little more.
SHARES = {"tf": 1e-4, "torch": 1e-3}


def assert_alike(picture, file: Path, runtime):
    apart = np.abs(picture.astype(int) - np.asarray(Image.open(file)).astype(int))
    assert apart.max() <= 1
    assert (apart > 0).mean() <= SHARES[runtime]


@pytest.mark.reference
@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("name", ["Madison.png", "04.JPG"])
def test_pictures_of_kind_plus(authors_model, reference, name, runtime):
    files = folder(reference, KIND_PLUS)
    prepared = prepare(read_photo(files / "images" / name), authors_model("kind_plus", runtime))
    pictures = prepared.render([("enhanced", 5.0), ("relit", 5.0)])
    stem = Path(name).stem
    assert_alike(pictures["enhanced", 5.0], files / "evaluate" / f"{stem}_KinD_plus.png", runtime)
    assert_alike(pictures["relit", 5.0], files / "evaluate" / f"{stem}_adjusted_KinD_plus.png", runtime)


TAKEN = {"22": 3.574595, "179": 3.033455, "780": 3.779960}  # of the authors' evaluate_LOLdataset.py


@pytest.mark.reference
# Half a minute each, so not every one in both.
@pytest.mark.parametrize(
    ("id", "runtime"),
    [
        pytest.param(id, r, marks=getattr(pytest.mark, r))
        for id, r in (("22", "tf"), ("179", "torch"), ("780", "torch"))
    ],
)
def test_pictures_of_kind_plus_on_lol(authors_model, reference, id, runtime):
    lol = reference.parent / "lol" / "eval15"
    if not lol.is_dir():
        pytest.skip("needs LOL's eval15 beside the authors' files, in lol/eval15")
    pair = lol / "low" / f"{id}.png", lol / "high" / f"{id}.png"
    picture, ratio, _ = enhance_pair(*pair, authors_model("kind_plus", runtime), Settings())
    assert ratio == pytest.approx(TAKEN[id], abs=1e-5)
    assert_alike(picture, folder(reference, KIND_PLUS) / "evaluate_lol" / f"{id}_kindle_v2.png", runtime)


@pytest.mark.reference
@pytest.mark.parametrize("runtime", BOTH)
@pytest.mark.parametrize("name", ["22.png", "2.bmp"])
def test_pictures_of_retinexnet(authors_model, reference, name, runtime):
    """What their test mode writes of each photo: R, three times L, and S."""
    files = folder(reference, families("retinexnet")[0])
    prepared = prepare(read_photo(files / "images" / name), authors_model("retinexnet", runtime))
    pictures = prepared.render([("enhanced", 1.0), ("R", None), ("L", None)])
    for (what, _), picture in pictures.items():
        part = {"enhanced": "S", "R": "R_low", "L": "I_low"}[what]
        file = files / "evaluate" / f"{Path(name).stem}_{part}.png"
        assert_alike(np.broadcast_to(picture, (*picture.shape[:2], 3)), file, runtime)
