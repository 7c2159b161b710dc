"""benchmarks/noise.py: the noise is what it says, and without any the figures are those of `kindling evaluate`."""

import json

import numpy as np
import pytest
from PIL import Image

from kindling.cli import main


@pytest.fixture
def pairs(tmp_path):
    random = np.random.default_rng(0)
    for number in range(2):
        bright = np.kron(random.integers(40, 256, (4, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        for side, image in (("low", bright // 4), ("high", bright)):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / side / f"{number}.png")
    return tmp_path


def test_noise_is_what_it_says():
    from benchmarks.noise import noisy

    grey = np.full((100, 100, 3), 100, np.uint8)
    added = noisy(grey, 0.02, np.random.default_rng(0)).astype(float) - 100
    assert added.std() == pytest.approx(np.hypot(0.02 * 255, 12**-0.5), rel=0.02)  # and the rounding's own
    assert abs(added.mean()) < 0.1
    np.testing.assert_array_equal(noisy(grey, 0.0, np.random.default_rng(0)), grey)
    dark = noisy(grey // 100, 0.02, np.random.default_rng(0))
    assert dark.min() == 0  # clipped, not wrapped around


@pytest.mark.torch
def test_without_noise_it_is_what_evaluate_measures(pairs, seeded_npz, monkeypatch, capsys):
    from benchmarks import noise

    monkeypatch.setattr("sys.argv", ["noise", str(pairs), "--weights", str(seeded_npz)])
    noise.main()
    lines = capsys.readouterr().out.splitlines()
    table = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}
    arguments = [str(pairs / "low"), str(pairs / "high"), "-o", str(pairs / "out"), "--weights", str(seeded_npz)]
    assert main(["evaluate", *arguments]) == 0
    mean = json.loads((pairs / "out" / "evaluation.json").read_text())["mean"]
    assert table["sigma 0, restored"][:2] == [f"{mean['psnr']:.2f}", f"{mean['ssim']:.4f}"]
    assert table["sigma 0.02, restored"] != table["sigma 0, restored"]
    brings = float(table["sigma 0, restored"][0]) - float(table["sigma 0, without restoration"][0])
    assert float(table["sigma 0, restoration brings"][0]) == pytest.approx(brings, abs=0.011)
