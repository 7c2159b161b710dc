"""Colours of photos as sRGB, where the profile that says what they are is not to come along."""

import struct
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.photos import vips
from kindling.photos.carried import Carried
from kindling.photos.embedding import is_grey
from kindling.photos.photo import Photo

USUAL = 0.45455  # gAMA of a screen, which stands beside sRGB's own curve in many files
SRGB_POINTS = np.array([[0.3127, 0.3290], [0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])  # white, red, green, blue: x, y
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
STRIP = 64  # rows that are converted together


def without_metadata(photo: Photo) -> Photo:
    """The photo without all that rides along, its colours converted to sRGB, as which numbers without a profile are
    read. Of PNG's own chunks these are understood: cICP of Display P3 (12, 13), and gAMA with cHRM."""
    profile = photo.carried.get("icc", b"")
    chunks = dict(photo.carried.get("chunks", ()))
    if chunks.get(b"cICP", b"")[:2] == b"\x0c\x0d":
        profile = b"p3"
    pixels = photo.pixels
    if not profile and not {b"cICP", b"sRGB"} & chunks.keys():
        pixels = _by_chunks(pixels, chunks)
    if profile:
        given = pixels[..., :1] if is_grey(profile) else pixels
        if is_grey(profile) and not photo.grey:
            return replace(photo, carried=Carried())
        try:
            converted = vips.to_srgb(given, profile)
        except (vips.Damaged, vips.Error) as error:
            raise KindlingError(f"its colour profile cannot be used: {error}") from error
        # A profile of sRGB itself would only round.
        step = np.iinfo(pixels.dtype).max // 255
        if any(np.abs(a.astype(np.int32) - b).max() > step for a, b in zip(converted, pixels, strict=True)):
            pixels = converted
    return Photo(pixels, photo.alpha)


def _by_chunks(pixels: Array, chunks: Mapping[bytes, bytes]) -> Array:
    """Colours by gAMA, the exponent that light was encoded with, and cHRM, where white and primaries lie; PNG 1.2,
    11.3.3. A gAMA of 0 is no exponent, and the usual one is sRGB's own curve, as nearly as it can be said."""
    exponent = _numbers(chunks.get(b"gAMA", b""), 1)
    points = _numbers(chunks.get(b"cHRM", b""), 8)
    encoded = float(exponent[0]) if exponent is not None and exponent[0] > 0 else USUAL
    matrix = np.eye(3) if points is None else _to_srgb(points.reshape(4, 2))
    if matrix is None or (abs(encoded - USUAL) < 0.005 and np.abs(matrix - np.eye(3)).max() < 0.01):
        return pixels
    largest = np.iinfo(pixels.dtype).max
    converted = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIP):
        x = pixels[top : top + STRIP].astype(np.float64) / largest
        usual = abs(encoded - USUAL) < 0.005
        light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) if usual else x ** (1 / encoded)
        light = np.clip(light @ matrix.T, 0, 1)
        shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        converted[top : top + STRIP] = np.rint(shown * largest)
    return converted


def _numbers(data: bytes, count: int) -> np.ndarray | None:
    return np.array(struct.unpack(f">{count}I", data)) / 100_000 if len(data) == 4 * count else None


def _to_srgb(points: np.ndarray) -> np.ndarray | None:
    """Light of these primaries to light of sRGB's, whites adapted to each other; None if the points are no colours."""
    try:
        return np.linalg.inv(_to_xyz(SRGB_POINTS)) @ _adapted(points[0], SRGB_POINTS[0]) @ _to_xyz(points)
    except (np.linalg.LinAlgError, FloatingPointError):
        return None


def _to_xyz(points: np.ndarray) -> np.ndarray:
    """The matrix from light to XYZ. points: x, y of white, red, green and blue."""
    white, *primaries = (_xyz(*point) for point in points)
    columns = np.stack(primaries, axis=1)
    return columns * np.linalg.solve(columns, white)


def _adapted(white: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Bradford's: XYZ under one white to XYZ under another."""
    seen, wanted = (BRADFORD @ _xyz(*point) for point in (white, to))
    return np.linalg.inv(BRADFORD) @ np.diag(wanted / seen) @ BRADFORD


def _xyz(x: float, y: float) -> np.ndarray:
    if y <= 0:
        raise FloatingPointError
    return np.array([x / y, 1, (1 - x - y) / y])
