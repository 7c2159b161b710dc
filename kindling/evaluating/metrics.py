"""How close an enhanced photo comes to the well-lit one, in the figures of the papers, each with its definition.

Figures of this field differ by what they are taken of, so every report carries `DEFINITIONS` along. SSIM stands here
three times, because papers print all three under one name.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.core.optional import import_framework

__all__ = [
    "DEFINITIONS",
    "FIGURES",
    "GT_MEAN",
    "Distance",
    "lpips",
    "measure",
    "psnr",
    "ssim",
    "ssim_grey",
    "ssim_uniform",
    "to_gt_mean",
]

WINDOW = 11  # pixels, of the SSIM of Wang et al. 2004: a gaussian of sigma 1.5
GREY = (0.299, 0.587, 0.114)  # Y of ITU-R BT.601, as rgb2gray of MATLAB and OpenCV

DEFINITIONS = {
    "psnr": "dB, over all pixels and RGB channels together, of the 8-bit picture as written, data range 255",
    "ssim": "mean over RGB channels, gaussian window 11x11 of sigma 1.5, K1 0.01, K2 0.03, population covariance, "
    "8-bit picture, data range 255 (scikit-image)",
    "ssim_uniform": "mean over RGB channels, uniform window 7x7, K1 0.01, K2 0.03, sample covariance, 8-bit picture, "
    "data range 255 (scikit-image as it comes)",
    "ssim_grey": "as ssim, of grey, 0.299 R + 0.587 G + 0.114 B rounded to 8 bits",
    "lpips": "AlexNet, version 0.1, RGB scaled to [-1, 1] (package lpips)",
}
GT_MEAN = "brightness set to the well-lit photo's mean grey before measuring, which no enhancer is told: not blind"

Distance = Callable[[Array, Array], float]


def psnr(picture: Array, truth: Array) -> float:
    """(h, w, 3) uint8 each. Infinite where they are equal."""
    error = np.mean((picture.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(picture: Array, truth: Array) -> float:
    """(h, w, 3) uint8 each, at least 11x11, or KindlingError."""
    return _ssim(
        picture,
        truth,
        gaussian_weights=True,  # with the sigma below, and cut at 3.5 sigma, this is the 11x11 window
        sigma=1.5,
        use_sample_covariance=False,
    )


def ssim_uniform(picture: Array, truth: Array) -> float:
    """scikit-image's `structural_similarity` as it comes. (h, w, 3) uint8 each, at least 11x11, or KindlingError."""
    return _ssim(picture, truth)


def ssim_grey(picture: Array, truth: Array) -> float:
    """`ssim` of the brightness alone. (h, w, 3) uint8 each, at least 11x11, or KindlingError."""
    return ssim(_grey(picture), _grey(truth))


FIGURES: Mapping[str, Distance] = MappingProxyType(
    {"psnr": psnr, "ssim": ssim, "ssim_uniform": ssim_uniform, "ssim_grey": ssim_grey}
)


def measure(picture: Array, truth: Array, distance: Distance | None = None) -> dict[str, float | None]:
    """Every figure of DEFINITIONS by name. (h, w, 3) uint8 each. distance: of `lpips`; without it, that one is None."""
    figures: dict[str, float | None] = {name: figure(picture, truth) for name, figure in FIGURES.items()}
    return {**figures, "lpips": distance(picture, truth) if distance else None}


def to_gt_mean(picture: Array, truth: Array) -> Array:
    """`picture`, brightened to the mean grey of `truth`: what some papers measure, and nobody can do to a new photo."""
    from skimage.color import rgb2gray

    factor = rgb2gray(truth).mean() / max(rgb2gray(picture).mean(), 1 / 255)
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def lpips() -> Distance:
    """The learned distance of Zhang et al. 2018 on (h, w, 3) uint8.

    Raises KindlingError, saying what is missing, where the package `lpips`, PyTorch or torchvision is not installed or
    does not run, or AlexNet's weights, which torchvision downloads once, cannot be had.
    """
    if importlib.util.find_spec("lpips") is None:
        raise KindlingError("LPIPS needs the package lpips, which is not installed: pip install lpips torchvision")
    torch = import_framework("torch", "LPIPS")
    try:
        import_framework("torchvision", "LPIPS")
        net = importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()
    except KindlingError:
        raise
    except (ImportError, RuntimeError, AttributeError, OSError) as error:  # one built for another PyTorch; no network
        reason = " ".join(str(error).split()) or type(error).__name__
        raise KindlingError(f"LPIPS cannot be measured here: {reason}") from error

    def scaled(image):
        return torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1

    def distance(picture: Array, truth: Array) -> float:
        try:
            with torch.inference_mode():
                return float(net(scaled(picture), scaled(truth)))
        except RuntimeError as error:
            raise KindlingError(f"LPIPS cannot be measured: {' '.join(str(error).split())}") from error

    return distance


def _ssim(picture, truth, **options):
    from skimage.metrics import structural_similarity

    if min(picture.shape[:2]) < WINDOW:
        raise KindlingError(f"SSIM looks through {WINDOW}x{WINDOW} pixels, and a picture has {picture.shape[:2]}")
    return float(structural_similarity(picture, truth, data_range=255, channel_axis=2, **options))


def _grey(image):
    """(h, w, 1) uint8"""
    return np.round(image @ np.array(GREY)).astype(np.uint8)[..., np.newaxis]
