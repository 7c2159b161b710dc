"""python -m benchmarks.ratios PAIRS [WEIGHTS]       what --ratio auto is worth: 5, auto and the true ratio side by side

PAIRS holds low/ and high/, photos of the same names. Mean PSNR against high/ of what evaluate_LOLdataset.py makes, and
of the same without the restoration net, so that the light is judged apart from the noise (of weights that lack that
net, only this). Also the mean illumination of the photos in high/, which kindling/enhancing/ratio.py has as LEVEL,
taken there of well-lit photos that are not among those measured.
"""

from pathlib import Path

import numpy as np

from benchmarks import parser
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.evaluating.pairs import find_pairs
from kindling.images import load_images, to_pixels
from kindling.photos.photo import read_photo
from kindling.runtimes import default_weights, open_model


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("pairs", type=Path, metavar="PAIRS")
    arguments.add_argument("weights", type=Path, nargs="?", metavar="WEIGHTS")
    given = arguments.parse_args()
    measure(given.pairs, given.weights or default_weights())


def measure(folder: Path, weights: Path) -> None:
    """Prints the table for the pairs in `folder`."""
    model = open_model(weights)
    modes = {"5": [], "auto": [], "gt": []}
    level = []
    for low, high in find_pairs(folder / "low", folder / "high"):
        prepared, partner, truth = prepare(read_photo(low), model), load_images(high), read_photo(high).pixels
        level.append(model.run("decompose", partner[np.newaxis])[1].mean())
        for mode, ratio in {"5": 5.0, "auto": prepared.auto_ratio, "gt": prepared.true_ratio(partner)}.items():
            modes[mode].append((ratio, *scores(prepared, truth, ratio)))
    print(f"| {len(level)} pairs | mean ratio | PSNR without restoration | PSNR |\n|---|---|---|---|")
    for mode, rows in modes.items():
        ratio, without, psnr = np.mean(rows, axis=0)
        print(f"| {mode} | {ratio:.2f} | {without:.2f} | {psnr:.2f} |")
    print(f"\nmean illumination of the photos in {folder / 'high'}: {np.mean(level):.3f}")


def scores(prepared, truth, ratio):
    """PSNR of R * adjusted, and of restored * adjusted; NaN where there is no restoration net."""
    adjusted = prepared.adjusted(ratio)
    without = metrics.psnr(to_pixels(prepared.R * adjusted), truth)
    if "Restoration_net" not in prepared.model.nets:
        return without, float("nan")
    return without, metrics.psnr(to_pixels(prepared.restored * adjusted), truth)


if __name__ == "__main__":
    main()
