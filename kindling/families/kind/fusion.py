"""How evaluate.py of the original puts the three nets' results together into the enhanced photo.

The restored reflectance is dimmed by a soft mask where the reflectance itself is dark, lit by the adjusted
illumination, and blended with the input where the input was already bright. This is the original's own arithmetic on
one float32 image, with scikit-image, so that pixels come out identical; kind_tf/fusion.py and kind_torch/fusion.py do
the same on batches of tensors and let gradients through.
"""

import numpy as np

GRAY = (0.2125, 0.7154, 0.0721)  # skimage.color.rgb2gray, not the 0.299.. of the training losses
SIGMA = 3.0  # evaluate.py: filters.gaussian(r_gray, 3)
RADIUS = 12  # skimage cuts the gaussian at 4 sigma
BRIGHT = 8  # the power of L in `blend`


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


def blend(image: np.ndarray, L: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """restored * adjusted, giving way to the photo where that is bright already: L^8 image + (1 - L^8) lit.

    image, lit: (h, w, 3), L: (h, w, 1), float32 in [0, 1]. Returns the same. evaluate.py has L itself in place of L^8,
    which takes half of the light back from what is only half dark.
    """
    share = L**BRIGHT
    return share * image + (1 - share) * lit


def fuse(image: np.ndarray, R: np.ndarray, L: np.ndarray, restored: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """Steps 3 to 5 of evaluate.py, on one image.

    image, R, restored: (h, w, 3); L, adjusted: (h, w, 1); all float32 in [0, 1]. Returns (h, w, 3) float32 in [0, 1].
    """
    fused = restored * mask(R) * adjusted
    return L * image + (1 - L) * fused
