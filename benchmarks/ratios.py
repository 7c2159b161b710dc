"""python -m benchmarks.ratios PAIRS [WEIGHTS]       what --ratio auto is worth: 5, auto and the true ratio side by side

PAIRS holds low/ and high/, photos of the same names. Mean PSNR against high/ of what evaluate_LOLdataset.py makes, and
of the same without the restoration net, so that the light is judged apart from the noise (of weights that lack that
net, only this). Also the mean illumination of the photos in high/, which kindling/enhancing/ratio.py has as LEVEL,
taken there of well-lit photos that are not among those measured.
"""

from pathlib import Path

import numpy as np

from benchmarks import parser
from kindling.api import open_backend
from kindling.enhancing.ratio import auto_ratio, true_ratio
from kindling.enhancing.tiles import whole
from kindling.evaluating.scores import find_pairs, metrics
from kindling.images import load_images, to_pixels
from kindling.photos.photo import read_photo
from kindling.runtimes import default_weights


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("pairs", type=Path, metavar="PAIRS")
    arguments.add_argument("weights", type=Path, nargs="?", metavar="WEIGHTS")
    given = arguments.parse_args()
    measure(given.pairs, given.weights or default_weights())


def measure(folder: Path, weights: Path) -> None:
    """Prints the table for the pairs in `folder`."""
    backend = open_backend("torch", weights)
    modes = {"5": [], "auto": [], "gt": []}
    level = []
    for low, high in find_pairs(folder / "low", folder / "high"):
        image, truth = load_images(low), read_photo(high).pixels
        level.append(backend.run(backend.kind, "decompose", load_images(high)[np.newaxis])[1].mean())
        for mode, ratio in ratios(image, load_images(high), backend).items():
            modes[mode].append((ratio, *scores(image, truth, backend, ratio)))
    print(f"| {len(level)} pairs | mean ratio | PSNR without restoration | PSNR |\n|---|---|---|---|")
    for mode, rows in modes.items():
        ratio, without, psnr = np.mean(rows, axis=0)
        print(f"| {mode} | {ratio:.2f} | {without:.2f} | {psnr:.2f} |")
    print(f"\nmean illumination of the photos in {folder / 'high'}: {np.mean(level):.3f}")


def ratios(image, partner, backend):
    grid = whole(*image.shape[:2])
    low, high = (lambda rows, columns, x=x: x[rows, columns] for x in (image, partner))
    return {"5": 5.0, "auto": auto_ratio(low, grid, backend), "gt": true_ratio(low, high, grid, backend)}


def scores(image, truth, backend, ratio):
    """PSNR of R * adjusted, and of restored * adjusted; NaN where there is no restoration net."""
    R, L = backend.run(backend.kind, "decompose", image[np.newaxis])
    (adjusted,) = backend.run(backend.kind, "adjust", L, ratio=ratio)
    without = metrics.psnr(to_pixels(R[0] * adjusted[0]), truth)
    if not hasattr(backend.kind, "Restoration_net"):
        return without, float("nan")
    (restored,) = backend.run(backend.kind, "restore", R, L)
    return without, metrics.psnr(to_pixels(restored[0] * adjusted[0]), truth)


if __name__ == "__main__":
    main()
