"""Tiles give the whole photo's picture: how far each net looks, derived and proven; then every size and tile."""

import numpy as np
import pytest

from kindling import KindlingError
from kindling.enhancing import grid as grids
from kindling.enhancing import tiles as tiling
from kindling.enhancing.render import enhance_image
from kindling.families.kind import fusion
from kindling.families.kind.nets import NETS, RESTORATION
from kindling.families.reach import Reach

# Worked out by hand: how far each net looks, the stride of its deepest level, the margin of its tiles.
REACH = {"DecomNet": (11, 4, 12), "Restoration_net": (94, 16, 96), "Illumination_adjust_net": (4, 1, 4)}

# height, width, tile: below, at and above a tile, odd and even, one pixel, a last tile of one pixel
CUTS = [
    (1, 1, 1),
    (33, 17, 16),
    (64, 48, 32),
    pytest.param((211, 37, 100), marks=pytest.mark.slow),
    pytest.param((5, 307, 96), marks=pytest.mark.slow),
    pytest.param((115, 131, 112), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("net", NETS)
def test_reach_from_the_table_of_layers(net):
    reach = NETS[net].reach
    assert (reach.exact, reach.step, reach.halo) == REACH[net]


@pytest.mark.torch
@pytest.mark.parametrize("net", NETS)
def test_reach_by_gradients(net, torch_kind64):
    """Which input rows do the output rows of one step depend on? Those that the table says, and no other."""
    import torch

    first, reach = 112, NETS[net].reach
    inputs = [torch.rand(1, c, 240, 16, dtype=torch.float64, requires_grad=True) for c in NETS[net].inputs.values()]
    outputs = getattr(torch_kind64, net)(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    last = first + reach.step - 1
    gradients = torch.autograd.grad(sum(out[:, :, first : last + 1].sum() for out in outputs), inputs)
    rows = torch.nonzero(sum(g.abs().sum(dim=(0, 1, 3)) for g in gradients))
    seen = max(first - int(rows.min()), int(rows.max()) - last)
    assert reach.exact - 1 <= seen <= reach.exact  # a max pool lets one of four through, not always the farthest


def test_blur_reaches_its_radius():
    R = np.zeros((1, 99, 3))
    R[0, 49] = 1
    lit = np.flatnonzero(fusion.mask(R)[0, :, 0])
    assert (lit.min(), lit.max()) == (49 - fusion.RADIUS, 49 + fusion.RADIUS)


@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("tf", "torch")]
)
@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize(("bits", "bar"), [("64", 1e-12), ("", 1e-5)], ids=["float64", "float32"])
def test_tiled_is_whole(request, framework, cut, bits, bar):
    height, width, tile = cut
    backend = loaded(request, framework, bits)
    image = np.random.default_rng(height).random((height, width, 3)).astype(f"float{bits or 32}")
    grid = grids.square(height, width, tile)
    difference = np.abs(enhance_image(image, backend, 5.0, grid) - enhance_image(image, backend, 5.0)).max()
    assert difference <= bar


@pytest.mark.torch
def test_a_halo_too_narrow_shows(request, monkeypatch):
    """The test above would not pass by luck: 16 pixels less, and the difference is no rounding."""
    backend = loaded(request, "torch", "64")
    image = np.random.default_rng(0).random((224, 32, 3))
    expected = enhance_image(image, backend)
    monkeypatch.setitem(RESTORATION.__dict__, "reach", Reach(80 - 2, 16, RESTORATION.reach.convs))
    assert np.abs(enhance_image(image, backend, 5.0, grids.square(224, 32, 112)) - expected).max() > 1e-12


# height, width, core: a pixel, at the edges, in the middle, odd and even, the whole
CORES = [
    (1, 1, (slice(0, 1), slice(0, 1))),
    (33, 17, (slice(32, 33), slice(0, 17))),
    (211, 37, (slice(99, 100), slice(5, 8))),
    (115, 131, (slice(96, 115), slice(16, 35))),
    (64, 240, (slice(0, 64), slice(95, 144))),
    (130, 100, (slice(0, 130), slice(0, 100))),
]


@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("tf", "torch")]
)
@pytest.mark.parametrize("cut", CORES, ids=str)
def test_the_core_of_a_tile_is_as_if_all_were_restored(request, framework, cut):
    height, width, core = cut
    backend = loaded(request, framework, "64")
    r, i = (np.random.default_rng(height).random((1, height, width, c)) for c in (3, 1))
    (whole,) = backend.run("restore", r, i)
    (part,) = backend.run("restore", r, i, core=core)
    assert part.shape == whole[:, *core].shape
    assert np.abs(part - whole[:, *core]).max() <= 1e-12


