"""The degenerate solution L = 1, R = photo: what it costs, when a person is warned, and what holds it off."""

import csv

import numpy as np
import pytest
from PIL import Image

from kindling.training import collapse
from tests.support.training_goldens import BACKENDS, feed, run, seeded_golden


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


# --- the experiment of docs/training.md ------------------------------------------------------------------------------


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """experiment(*arguments) runs it small: five pairs, of which two are held out, and a row every second step."""
    pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    import torch

    from benchmarks import collapse as benchmark

    for number in range(5):
        for side, images in zip(("low", "high"), photos(1, 64, number), strict=True):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray((255 * images[0]).astype(np.uint8)).save(tmp_path / side / f"{number}.png")
    for name, value in {"HELD_OUT": 2, "SIDE": 48, "EVERY": 2}.items():
        monkeypatch.setattr(benchmark, name, value)

    def run_it(*arguments):
        monkeypatch.setattr("sys.argv", ["collapse", "--data", str(tmp_path), *map(str, arguments)])
        threads = torch.get_num_threads()
        benchmark.main()
        torch.set_num_threads(threads)

    return run_it


def curve(file):
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.slow
@pytest.mark.torch
def test_the_experiment_goes_on_where_it_was_and_draws(experiment, tmp_path, capsys):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    experiment("--out", whole, "--steps", 4, "original", "replicate", "each-image")
    experiment("--out", halves, "--steps", 2, "original")
    experiment("--out", halves, "--steps", 4, "original")
    rows = curve(whole / "original-0.csv")
    assert [row["step"] for row in rows] == ["2", "4"]
    assert curve(halves / "original-0.csv") == rows
    starts = {
        name: float(curve(whole / f"{name}-0.csv")[0]["loss"]) for name in ("original", "replicate", "each-image")
    }
    assert len(set(starts.values())) == 3  # each setting's gradient is the one that was trained with
    capsys.readouterr()
    experiment("--out", whole, "--draw", tmp_path / "curves.png")
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == [
        "| the original: 10 patches of 48", "| 10 of 48, border replicated", "| 10 of 48, scaled image by image",
    ]  # fmt: skip
    assert Image.open(tmp_path / "curves.png").size == (990, 324)


@pytest.mark.torch
def test_gradients_of_ports():
    torch = pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    from benchmarks.collapse import each_image, replicated
    from kind_torch.losses import gradient

    flat = torch.ones(2, 1, 5, 6)
    assert gradient(flat, "x")[..., :-1, -1].min() > 0.999
    assert replicated(flat, "x").max() == replicated(flat, "y").max() == 0
    x = torch.rand(2, 1, 5, 6) * torch.tensor([1, 0.1]).view(2, 1, 1, 1)
    for d in "xy":
        np.testing.assert_array_equal(each_image(x, d), torch.cat([gradient(one, d) for one in x.split(1)]))
        raw = (x[..., 1:, 1:] - (x[..., 1:, :-1] if d == "x" else x[..., :-1, 1:])).abs()
        inside = replicated(x, d)[..., :-1, :-1]
        assert torch.corrcoef(torch.stack([inside.flatten(), raw.flatten()]))[0, 1] > 0.999  # the same, scaled
