"""The degenerate solution L = 1, R = photo: what it costs, when a person is warned, and what holds it off."""

import numpy as np
import pytest

from kindling import collapse
from tests.training_goldens import BACKENDS, feed, run, seeded_golden


def photos(n=2, side=48, seed=0):
    """Noise on blocks, like photos: low is a fifth of high."""
    random = np.random.default_rng(seed)
    blocks = np.kron(random.random((n, side // 8, side // 8, 3)), np.ones((1, 8, 8, 1)))
    high = np.clip(blocks + 0.05 * random.standard_normal(blocks.shape), 0, 1).astype(np.float32)
    return high / 5, high


@pytest.mark.torch
@pytest.mark.parametrize("cell", [None, 24])
def test_its_cost_is_what_the_loss_says(cell):
    import torch

    from kind_torch.losses import decomposition_loss

    low, high = photos()
    squares = [torch.tensor(collapse.cells(x, cell)).permute(0, 3, 1, 2) for x in (low, high)]
    ones = torch.ones_like(squares[0][:, :1])
    total = decomposition_loss(squares[0], ones, squares[1], ones, *squares, equal_r=0)["total"].item()
    assert collapse.degenerate_loss(low, high, cell) == pytest.approx(total, rel=1e-4)


def test_it_is_cheap_on_large_patches_and_not_in_cells():
    costs = {
        side: np.mean([collapse.degenerate_loss(*photos(4, side, seed)) for seed in range(4)]) for side in (48, 192)
    }
    assert costs[192] < 0.4 * costs[48]
    low, high = photos(4, 192)
    assert collapse.degenerate_loss(low, high, 48) > 2 * collapse.degenerate_loss(low, high)


def test_cells_are_the_squares_row_by_row():
    image = np.arange(2 * 4 * 6).reshape(2, 4, 6, 1)
    cut = collapse.cells(image, 2)
    assert cut.shape == (12, 2, 2, 1)
    np.testing.assert_array_equal(cut[0], image[0, :2, :2])
    np.testing.assert_array_equal(cut[4], image[0, 2:, 2:4])
    np.testing.assert_array_equal(cut[6], image[1, :2, :2])
    assert collapse.cells(image, None) is image


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cell_as_large_as_the_patch_changes_nothing(backend):
    weights, golden = seeded_golden("decomposition")
    batch = feed("decomposition", golden)
    plain, celled, smaller = (run(backend, "decomposition", weights, batch, cell=cell)[0] for cell in (None, 24, 12))
    assert plain == celled
    assert smaller[0]["recon_low"] == pytest.approx(plain[0]["recon_low"], rel=1e-6)
    assert smaller[0]["mutual_i_input_low"] != pytest.approx(plain[0]["mutual_i_input_low"], rel=1e-2)


@pytest.mark.tf
@pytest.mark.torch
def test_both_frameworks_take_cells_and_weights_alike():
    weights, golden = seeded_golden("decomposition")
    tf, torch = (
        run(backend, "decomposition", weights, feed("decomposition", golden), dtype="float64", cell=12, equal_r=0.5)[0]
        for backend in ("tf", "torch")
    )
    assert tf[0] == pytest.approx(torch[0], rel=1e-9)
    assert (
        tf[0]["total"] > run("torch", "decomposition", weights, feed("decomposition", golden), cell=12)[0][0]["total"]
    )


def test_warnings_say_what_to_do():
    assert collapse.warning_before(0.15, 10, 48) is None
    assert "batches of 32 patches of 256 pixels" in collapse.warning_before(0.035, 32, 256)
    assert "--cell 48" in collapse.warning_before(0.035, 32, 256)
    assert collapse.warning_during(0.001, collapse.SETTLED - 1) is None
    assert collapse.warning_during(0.2, 5000) is None
    assert "L is flat at step 5000" in collapse.warning_during(0.001, 5000)
