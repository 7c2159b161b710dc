"""python -m benchmarks.estimator WEIGHTS --data DIR ... --val DIR ... [--limit 150] [--most 6] [--out FILE]

Fits the ratio that `auto` guesses (kindling/families/kind/estimator.py) to the pairs of --data, with the weights it
goes with, and writes WEIGHTS/estimator.json. It is fitted to the ratio at which the picture of each pair is best, which
is not the one that the partner's illumination gives. Which statistics it looks at, how strongly it is held back, and by
how much all guesses are shifted is chosen by the pictures of the pairs of --val: statistics are taken in one after the
other for as long as they gain over one gamma curve, in PSNR, where the folder that gains least counts most.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from benchmarks import parser
from benchmarks.protocols import eight_bits, gamma
from kindling.enhancing.ratio import PROTOCOLS
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.evaluating.pairs import find_pairs
from kindling.families.kind.estimator import FEATURES, FILE, Estimator, fit, statistics
from kindling.images import to_pixels
from kindling.photos.photo import read_photo
from kindling.runtimes import open_model

GRID = np.exp(np.linspace(np.log(0.6), np.log(16), 12))  # ratios that the pictures are made at
FINE = np.linspace(np.log(GRID[0]), np.log(GRID[-1]), 400)  # between them curves are smooth
RIDGES = (0.3, 3.0, 30.0)
SHIFTS = np.linspace(-0.3, 0.3, 13)  # of the logarithm: too bright costs more than too dark
PICTURE = "blend"  # the protocol of the picture that people get


@dataclass(frozen=True)
class Pair:
    """A dark photo's statistics; the PSNR of its picture at each ratio of FINE, by protocol, and of one gamma curve."""

    numbers: np.ndarray
    psnr: dict[str, np.ndarray]
    gamma: float

    @property
    def ratio(self) -> float:
        """The ratio at which the picture is best."""
        return float(np.exp(FINE[self.psnr[PICTURE].argmax()]))


def measure(model, folder, protocols, limit=None):
    """The pairs of a folder, at most `limit`, spread over it."""
    pairs = find_pairs(folder / "low", folder / "high")
    found = []
    for low, high in pairs[:: -(-len(pairs) // limit) if limit else 1]:
        prepared, truth = prepare(read_photo(low), model), eight_bits(read_photo(high))
        # By ratio first: the light that one asks for is kept until the next.
        rows = [[_psnr(prepared, ratio, protocol, truth) for protocol in protocols] for ratio in GRID]
        psnr = {protocol: smooth(column) for protocol, column in zip(protocols, zip(*rows, strict=True), strict=True)}
        curve = metrics.psnr(to_pixels(gamma(prepared.image)), truth)
        found.append(Pair(statistics(prepared.L, prepared.image), psnr, curve))
    return found


def smooth(psnr):
    """PSNR at the ratios of GRID to PSNR at those of FINE: a spline of the squared error, which has no sharp peaks."""
    error = CubicSpline(np.log(GRID), 10 ** (np.asarray(psnr) / -10))(FINE)
    return -10 * np.log10(np.maximum(error, 10 ** (-(max(psnr) + 3) / 10)))


def _psnr(prepared, ratio, protocol, truth):
    return metrics.psnr(to_pixels(prepared.at(ratio, protocol=protocol)), truth)


def score(estimator, folders):
    """The soft minimum, over the folders, of what the guesses gain over one gamma curve, in dB."""
    gains = [_mean(estimator, pairs, PICTURE) - np.mean([pair.gamma for pair in pairs]) for pairs in folders]
    return -float(np.log(np.mean(np.exp(-np.array(gains)))))


def _mean(estimator, pairs, protocol):
    return float(np.mean([np.interp(np.log(estimator.of(pair.numbers)), FINE, pair.psnr[protocol]) for pair in pairs]))


def shifted(estimator, by):
    """Every guess times exp(by)."""
    constant = estimator.coefficients["constant"] + by
    factor = float(np.exp(by))
    return Estimator(
        {**estimator.coefficients, "constant": constant}, estimator.least * factor, estimator.most * factor
    )


def choose(data, folders, most):
    """The estimator whose pictures are best, of at most `most` statistics; and the trail of (names, score).

    data, folders: the Pairs of each folder, to fit to and to choose by.
    """
    numbers, ratios = (np.array([getattr(pair, of) for pairs in data for pair in pairs]) for of in ("numbers", "ratio"))
    weights = np.concatenate([np.full(len(pairs), 1 / len(pairs)) for pairs in data])
    names, trail, best = [], [], None
    while len(names) < most:
        found = []
        for name in FEATURES:
            if name in names:
                continue
            for ridge in RIDGES:
                fitted = fit(numbers, ratios, [*names, name], ridge, weights)
                found += [(score(moved := shifted(fitted, by), folders), name, moved) for by in SHIFTS]
        top = max(found, key=lambda entry: entry[0])
        if best and top[0] < best[0] + 0.02:  # less is chance
            break
        best, names = top, [*names, top[1]]
        trail.append((names, top[0]))
    return best[2], trail


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("weights", type=Path)
    arguments.add_argument("--data", type=Path, action="append", required=True)
    arguments.add_argument("--val", type=Path, action="append", required=True)
    arguments.add_argument("--limit", type=int, default=150)
    arguments.add_argument("--most", type=int, default=6)
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    model = open_model(options.weights)
    # Weights with an estimator are run with a border of reflection, and so they are here, whether they have one yet.
    model.said = {**model.said, "estimator": json.dumps({"coefficients": {"constant": 1}, "least": 1, "most": 10})}
    data = [measure(model, folder, (PICTURE,), options.limit) for folder in options.data]
    folders = [measure(model, folder, PROTOCOLS) for folder in options.val]
    found, trail = choose(data, folders, options.most)
    for names, gain in trail:
        print(f"{gain:+.2f} dB  {' + '.join(names)}", flush=True)
    for folder, pairs in zip(options.val, folders, strict=True):
        means = ", ".join(f"{protocol} {_mean(found, pairs, protocol):.2f} dB" for protocol in PROTOCOLS)
        means += f", gamma {np.mean([pair.gamma for pair in pairs]):.2f} dB"
        known = np.mean([pair.psnr["lol"].max() for pair in pairs])
        print(f"{folder}: {means}; lol at each photo's best ratio {known:.2f} dB")
    found.write(options.out or options.weights / FILE)


if __name__ == "__main__":
    main()
