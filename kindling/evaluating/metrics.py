"""How close an enhanced photo comes to the well-lit one, in the figures of the papers, each with its definition.

Figures of this field differ by what they are taken of, so every report carries `DEFINITIONS` along.
"""

import importlib.util
from collections.abc import Callable

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework

WINDOW = 11  # pixels, of the SSIM of Wang et al. 2004: a gaussian of sigma 1.5

DEFINITIONS = {
    "psnr": "dB, over all pixels and RGB channels together, of the 8-bit picture as written, data range 255",
    "ssim": "mean over RGB channels, gaussian window 11x11 of sigma 1.5, K1 0.01, K2 0.03, population covariance, "
    "8-bit picture, data range 255 (scikit-image)",
    "lpips": "AlexNet, version 0.1, RGB scaled to [-1, 1] (package lpips)",
}
GT_MEAN = "brightness set to the well-lit photo's mean grey before measuring, which no enhancer is told: not blind"


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """(h, w, 3) uint8 each. Infinite where they are equal."""
    error = np.mean((picture.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """(h, w, 3) uint8 each, at least 11x11, or KindlingError."""
    from skimage.metrics import structural_similarity

    if min(picture.shape[:2]) < WINDOW:
        raise KindlingError(f"SSIM looks through {WINDOW}x{WINDOW} pixels, and a picture has {picture.shape[:2]}")
    return float(
        structural_similarity(
            picture,
            truth,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,  # with the sigma below, and cut at 3.5 sigma, this is the 11x11 window
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def to_gt_mean(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`picture`, brightened to the mean grey of `truth`: what some papers measure, and nobody can do to a new photo."""
    from skimage.color import rgb2gray

    factor = rgb2gray(truth).mean() / max(rgb2gray(picture).mean(), 1 / 255)
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def lpips() -> Callable[[np.ndarray, np.ndarray], float] | None:
    """The learned distance of Zhang et al. 2018 on (h, w, 3) uint8; None where the package `lpips` is not installed."""
    if importlib.util.find_spec("lpips") is None:
        return None
    import lpips as package

    torch = import_framework("torch", "LPIPS")
    net = package.LPIPS(net="alex", verbose=False).eval()

    def scaled(image):
        return torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1

    def measure(picture, truth):
        with torch.inference_mode():
            return float(net(scaled(picture), scaled(truth)))

    return measure