@pytest.mark.torch
@pytest.mark.parametrize("level", range(4))
def test_a_window_too_narrow_shows(request, monkeypatch, level):
    """Each level needs the pixels it is given: with two fewer, for windows begin on even ones, the core is another."""
    backend = loaded(request, "torch", "64")
    r, i = (np.random.default_rng(level).random((1, 240, 240, c)) for c in (3, 1))
    core = slice(96, 144), slice(96, 144)
    (expected,) = backend.run("restore", r, i, core=core)
    convs = tuple(n - 2 * (k == level) for k, n in enumerate(RESTORATION.reach.convs))
    monkeypatch.setitem(RESTORATION.__dict__, "reach", Reach(94, 16, convs))
    assert np.abs(backend.run("restore", r, i, core=core)[0] - expected).max() > 1e-12


def test_windows_shrink_on_the_way_up():
    cuts, inside = RESTORATION.reach.windows((slice(96, 1096), slice(96, 896)), (1192, 992))
    sizes = [tuple(s.stop - s.start for s in window.skip) for window in cuts]
    assert sizes == [(134, 108), (258, 208), (508, 408), (1008, 808)]
    assert inside == (slice(4, 1004), slice(4, 804))


@pytest.mark.parametrize(
    "core", [(slice(0, 0), slice(0, 5)), (slice(3, 6), slice(0, 5)), (slice(-1, 2), slice(0, 5))], ids=str
)
def test_a_core_outside_the_tile_is_refused(core):
    with pytest.raises(
        KindlingError, match=f"core is {core[0].start}:{core[0].stop}, expected a part of the tile's 0:5"
    ):
        RESTORATION.reach.windows(core, (5, 5))


@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("tf", "torch")]
)
def test_both_frameworks_refuse_a_core_outside(request, framework):
    backend = loaded(request, framework, "64")
    r, i = np.zeros((1, 5, 5, 3)), np.zeros((1, 5, 5, 1))
    with pytest.raises(KindlingError, match="core is 3:9, expected a part of the tile's 0:5"):
        backend.run("restore", r, i, core=(slice(3, 9), slice(0, 5)))


@pytest.mark.slow
@pytest.mark.torch
def test_every_part_of_a_piece_is_the_whole_photos(request):
    backend = loaded(request, "torch", "64")
    image = np.random.default_rng(1).random((75, 150, 3))

    def pieces(grid):
        making = tiling.Making(doubt=0.2)
        return tiling.pieces(lambda rows, columns: image[rows, columns], grid, backend, [1.0, 5.0], making=making)

    (expected,) = pieces(grids.whole(75, 150))
    for piece in pieces(grids.square(75, 150, 48)):
        for name in ("image", "R", "L", "restored", "adjusted", "lit", "blended", "enhanced"):
            got, want = getattr(piece, name), getattr(expected, name)
            got, want = (x if isinstance(x, list) else [x] for x in (got, want))
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b[piece.rows, piece.columns], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("height", "width", "pixels"), [(1, 1, 1), (400, 600, 10**6), (4000, 6000, 2 * 10**6), (301, 9999, 10**5)]
)
def test_fitting_covers_the_photo_within_the_budget(height, width, pixels):
    grid = grids.fitting(height, width, pixels)
    for spans, size in ((grid.rows, height), (grid.columns, width)):
        assert [s.start for s in spans] == [0] + [s.stop for s in spans[:-1]]
        assert spans[-1].stop == size
        assert all(s.start % 16 == 0 for s in spans)
    assert grid.largest <= max(pixels, (16 + 2 * 96) ** 2)
    assert grid.computed >= height * width
    if height * width <= pixels:
        assert grid == grids.whole(height, width) or len(grid.rows) * len(grid.columns) == 1


def test_a_tile_of_nothing_is_refused():
    with pytest.raises(KindlingError, match="a tile of 0 pixels: expected 1 or more"):
        grids.square(5, 5, 0)


def loaded(request, framework, bits):
    import importlib

    kind = request.getfixturevalue(f"{framework}_kind{bits}")
    return importlib.import_module(f"kind_{framework}.runtime").Model(kind)
