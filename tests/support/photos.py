"""What a photo carries beside its pixels, made small for tests."""

import numpy as np
from PIL import Image, ImageCms

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> Image.Exif:
    """A maker, a time, and which way up the camera was held (1: upright)."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "Maker"
    tags.get_ifd(0x8769)[0x9003] = "2019:10:21 12:00:00"
    return tags


def noise(height: int, width: int, seed: int = 0, top: int = 60) -> np.ndarray:
    """(height, width, 3) uint8 below `top`: a dark photo of nothing."""
    return np.random.default_rng(seed).integers(0, top, (height, width, 3), np.uint8)
