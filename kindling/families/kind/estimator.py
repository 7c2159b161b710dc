"""How much lighter a photo wants to be, guessed from the photo alone: the ratio where no partner gives one.

The logarithm of the ratio is a sum of a handful of statistics of the photo and of its illumination, each times a
coefficient. The coefficients are fitted to pairs, with the weights that they go with: `fit`, by ridge regression, which
`python -m benchmarks.estimator` runs. To guess takes nothing but numpy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError

__all__ = ["FEATURES", "FILE", "Estimator", "fit", "statistics"]

FILE = "estimator.json"  # beside the folders of the nets
EPSILON = np.float32(0.0001)  # evaluate_LOLdataset.py's
FLOOR = 0.004  # one step of 256: darker than that nothing is told apart

# What a photo x, stretched to [0, 1], and its illumination L can be asked; h(x) is the largest of a pixel's channels.
FEATURES = {
    "asked": "log of the mean of 1 / (L + 0.0001): what the photo asks for if every photo were to be equally light",
    "light": "log of the mean of L",
    "light10": "log of the illumination that a tenth of the pixels is darker than",
    "light50": "log of its median",
    "light90": "log of the illumination that a tenth is lighter than",
    "deviation": "log of the deviation of L",
    "value": "log of the mean of h(x)",
    "value10": "log of h(x) that a tenth of the pixels is darker than",
    "value50": "log of its median",
    "value90": "log of h(x) that a tenth is lighter than",
    "colour": "mean of h(x) less the smallest channel, over the mean of h(x)",
    "grain": "log of the mean step between neighbours of h(x), over the mean of h(x)",
    "clipped": "share of the pixels with h(x) above 0.9",
}


def statistics(L: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The FEATURES, in their order, as float64. L: (h, w, 1); x: (h, w, 3); both in [0, 1]."""
    value, least = x.max(2).astype(np.float64), x.min(2).astype(np.float64)
    light = L[..., 0].astype(np.float64)
    mean = max(value.mean(), FLOOR)
    steps = [np.abs(np.diff(value, axis=axis)) for axis in (0, 1)]
    step = sum(s.sum() for s in steps) / max(1, sum(s.size for s in steps))
    return np.array([
        np.log(np.mean(1 / (light + EPSILON))),
        _log(light.mean()),
        *(_log(level) for level in np.quantile(light, (0.1, 0.5, 0.9))),
        _log(light.std()),
        _log(mean),
        *(_log(level) for level in np.quantile(value, (0.1, 0.5, 0.9))),
        (value - least).mean() / mean,
        _log(step / mean),
        (value > 0.9).mean(),
    ])  # fmt: skip


def _log(number: float) -> float:
    return np.log(max(number, FLOOR))


@dataclass(frozen=True)
class Estimator:
    """coefficients: of some of the FEATURES, and `constant`. least, most: a guess is never outside."""

    coefficients: Mapping[str, float]
    least: float
    most: float

    def guess(self, L: np.ndarray, x: np.ndarray) -> float:
        """The ratio for a photo. L: (h, w, 1), of DecomNet; x: (h, w, 3), stretched; both in [0, 1]."""
        return self.of(statistics(L, x))

    def of(self, numbers: np.ndarray) -> float:
        """The ratio for a photo of these `statistics`."""
        known = dict(zip(FEATURES, numbers, strict=True)) | {"constant": 1.0}
        logarithm = sum(weight * known[name] for name, weight in self.coefficients.items())
        return float(np.clip(np.exp(logarithm), self.least, self.most))

    def write(self, path: Path) -> None:
        """As JSON."""
        about = {"coefficients": dict(self.coefficients), "least": self.least, "most": self.most}
        path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Estimator":
        """What `write` wrote. Raises KindlingError for anything else."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise KindlingError(f"{path}: not the coefficients of an estimator: {error}") from error

    @classmethod
    def parse(cls, text: str, source: str) -> "Estimator":
        """Of the JSON that `write` writes. source: what error messages call it. Raises KindlingError."""
        try:
            about = json.loads(text)
            numbers = {str(name): float(weight) for name, weight in about["coefficients"].items()}
            least, most = float(about["least"]), float(about["most"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KindlingError(f"{source}: not the coefficients of an estimator: {error}") from error
        problems = [f"there is no statistic {name}" for name in numbers if name not in (*FEATURES, "constant")]
        if not np.isfinite([*numbers.values(), least, most]).all() or not 0 < least <= most:
            problems.append("its numbers are not finite, or the least guess is not above 0 and below the most")
        if problems:
            raise KindlingError.of(source, problems, "fit it anew with `python -m benchmarks.estimator`")
        return cls(numbers, least, most)


def fit(
    numbers: np.ndarray,
    ratios: np.ndarray,
    names: Sequence[str] = tuple(FEATURES),
    ridge: float = 1.0,
    weights: np.ndarray | None = None,
) -> Estimator:
    """The estimator whose guesses come closest to `ratios` in their logarithms.

    numbers: (n, statistics), of n photos; ratios: (n,). names: the FEATURES to use. ridge: how strongly large
    coefficients are avoided, of features scaled to the deviation 1. weights: (n,), how much each photo counts. Guesses
    are kept between the 2nd and the 98th percentile of the ratios.
    """
    columns = [list(FEATURES).index(name) for name in names]
    x, y = numbers[:, columns], np.log(ratios)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    centre, middle = w @ x, w @ y
    scale = np.maximum(np.sqrt(w @ (x - centre) ** 2), 1e-9)
    z = (x - centre) / scale
    slopes = np.linalg.solve(z.T @ (z * w[:, None]) + ridge / len(y) * np.eye(len(names)), z.T @ (w * (y - middle)))
    slopes = slopes / scale
    coefficients = {name: float(slope) for name, slope in zip(names, slopes, strict=True)}
    coefficients["constant"] = float(middle - centre @ slopes)
    least, most = np.exp(np.quantile(y, (0.02, 0.98)))
    return Estimator(coefficients, float(least), float(most))
