"""python -m benchmarks.protocols WEIGHTS PAIRS... [--csv OUT]

Every figure that is printed of enhancers, on the same pictures: PAIRS are folders with low/ and high/. Each row is a
way to make the picture, with its PSNR (RGB, 8 bits), SSIM (gaussian window) and their 95 % intervals, by 2,000
bootstrap samples over the images. `given` takes the ratio from the partner and `mean` the partner's brightness too, so
they are not blind; `auto`, `5`, `photo` (mask and blend, as evaluate.py), `gamma` and `clahe` are. The two last columns
are SSIM as other papers take it: scikit-image's uniform window of 7x7, and the gaussian window on grey.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from benchmarks import parser
from kindling.core.model import Model
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.evaluating.pairs import find_pairs
from kindling.images import to_pixels
from kindling.photos.photo import Photo, read_photo
from kindling.runtimes import open_model

LEVEL = 0.45  # the mean that one gamma curve brings a photo to
WAYS = {
    "input": "the dark photo as it is",
    "given": "ratio from the partner, restored * adjusted: evaluate_LOLdataset.py",
    "mean": "the same at the partner's mean grey",
    "auto": "ratio by the estimator, restored * adjusted",
    "blend auto": "the same in the photo's own hues, giving way to it where it is bright already",
    "photo auto": "ratio by the estimator, with mask and blend",
    "photo 5": "ratio 5 with mask and blend: evaluate.py",
    "gamma": "one gamma curve of the stretched photo to a mean of 0.45, never darkening; no network",
    "clahe": "scikit-image's equalize_adapthist of the stretched photo; no network",
}


def gamma(x: np.ndarray) -> np.ndarray:
    """x ** g with the g, at most 1, that brings its mean to LEVEL. x: (h, w, 3) in [0, 1]."""
    least, most = 0.02, 1.0
    for _ in range(30):
        middle = (least + most) / 2
        least, most = (middle, most) if np.mean(x**middle) > LEVEL else (least, middle)
    return x**most


def clahe(x: np.ndarray) -> np.ndarray:
    """x: (h, w, 3) in [0, 1]."""
    from skimage.exposure import equalize_adapthist

    return equalize_adapthist(x)


def pictures(model: Model, photo: Photo, partner: Photo) -> dict[str, np.ndarray]:
    """By every one of the WAYS: (h, w, 3) uint8."""
    prepared = prepare(photo, model)
    given = to_pixels(prepared.at(prepared.true_ratio(partner), protocol="lol"))
    return {
        "input": eight_bits(photo),
        "given": given,
        "mean": metrics.to_gt_mean(given, eight_bits(partner)),
        "auto": to_pixels(prepared.at("auto", protocol="lol")),
        "blend auto": to_pixels(prepared.at("auto", protocol="blend")),
        "photo auto": to_pixels(prepared.at("auto", protocol="photo")),
        "photo 5": to_pixels(prepared.at(5.0, protocol="photo")),
        "gamma": to_pixels(gamma(prepared.image)),
        "clahe": to_pixels(clahe(prepared.image)),
    }


def eight_bits(photo: Photo) -> np.ndarray:
    return photo.pixels if photo.pixels.dtype == np.uint8 else (photo.pixels >> 8).astype(np.uint8)


def figures_of(picture: np.ndarray, truth: np.ndarray) -> tuple[float, ...]:
    """PSNR, and SSIM in three definitions. picture, truth: (h, w, 3) uint8."""
    grey = [np.repeat(np.round(image @ [0.299, 0.587, 0.114])[..., None], 3, 2) for image in (picture, truth)]
    uniform = structural_similarity(picture, truth, data_range=255, channel_axis=2)
    return metrics.psnr(picture, truth), metrics.ssim(picture, truth), uniform, metrics.ssim(*grey)


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean of `values`, by bootstrap."""
    random = np.random.default_rng(seed)
    means = values[random.integers(len(values), size=(2000, len(values)))].mean(1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def measure(model: Model, folder: Path, alter: Callable[[Photo, int], Photo] = lambda photo, number: photo) -> dict:
    """way -> (n, 4) `figures_of` each pair of `folder`. alter: what is done to the dark photo first."""
    figures = {way: [] for way in WAYS}
    for number, (low, high) in enumerate(find_pairs(folder / "low", folder / "high")):
        partner = read_photo(high)
        truth = eight_bits(partner)
        for way, picture in pictures(model, alter(read_photo(low), number), partner).items():
            figures[way].append(figures_of(picture, truth))
    return {way: np.array(rows) for way, rows in figures.items()}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("weights", type=Path)
    arguments.add_argument("pairs", type=Path, nargs="+")
    arguments.add_argument("--csv", type=Path, help="a file for the figures of every image")
    options = arguments.parse_args()
    model, lines = open_model(options.weights), [("set", "way", "image", "psnr", "ssim", "uniform", "grey")]
    for folder in options.pairs:
        figures = measure(model, folder)
        print(f"\n{folder}\n\n| {len(figures['input'])} pairs | PSNR | | SSIM | | 7x7 | grey |")
        print("|---|" + 6 * "---|", flush=True)
        for way, rows in figures.items():
            (psnr, ssim, *others), spans = rows.mean(0), [interval(column) for column in rows.T[:2]]
            print(f"| {way} | {psnr:.2f} | {spans[0][0]:.2f} to {spans[0][1]:.2f} "
                  f"| {ssim:.4f} | {spans[1][0]:.3f} to {spans[1][1]:.3f} "
                  f"| {' | '.join(f'{other:.3f}' for other in others)} |", flush=True)  # fmt: skip
            lines += [(folder, way, number, *(f"{x:.4f}" for x in row)) for number, row in enumerate(rows)]
    if options.csv:
        with options.csv.open("w", newline="") as file:
            csv.writer(file).writerows(lines)


if __name__ == "__main__":
    main()
