"""A bright photo as a camera would have taken it with too little light: there are more bright photos than pairs.

The exposure falls in linear light, white balance and contrast drift as they do between two shots of one scene, the
sensor adds the noise of few photons, of its amplifier and of its rows, and JPEG rounds in squares of eight pixels.
`Camera` holds how much of each; its defaults were chosen by what `python -m benchmarks.camera` measures on
real pairs, and docs/training.md has both.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["Camera", "dark_shot", "darkened", "linear", "srgb"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """From what the sensor of one shot is drawn, each number anew for each patch. Noise is in linear light, white 1."""

    stops: tuple[float, float] = (1.0, 7.0)  # how much less light, in powers of two: evenly between
    balance: float = 0.13  # deviation of the logarithm of each channel's gain
    contrast: float = 0.15  # deviation of the logarithm of the exponent that the tone curves differ by
    shot: float = 1.2e-4  # variance at white of the photons' noise, at most
    read: float = 5e-4  # deviation of the amplifier's noise, at most
    row: float = 1e-4  # deviation of what a row has in common, at most
    quality: tuple[int, int] = (85, 98)  # of the JPEG


def linear(x: np.ndarray | np.float64) -> np.ndarray:
    """sRGB in [0, 1] -> light in [0, 1] (IEC 61966-2-1)."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def srgb(x: np.ndarray) -> np.ndarray:
    """Light in [0, 1] -> sRGB in [0, 1]."""
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def darkened(bright: np.ndarray, largest: float, camera: Camera, random: np.random.Generator) -> np.ndarray:
    """A patch of a bright photo at less light, stretched as the dark photo would be that it is a patch of.

    bright: (h, w, 3) in [0, 1], as it lies in its file. largest: the greatest value of the whole photo, which after
    darkening is what the photo is stretched by. Returns (h, w, 3) float32 in [0, 1].
    """
    picture, white = dark_shot(bright, largest, camera, random)
    return np.clip(picture / np.float32(255 * max(white, 0.02)), 0, 1).astype(np.float32)


def dark_shot(
    bright: np.ndarray, largest: float, camera: Camera, random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """The dark picture as it lies in its file, (h, w, 3) uint8, and the value in [0, 1] that `largest` comes to.

    Arguments as of `darkened`.
    """
    exposure = 2.0 ** -random.uniform(*camera.stops)
    gains = exposure * np.exp(camera.balance * random.standard_normal(3))
    exponent = np.exp(camera.contrast * random.standard_normal())
    light = linear(bright) ** exponent * gains
    photons, read, row = (random.random() * most for most in (camera.shot, camera.read, camera.row))
    light = random.poisson(light / photons) * photons if photons > 0 else light
    light = light + read * random.standard_normal(light.shape) + row * random.standard_normal((len(light), 1, 3))
    picture = np.round(255 * srgb(np.clip(light, 0, 1))).astype(np.uint8)
    white = float(srgb(np.minimum(linear(np.float64(largest)) ** exponent * gains.max(), 1)))
    return _as_jpeg(picture, int(random.integers(*camera.quality, endpoint=True))), white


def _as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """What is left of (h, w, 3) uint8 once it was written as a JPEG with all its colours."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(file))
