"""python -m benchmarks.estimator WEIGHTS --data DIR ... --val DIR ... [--limit 150] [--most 6] [--out FILE]

Fits the ratio that `auto` guesses (kindling/families/kind/estimator.py) to the pairs of --data, with the weights it
goes with, and writes WEIGHTS/estimator.json. Which statistics it looks at, how strongly it is held back, and by how
much all guesses are shifted is chosen by the pictures of the pairs of --val: statistics are taken in one after the
other for as long as the mean PSNR over the folders rises. Each folder counts alike.
"""

import json
from pathlib import Path

import numpy as np

from benchmarks import parser
from benchmarks.protocols import eight_bits
from kindling.enhancing.ratio import PROTOCOLS
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.evaluating.pairs import find_pairs
from kindling.families.kind.estimator import FEATURES, FILE, Estimator, fit, statistics
from kindling.images import to_pixels
from kindling.photos.photo import read_photo
from kindling.runtimes import open_model

GRID = np.exp(np.linspace(np.log(0.8), np.log(20), 12))  # ratios that the pictures are made at
RIDGES = (0.3, 3.0, 30.0)
SHIFTS = np.linspace(-0.3, 0.2, 11)  # of the logarithm: too bright costs more than too dark


def training(model, folders, limit):
    """numbers (n, statistics), ratios (n,) and weights (n,) of the pairs of `folders`, at most `limit` of each."""
    rows, ratios, weights = [], [], []
    for folder in folders:
        pairs = find_pairs(folder / "low", folder / "high")
        pairs = pairs[:: -(-len(pairs) // limit)]
        for low, high in pairs:
            prepared = prepare(read_photo(low), model)
            rows.append(statistics(prepared.L, prepared.image))
            ratios.append(prepared.true_ratio(read_photo(high)))
            weights.append(1 / len(pairs))
    return np.array(rows), np.array(ratios), np.array(weights)


def curves(model, folder):
    """Of each pair its statistics, and the PSNR of its picture at each ratio of GRID by each of the PROTOCOLS."""
    rows = []
    for low, high in find_pairs(folder / "low", folder / "high"):
        prepared, truth = prepare(read_photo(low), model), eight_bits(read_photo(high))
        # By ratio first: the light that one asks for is kept until the next.
        found = [[_psnr(prepared, ratio, protocol, truth) for protocol in PROTOCOLS] for ratio in GRID]
        psnr = {protocol: list(column) for protocol, column in zip(PROTOCOLS, zip(*found, strict=True), strict=True)}
        rows.append((statistics(prepared.L, prepared.image), psnr))
    return rows


def _psnr(prepared, ratio, protocol, truth):
    return metrics.psnr(to_pixels(prepared.at(ratio, protocol=protocol)), truth)


def score(estimator, folders, protocol="blend"):
    """The mean PSNR of the guesses, each folder alike; between the ratios of GRID by straight lines."""
    return float(np.mean([_mean(estimator, rows, protocol) for rows in folders]))


def _mean(estimator, rows, protocol):
    at = [np.interp(np.log(estimator.of(numbers)), np.log(GRID), psnr[protocol]) for numbers, psnr in rows]
    return float(np.mean(at))


def shifted(estimator, by):
    """Every guess times exp(by)."""
    constant = estimator.coefficients["constant"] + by
    factor = float(np.exp(by))
    return Estimator(
        {**estimator.coefficients, "constant": constant}, estimator.least * factor, estimator.most * factor
    )


def choose(numbers, ratios, weights, folders, most):
    """The estimator whose pictures are best, of at most `most` statistics; and the trail of (names, score)."""
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
    numbers, ratios, weights = training(model, options.data, options.limit)
    folders = [curves(model, folder) for folder in options.val]
    found, trail = choose(numbers, ratios, weights, folders, options.most)
    for names, psnr in trail:
        print(f"{psnr:.2f} dB  {' + '.join(names)}", flush=True)
    for folder, rows in zip(options.val, folders, strict=True):
        means = ", ".join(f"{protocol} {_mean(found, rows, protocol):.2f} dB" for protocol in PROTOCOLS)
        known = np.mean([max(psnr["lol"]) for _, psnr in rows])
        print(f"{folder}: {means}; lol at each photo's best ratio {known:.2f} dB")
    found.write(options.out or options.weights / FILE)


if __name__ == "__main__":
    main()
