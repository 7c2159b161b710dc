"""Colours of photos as sRGB, where the profile that says what they are is not to come along."""

from dataclasses import replace

import numpy as np

from kindling.core.errors import KindlingError
from kindling.photos import vips
from kindling.photos.carried import Carried
from kindling.photos.embedding import is_grey
from kindling.photos.photo import Photo


def without_metadata(photo: Photo) -> Photo:
    """The photo without all that rides along, its colours converted to sRGB, as which numbers without a profile are
    read. Colours that PNG's own chunks describe are converted where they are Display P3 (cICP 12, 13)."""
    profile = photo.carried.get("icc", b"")
    points = dict(photo.carried.get("chunks", ())).get(b"cICP", b"")
    if points[:2] == b"\x0c\x0d":
        profile = b"p3"
    pixels = photo.pixels
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
