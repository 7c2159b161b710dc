"""How good the picture is while it trains: whole photos that were kept apart, with a partner's ratio and blind.

With the partner's ratio it is evaluate_LOLdataset.py's figure. The blind one guesses the ratio
(kindling/families/kind/estimator.py) from one statistic, to which coefficients are fitted anew, each time, on photos
that are trained on: what is measured is how well a ratio can be guessed with these weights, not whether last hour's
guess still fits.
"""

from collections.abc import Callable, Mapping

import numpy as np

from kindling.evaluating import metrics
from kindling.families.kind.estimator import fit
from kindling.images import to_pixels
from kindling.training.joint import EPSILON, measure
from kindling.training.joint_run import Pairs

__all__ = ["FIGURES", "Validation"]

GUESSED_BY = ("asked",)  # a few dozen photos do not settle more coefficients
FIGURES = ("psnr", "ssim", "blind_psnr", "blind_ssim")


class Validation:
    """folders: pairs by the names they are shown under. sample: pairs that are trained on, for the guess."""

    def __init__(self, folders: Mapping[str, Pairs], sample: Pairs):
        self.folders, self.sample = folders, sample

    def __call__(self, run: Callable[..., tuple[np.ndarray, ...]]) -> dict[str, float]:
        """`<folder>/<figure>` of all FIGURES, means over each folder's pairs. run: (verb, *arrays) of a KinD."""
        known = [measure(low, high, lambda x: run("decompose", x)) for low, high in self.sample]
        numbers, ratios = np.array([pair.numbers for pair in known]), np.array([pair.ratios.mean() for pair in known])
        estimator = fit(numbers, ratios, GUESSED_BY)
        figures: dict[str, float] = {}
        for name, pairs in self.folders.items():
            rows = [self._measure(run, low, high, estimator) for low, high in pairs]
            figures |= {f"{name}/{figure}": float(mean) for figure, mean in zip(FIGURES, np.mean(rows, 0), strict=True)}
        return figures

    def _measure(self, run, low, high, estimator):
        x = low.stretched()
        R, L = run("decompose", x[np.newaxis])
        i_high = run("decompose", high.stretched()[np.newaxis])[1]
        (restored,) = run("restore", R, L)
        given = float(np.mean(i_high / (L + EPSILON)))
        truth = high.pixels if high.pixels.dtype == np.uint8 else (high.pixels >> 8).astype(np.uint8)
        row = []
        for ratio in (given, estimator.guess(L[0], x)):
            picture = to_pixels((restored * run("adjust", L, ratio=ratio)[0])[0])
            row += [metrics.psnr(picture, truth), metrics.ssim(picture, truth)]
        return row
