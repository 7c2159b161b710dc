"""The figures against their formulas, and LPIPS, which may be missing in many ways, never with a traceback."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from kindling import KindlingError
from kindling.evaluating import metrics

NOISE = np.random.default_rng(0).integers(0, 255, (33, 40, 3), np.uint8)
NEAR = np.clip(NOISE.astype(int) + np.random.default_rng(1).integers(-20, 20, NOISE.shape), 0, 255).astype(np.uint8)


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


def windowed(a, b, window, sample=1.0):
    """SSIM of 2004 with any window, at every place where it fits. sample: factor on the variances."""
    from scipy.signal import convolve2d

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    a, b = a.astype(float), b.astype(float)
    ma, mb, aa, bb, ab = (convolve2d(z, window, "valid") for z in (a, b, a * a, b * b, a * b))
    va, vb, cov = (sample * (x - y) for x, y in ((aa, ma * ma), (bb, mb * mb), (ab, ma * mb)))
    return (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean()


def test_ssim_of_the_uniform_window():
    window = np.full((7, 7), 1 / 49)
    expected = np.mean([windowed(NOISE[..., k], NEAR[..., k], window, 49 / 48) for k in range(3)])
    assert metrics.ssim_uniform(NOISE, NEAR) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_grey():
    x = np.arange(-5, 6)
    window = np.exp(-(x[:, None] ** 2 + x**2) / (2 * 1.5**2))
    grey = [np.round(0.299 * z[..., 0] + 0.587 * z[..., 1] + 0.114 * z[..., 2]) for z in (NOISE, NEAR)]
    assert metrics.ssim_grey(NOISE, NEAR) == pytest.approx(windowed(*grey, window / window.sum()), abs=1e-9)


def test_every_figure_is_measured_and_defined():
    figures = metrics.measure(NOISE, NEAR, lambda picture, truth: 0.25)
    assert list(figures) == list(metrics.DEFINITIONS)
    assert figures["lpips"] == 0.25
    assert len({round(figures[name], 4) for name in ("ssim", "ssim_uniform", "ssim_grey")}) == 3
    assert metrics.measure(NOISE, NEAR)["lpips"] is None


def test_the_docs_define_every_figure():
    page = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)) == metrics.DEFINITIONS


# --- LPIPS -------------------------------------------------------------------------------------------------------


def package(monkeypatch, net=None, torchvision=True):
    """A stand-in for the package lpips, and for torchvision."""
    found = metrics.importlib.util.find_spec
    monkeypatch.setattr(
        metrics.importlib.util, "find_spec", lambda name, *rest: "yes" if name == "lpips" else found(name, *rest)
    )
    monkeypatch.setitem(sys.modules, "lpips", types.SimpleNamespace(LPIPS=net))
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision") if torchvision else None)


@pytest.mark.torch
def test_lpips_is_given_what_it_expects(monkeypatch):
    """RGB in [-1, 1], NCHW."""
    seen = []

    class LPIPS:
        def __init__(self, net, verbose):
            assert net == "alex"

        def eval(self):
            return lambda a, b: seen.extend([a, b]) or 0.25

    package(monkeypatch, LPIPS)
    assert metrics.lpips()(np.full((2, 3, 3), 255, np.uint8), np.zeros((2, 3, 3), np.uint8)) == 0.25
    assert [(tuple(x.shape), float(x.min()), float(x.max())) for x in seen] == [
        ((1, 3, 2, 3), 1.0, 1.0),
        ((1, 3, 2, 3), -1.0, -1.0),
    ]


def raising(error):
    def net(**options):
        raise error

    return net


MISSING = {
    "torchvision of another PyTorch": (RuntimeError("operator torchvision::nms does not exist"), "nms does not exist"),
    "no network": (OSError("<urlopen error [Errno -3] Temporary failure>"), "cannot be measured here: <urlopen error"),
    "torchvision below": (ModuleNotFoundError("No module named 'tqdm'", name="tqdm"), "No module named 'tqdm'"),
    "an error without words": (OSError(), "cannot be measured here: OSError"),
}


@pytest.mark.torch
@pytest.mark.parametrize(("error", "words"), MISSING.values(), ids=MISSING)
def test_lpips_that_does_not_run(monkeypatch, error, words):
    package(monkeypatch, raising(error))
    with pytest.raises(KindlingError, match=words):
        metrics.lpips()


@pytest.mark.torch
def test_lpips_without_torchvision(monkeypatch):
    package(monkeypatch, torchvision=False)
    with pytest.raises(KindlingError, match="LPIPS needs torchvision, which is not installed"):
        metrics.lpips()


def test_lpips_without_lpips(monkeypatch):
    monkeypatch.setattr(metrics.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KindlingError, match="needs the package lpips, which is not installed: pip install lpips"):
        metrics.lpips()


@pytest.mark.torch
def test_lpips_of_a_picture_too_small_for_it(monkeypatch):
    def net(**options):
        return types.SimpleNamespace(eval=lambda: raising_call)

    def raising_call(a, b):
        raise RuntimeError("Output size is too small")

    package(monkeypatch, net)
    with pytest.raises(KindlingError, match="LPIPS cannot be measured: Output size is too small"):
        metrics.lpips()(NOISE, NEAR)
