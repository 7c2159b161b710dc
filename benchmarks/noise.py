"""python -m benchmarks.noise PAIRS [--weights PATH] [--sigma 0.02] [--seed 0]

What restoration is worth on dark photos with and without sensor noise. PAIRS holds low/ and high/, photos of the same
names. Gaussian noise of deviation `sigma` (of 1 as white) is added to the photos in low/, which are then rounded to 8
bits as a camera would; from there it is evaluate_LOLdataset.py, whose ratio is taken from the partner, so not blind:
restored * adjusted, and R * adjusted without the restoration net. PSNR and SSIM are `kindling evaluate`'s; the last
column is SSIM in scikit-image's default window, 7x7 and uniform, which much of the literature quotes.
"""

from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from benchmarks import parser
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.evaluating.pairs import find_pairs
from kindling.images import load_images, stretch, to_pixels
from kindling.photos.photo import read_photo
from kindling.runtimes import default_weights, open_model


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("pairs", type=Path, metavar="PAIRS")
    arguments.add_argument("--weights", type=Path, default=default_weights())
    arguments.add_argument("--sigma", type=float, default=0.02)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    model = open_model(options.weights)
    pairs = find_pairs(options.pairs / "low", options.pairs / "high")
    print(f"| {len(pairs)} pairs | PSNR | SSIM | SSIM, 7x7 |\n|---|---|---|---|")
    for sigma in (0.0, options.sigma):
        rows = [of_pair(*pair, sigma, [options.seed, number], model) for number, pair in enumerate(pairs)]
        means = np.mean(rows, axis=0)
        for name, (psnr, ssim, uniform) in zip(("without restoration", "restored"), means, strict=True):
            print(f"| sigma {sigma:g}, {name} | {psnr:.2f} | {ssim:.4f} | {uniform:.4f} |", flush=True)
        print(f"| sigma {sigma:g}, restoration brings | {means[1, 0] - means[0, 0]:+.2f} | | |")


def of_pair(low, high, sigma, seed, model):
    """The figures without restoration, and with it: (2, 3)."""
    photo, truth, partner = read_photo(low).pixels, read_photo(high).pixels, load_images(high)
    image = stretch(noisy(photo, sigma, np.random.default_rng(seed)).astype(np.float32) / 255)
    prepared = prepare(image, model, tile=0)
    adjusted = prepared.adjusted(prepared.true_ratio(partner))
    pictures = [to_pixels(reflectance * adjusted) for reflectance in (prepared.R, prepared.restored)]
    return [(metrics.psnr(p, truth), metrics.ssim(p, truth), uniform_ssim(p, truth)) for p in pictures]


def noisy(pixels, sigma, random):
    """pixels: (h, w, 3) uint8. Returns the same, with noise, rounded; without any, as they were."""
    noise = 255 * sigma * random.standard_normal(pixels.shape)
    return np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)


def uniform_ssim(picture, truth):
    return structural_similarity(picture, truth, data_range=255, channel_axis=2)


if __name__ == "__main__":
    main()
