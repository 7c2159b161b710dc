"""How evaluate.py of the original puts the three nets' results together into the enhanced photo.

The restored reflectance is dimmed by a soft mask where the reflectance itself is dark, lit by the adjusted
illumination, and blended with the input where the input was already bright. `mask` and `fuse` are the original's own
arithmetic on one float32 image, with scikit-image, so that pixels come out identical; kind_tf/fusion.py and
kind_torch/fusion.py do the same on batches of tensors and let gradients through. `blend` and the colours that it takes
from the photo are what weights with an estimator are shown by instead (docs/enhance.md).
"""

from typing import NamedTuple

import numpy as np

GRAY = (0.2125, 0.7154, 0.0721)  # skimage.color.rgb2gray, not the 0.299.. of the training losses
SIGMA = 3.0  # evaluate.py: filters.gaussian(r_gray, 3)
RADIUS = 12  # skimage cuts the gaussian at 4 sigma
SPREAD = 2.0  # sigma of the gaussian that colours are looked at through
COLOUR_RADIUS = 8  # which is cut at 4 sigma
TOLD = 40.0  # so many deviations of the noise is the light at which a colour is believed by half
LEAST, MOST = 0.25, 4.0  # what a channel is multiplied by, at most
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def gaussian_kernel() -> np.ndarray:
    """The 25 weights of the mask's blur, float64, summing to 1."""
    x = np.arange(-RADIUS, RADIUS + 1)
    kernel = np.exp(-0.5 * (x / SIGMA) ** 2)
    return kernel / kernel.sum()


def mask(R: np.ndarray) -> np.ndarray:
    """min(sqrt(2 g), 1), g the blurred gray of the reflectance. R: (h, w, 3) in [0, 1]. Returns (h, w, 1) in [0, 1]."""
    from skimage import color, filters

    gray = filters.gaussian(color.rgb2gray(R), SIGMA)
    return np.minimum((gray * 2) ** 0.5, 1)[..., np.newaxis]


class Hues(NamedTuple):
    """The colours of a photo, as far as they can be told from noise."""

    colours: np.ndarray
    """(h, w, 3): each channel's share of the light, looked at through a gaussian."""
    belief: np.ndarray
    """(h, w, 1): from 0, for what is too dark, to 1."""


def blend(image: np.ndarray, L: np.ndarray, lit: np.ndarray, hues: Hues | None = None) -> np.ndarray:
    """restored * adjusted, giving way to the photo where that is bright already: L^8 image + (1 - L^8) lit.

    image, lit: (h, w, 3), L: (h, w, 1), float32 in [0, 1]. Returns the same. evaluate.py has L itself in place of L^8,
    which takes half of the light back from what is only half dark. hues: of the photo, for `coloured`, which may ask
    for more than 1 of a channel.
    """
    share = L * L
    share = share * share
    share = share * share  # L^8, in a tenth of the time that a power takes
    return share * image + (1 - share) * (lit if hues is None else np.minimum(coloured(lit, hues), 1))


def hues(image: np.ndarray, doubt: float) -> Hues | None:
    """The colours of a photo. image: (h, w, 3) float32. doubt: the light, in [0, 1], below which they are not believed;
    infinite for never, which gives None.
    """
    if not np.isfinite(doubt):
        return None
    colours, light = _shares(image)
    return Hues(colours, light**2 / (light**2 + np.float32(doubt) ** 2))


def coloured(lit: np.ndarray, hues: Hues) -> np.ndarray:
    """`lit`, (h, w, 3) float32, in the colours of the photo where they are believed; its own brightness stays.

    It is looked at through the same gaussian; each channel is multiplied by what its share of the light is to become.
    """
    gains = np.clip(hues.colours / _shares(lit)[0], LEAST, MOST) ** hues.belief
    turned = lit * gains
    kept: np.ndarray = turned * ((lit @ LUMA) / np.maximum(turned @ LUMA, np.float32(1e-6)))[..., np.newaxis]
    return kept.astype(lit.dtype, copy=False)


def _shares(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each channel over the light, and the light, of an image looked at through a gaussian."""
    from skimage.filters import gaussian

    seen = gaussian(image, SPREAD, mode="reflect", channel_axis=2, preserve_range=True) + np.float32(1e-4)
    light = (seen @ LUMA)[..., np.newaxis]
    return seen / light, light


def doubt(deviation: float, step: float) -> float:
    """The light below which colours are not believed. deviation: of the photo's noise. step: one level of its file."""
    return float(np.hypot(TOLD * deviation, step))


def noise(image: np.ndarray) -> float:
    """The deviation of an image's noise: of the diagonal detail of a Haar wavelet, median over 0.6745.

    image: (h, w, 3) in [0, 1], or rows of it, an even number. Donoho and Johnstone, Ideal spatial adaptation by wavelet
    shrinkage, Biometrika 1994.
    """
    h, w = (side // 2 * 2 for side in image.shape[:2])
    if not h or not w:
        return 0.0
    detail = (image[:h:2, :w:2] - image[1:h:2, :w:2] - image[:h:2, 1:w:2] + image[1:h:2, 1:w:2]) / 2
    return float(np.mean(np.median(np.abs(detail), axis=(0, 1))) / 0.6745)


def fuse(image: np.ndarray, R: np.ndarray, L: np.ndarray, restored: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """Steps 3 to 5 of evaluate.py, on one image.

    image, R, restored: (h, w, 3); L, adjusted: (h, w, 1); all float32 in [0, 1]. Returns (h, w, 3) float32 in [0, 1].
    """
    fused = restored * mask(R) * adjusted
    return L * image + (1 - L) * fused
