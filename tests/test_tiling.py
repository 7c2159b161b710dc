"""Tiles give the whole photo's picture: how far each net looks, derived and proven; then every size and tile."""

import numpy as np
import pytest

from convert.nets import NETS
from kindling import KindlingError, fusion, tiling
from kindling.enhancing import Backend, enhance_image

HALOS = {"DecomNet": tiling.DECOMPOSE, "Restoration_net": tiling.RESTORE, "Illumination_adjust_net": tiling.ADJUST}
REACH = {"DecomNet": 11, "Restoration_net": 94, "Illumination_adjust_net": 4}

# height, width, tile: below, at and above a tile, odd and even, one pixel, a last tile of one pixel
CUTS = [
    (1, 1, 1),
    (33, 17, 16),
    (64, 48, 32),
    (211, 37, 100),
    (5, 307, 96),
    (115, 131, 112),
]


@pytest.mark.parametrize("net", NETS)
def test_reach_from_the_table_of_layers(net):
    assert reach(NETS[net]) == REACH[net]
    assert REACH[net] <= HALOS[net]  # so a tile on such steps has all it needs
    assert HALOS[net] % steps(NETS[net]) == 0
    assert tiling.ALIGNMENT % steps(NETS[net]) == 0


@pytest.mark.torch
@pytest.mark.parametrize("net", NETS)
def test_reach_by_gradients(net, torch_kind64):
    """Which input rows do the output rows of one step depend on? Those that the table says, and no other."""
    import torch

    first = 112
    inputs = [torch.rand(1, c, 240, 16, dtype=torch.float64, requires_grad=True) for c in NETS[net].inputs.values()]
    outputs = getattr(torch_kind64, net)(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    last = first + steps(NETS[net]) - 1
    gradients = torch.autograd.grad(sum(out[:, :, first : last + 1].sum() for out in outputs), inputs)
    rows = torch.nonzero(sum(g.abs().sum(dim=(0, 1, 3)) for g in gradients))
    seen = max(first - int(rows.min()), int(rows.max()) - last)
    assert REACH[net] - 1 <= seen <= REACH[net]  # a max pool lets one of four through, not always the farthest


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
    grid = tiling.square(height, width, tile)
    difference = np.abs(enhance_image(image, backend, 5.0, grid) - enhance_image(image, backend, 5.0)).max()
    assert difference <= bar


@pytest.mark.torch
def test_a_halo_too_narrow_shows(request, monkeypatch):
    """The test above would not pass by luck: 16 pixels less, and the difference is no rounding."""
    backend = loaded(request, "torch", "64")
    image = np.random.default_rng(0).random((224, 32, 3))
    expected = enhance_image(image, backend)
    monkeypatch.setattr(tiling, "RESTORE", tiling.RESTORE - 16)
    assert np.abs(enhance_image(image, backend, 5.0, tiling.square(224, 32, 112)) - expected).max() > 1e-12


@pytest.mark.torch
def test_every_part_of_a_piece_is_the_whole_photos(request):
    backend = loaded(request, "torch", "64")
    image = np.random.default_rng(1).random((75, 150, 3))
    (expected,) = tiling.pieces(lambda rows, columns: image[rows, columns], tiling.whole(75, 150), backend, [1.0, 5.0])
    for piece in tiling.pieces(lambda rows, columns: image[rows, columns], tiling.square(75, 150, 48), backend, [1, 5]):
        for name in ("image", "R", "L", "restored", "adjusted", "enhanced"):
            got, want = getattr(piece, name), getattr(expected, name)
            got, want = (x if isinstance(x, list) else [x] for x in (got, want))
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b[piece.rows, piece.columns], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("height", "width", "pixels"), [(1, 1, 1), (400, 600, 10**6), (4000, 6000, 2 * 10**6), (301, 9999, 10**5)]
)
def test_fitting_covers_the_photo_within_the_budget(height, width, pixels):
    grid = tiling.fitting(height, width, pixels)
    for spans, size in ((grid.rows, height), (grid.columns, width)):
        assert [s.start for s in spans] == [0] + [s.stop for s in spans[:-1]]
        assert spans[-1].stop == size
        assert all(s.start % tiling.ALIGNMENT == 0 for s in spans)
    assert grid.largest <= max(pixels, (16 + 2 * tiling.RESTORE) ** 2)
    assert grid.computed >= height * width
    if height * width <= pixels:
        assert grid == tiling.whole(height, width) or len(grid.rows) * len(grid.columns) == 1


def test_a_tile_of_nothing_is_refused():
    with pytest.raises(KindlingError, match="a tile of 0 pixels: expected 1 or more"):
        tiling.square(5, 5, 0)


def loaded(request, framework, bits):
    import importlib

    kind = request.getfixturevalue(f"{framework}_kind{bits}")
    return Backend(framework, kind, importlib.import_module(f"kind_{framework}.arrays").run)


def steps(net):
    """The coarsest stride of a net: 2 to the number of its pools."""
    return 2 ** sum(layer.pooled for layer in net.layers)


def reach(net):
    """How far the outputs look beyond themselves, taken a step of the pools at a time, as tiles are.

    Walks the table backwards from such a step: a conv looks size // 2 farther at its own resolution, a pool reads two
    pixels for one, an up-conv one for two.
    """
    first = 4096
    last = first + steps(net) - 1
    needed = {layer.name: (first, last) for layer in net.layers if layer.gives}
    for layer in reversed(net.layers):
        low, high = needed[layer.name]
        sources = dict.fromkeys(layer.of, (low - layer.size // 2, high + layer.size // 2))
        if layer.pooled:
            sources = {name: (2 * low, 2 * high + 1) for name, (low, high) in sources.items()}
        if layer.kind == "up":
            below, skip = layer.of
            sources = {below: (low // 2, high // 2), skip: (low, high)}
        for name, (low, high) in sources.items():
            before = needed.get(name, (low, high))
            needed[name] = min(before[0], low), max(before[1], high)
    return max(max(first - needed[name][0], needed[name][1] - last) for name in net.inputs)
