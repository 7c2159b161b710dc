"""How KinD++'s two programs put the parts together, as numpy on one image; the mask is KinD's."""

import numpy as np

from kindling.families.kind import fusion

__all__ = ["fuse", "true_ratio"]

DARK = 1.1  # the ratio of the reflectances from which evaluate_LOLdataset.py adds it


def fuse(image: np.ndarray, R: np.ndarray, L: np.ndarray, restored: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """evaluate.py as it is: the restored reflectance, masked, without any light, where the photo is not bright.

    image, R, restored: (h, w, 3); L, adjusted: (h, w, 1); all float32 in [0, 1]. Returns (h, w, 3) float32 in [0, 1].
    With --adjustment it is `kindling.families.kind.fusion.fuse`.
    """
    return L * image + (1 - L) * (restored * fusion.mask(R))


def true_ratio(light: float, reflectance: float) -> float:
    """What evaluate_LOLdataset.py asks for: a photo too dark for the light alone to reach its partner gets both.

    light: mean(L_high / (L_low + 0.0001)), reflectance: mean(R_high / (restored + 0.0001)).
    """
    return light if reflectance < DARK else light + reflectance
