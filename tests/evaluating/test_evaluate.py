"""`kindling evaluate`: the metrics against their formulas, the ratios against theirs, pairs, files, labels."""

import csv
import json
import sys
import types

import numpy as np
import pytest
from PIL import Image

from kindling import KindlingError
from kindling.cli import main
from kindling.enhancing.ratio import EPSILON, LARGEST, LEVEL, auto_ratio, true_ratio
from kindling.enhancing.tiles import keep, square, whole
from kindling.evaluating.scores import find_pairs, metrics
from tests.support.models import FakeModel

NOISE = np.random.default_rng(0).integers(0, 255, (33, 40, 3), np.uint8)
NEAR = np.clip(NOISE.astype(int) + np.random.default_rng(1).integers(-20, 20, NOISE.shape), 0, 255).astype(np.uint8)

# --- metrics -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("levels", "decibels"), [(255, 0.0), (1, 48.1308), (16, 24.0484), (0, np.inf)])
def test_psnr_of_known_errors(levels, decibels):
    a = np.zeros((3, 4, 3), np.uint8)
    assert metrics.psnr(a, a + np.uint8(levels)) == pytest.approx(decibels, abs=1e-3)


def test_ssim_is_wang_and_others():
    """Against the formula of 2004, written out: an 11x11 gaussian window, every place where it fits."""
    from scipy.signal import convolve2d

    x = np.arange(-5, 6)
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    channels = []
    for k in range(3):
        a, b = NOISE[..., k].astype(float), NEAR[..., k].astype(float)
        ma, mb, aa, bb, ab = (convolve2d(z, window, "valid") for z in (a, b, a * a, b * b, a * b))
        va, vb, cov = aa - ma * ma, bb - mb * mb, ab - ma * mb
        channels.append(((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())
    assert metrics.ssim(NOISE, NEAR) == pytest.approx(np.mean(channels), abs=1e-9)


def test_ssim_of_a_picture_smaller_than_its_window():
    with pytest.raises(KindlingError, match="SSIM looks through 11x11 pixels"):
        metrics.ssim(NOISE[:10], NOISE[:10])


def test_gt_mean_sets_the_brightness():
    from skimage.color import rgb2gray

    dim = (NOISE // 4).astype(np.uint8)
    assert rgb2gray(metrics.to_gt_mean(dim, NOISE)).mean() == pytest.approx(rgb2gray(NOISE).mean(), abs=0.01)
    assert metrics.to_gt_mean(np.zeros_like(dim), NOISE).max() == 0


@pytest.mark.torch
def test_lpips_is_given_what_it_expects(monkeypatch):
    """With a stand-in for the package: RGB in [-1, 1], NCHW; and None where the package is not."""
    seen = []

    class LPIPS:
        def __init__(self, net, verbose):
            assert net == "alex"

        def eval(self):
            return lambda a, b: seen.extend([a, b]) or 0.25

    def installed(answer):  # in the eyes of metrics alone: PyTorch looks for packages too
        stand_in = types.SimpleNamespace(util=types.SimpleNamespace(find_spec=lambda name: answer))
        monkeypatch.setattr(metrics, "importlib", stand_in)

    installed("yes")
    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=LPIPS))
    assert metrics.lpips()(np.full((2, 3, 3), 255, np.uint8), np.zeros((2, 3, 3), np.uint8)) == 0.25
    assert [(tuple(x.shape), float(x.min()), float(x.max())) for x in seen] == [
        ((1, 3, 2, 3), 1.0, 1.0),
        ((1, 3, 2, 3), -1.0, -1.0),
    ]
    installed(None)
    assert metrics.lpips() is None


# --- ratios ------------------------------------------------------------------------------------------------------


def fake(light):
    """A model whose illumination is a function of the image."""
    return FakeModel(lambda verb, x: (x, light(x[..., :1]).astype(np.float32)))


@pytest.mark.parametrize("grid", [whole(33, 40), square(33, 40, 16)], ids=["whole", "tiled"])
def test_ratios_are_their_means(grid):
    low, high = (x.astype(np.float32) / 255 for x in (NOISE // 4 + 1, NOISE))
    model = fake(lambda x: x)
    kept = keep(lambda rows, columns: low[rows, columns], grid, model)
    expected = np.mean(high[..., 0] / (low[..., 0] + np.float32(0.0001)))  # evaluate_LOLdataset.py
    assert true_ratio(kept, lambda rows, columns: high[rows, columns], grid, model) == pytest.approx(expected, rel=1e-6)
    blind = min(np.mean(LEVEL / (low[..., 0] + EPSILON)), LARGEST)
    assert auto_ratio(kept, grid) == pytest.approx(blind, rel=1e-6)


@pytest.mark.parametrize(("level", "ratio"), [(0.0, 10.0), (0.062, 9.984), (0.31, 1.9994), (0.62, 0.9998), (1, 0.62)])
def test_auto_ratio_of_known_light(level, ratio):
    """A photo as light as well-lit ones asks for 1, a darker one for more, a black one for the most there is."""
    grid = whole(3, 3)
    model = fake(lambda x: np.full_like(x, level))
    assert auto_ratio(keep(lambda rows, columns: np.zeros((3, 3, 3)), grid, model), grid) == pytest.approx(
        ratio, abs=1e-3
    )


# --- pairs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    for folder, image in (("low", NOISE // 8), ("high", NOISE)):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            Image.fromarray(image if name == "a" else image[::-1]).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def test_partners_by_name(folders):
    (folders / "high" / "b.png").rename(folders / "high" / "b.bmp")
    assert [(a.name, b.name) for a, b in find_pairs(folders / "low", folders / "high")] == [
        ("a.png", "a.png"),
        ("b.png", "b.bmp"),
    ]


WRONG = {
    "missing partners": (
        lambda f: ((f / "high" / "b.png").unlink(), (f / "low" / "a.png").unlink()),
        "b.png has no partner in .*high; a.png has no partner in .*low; partners have the same name",
    ),
    "no folder": (lambda f: (f / "low").rename(f / "lower"), "low: no such folder"),
    "one name twice": (lambda f: (f / "low" / "a.jpg").touch(), "a.jpg and a.png are both called a"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_pairs_that_are_refused(folders, change, words):
    change(folders)
    with pytest.raises(KindlingError, match=words):
        find_pairs(folders / "low", folders / "high")


# --- the command -------------------------------------------------------------------------------------------------

LABELS = {
    "gt": ([], "gt", False, "lol: restored * adjusted"),
    "auto": (["--ratio", "auto"], "auto", True, "lol"),
    "number": (["--ratio", "2.5", "--protocol", "photo"], "2.5", True, "photo: with the mask"),
    "gt-mean": (["--ratio", "5.0", "--gt-mean"], "5", False, "lol"),
}


@pytest.mark.torch
@pytest.mark.parametrize(("options", "mode", "blind", "protocol"), LABELS.values(), ids=LABELS)
def test_every_number_is_labelled(folders, seeded_npz, capsys, options, mode, blind, protocol):
    arguments = [str(folders / "low"), str(folders / "high"), "-o", str(folders / "out"), "--weights", str(seeded_npz)]
    assert main(["evaluate", *arguments, *options]) == 0
    assert ("not blind" in capsys.readouterr().out) is not blind
    report = json.loads((folders / "out" / "evaluation.json").read_text())
    assert (report["ratio_mode"], report["blind"], bool(report["gt_mean"])) == (mode, blind, "--gt-mean" in options)
    assert report["protocol"].startswith(protocol)
    assert "data range 255" in report["metrics"]["psnr"]
    assert "11x11" in report["metrics"]["ssim"]
    with open(folders / "out" / "evaluation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.png", "b.png", "mean of 2"]
    for row, name in zip(rows, ("a", "b"), strict=False):
        picture = np.array(Image.open(folders / "out" / f"{name}_kindle.png"))
        truth = np.array(Image.open(folders / "high" / f"{name}.png"))
        measured = metrics.to_gt_mean(picture, truth) if report["gt_mean"] else picture
        assert float(row["psnr"]) == pytest.approx(metrics.psnr(measured, truth))
        assert float(row["ssim"]) == pytest.approx(metrics.ssim(measured, truth))
        assert row["ratio_mode"] == mode
    assert float(rows[2]["psnr"]) == pytest.approx(report["mean"]["psnr"])


@pytest.mark.torch
def test_what_stops_an_evaluation(folders, seeded_npz, capsys):
    arguments = ["evaluate", str(folders / "low"), str(folders / "high"), "-o", str(folders / "out")]
    weights = ["--weights", str(seeded_npz)]
    assert main([*arguments, *weights, "--psnr-at-least", "99"]) == 1
    assert main([*arguments, *weights]) == 2
    assert "the output exists already" in capsys.readouterr().err
    Image.fromarray(NOISE[:-1]).save(folders / "high" / "b.png")
    before = {path: path.read_bytes() for path in (folders / "out").iterdir()}
    assert main([*arguments, *weights, "--force"]) == 2
    assert "b.png is 33x40 and" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (folders / "out").iterdir()} == before


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("framework", [pytest.param(n, marks=getattr(pytest.mark, n)) for n in ("tf", "torch")])
def test_the_authors_pictures(framework, reference, reference_weights, tmp_path):
    """evaluate_LOLdataset.py on pairs. TF: identical, or 1 level on 0.01 % on another processor; torch: 1 on 0.1 %."""
    theirs = {path.name: np.array(Image.open(path)).astype(int) for path in (reference / "evaluate_lol").iterdir()}
    pairs = reference.parent / "pairs" / "eval"
    for side in ("low", "high"):
        (tmp_path / side).mkdir()
        for name in theirs:
            photo = name.replace("_kindle", "")
            (tmp_path / side / photo).write_bytes((pairs / side / photo).read_bytes())
    arguments = [str(tmp_path / "low"), str(tmp_path / "high"), "-o", str(tmp_path / "out"), "--backend", framework]
    assert main(["evaluate", *arguments, "--weights", str(reference_weights), "--tile", "0"]) == 0
    for name, expected in theirs.items():
        ours = np.array(Image.open(tmp_path / "out" / name)).astype(int)
        assert np.abs(ours - expected).max() <= 1
        assert (ours != expected).mean() <= (1e-4 if framework == "tf" else 1e-3)
