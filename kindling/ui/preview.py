"""One photo at a size that answers while a slider moves: decomposed and restored once, adjusted at every move.

A picture leaves here as the bytes of a JPEG, which the page gets inside its answer, so that it lies on no disk and at
no address.
"""

import io
from pathlib import Path

import numpy as np

from kindling.core.html import data_uri
from kindling.core.model import Array, Model
from kindling.core.words import ProtocolName, Ratio
from kindling.enhancing.prepared import Prepared, prepare
from kindling.enhancing.sheet import smaller
from kindling.images import to_pixels
from kindling.photos.photo import read_photo

__all__ = ["EXPOSURES", "PARTS", "Preview", "uri"]

EXPOSURES = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
SMALL = 168  # pixels of the longer side of a picture in the strip
# Short, or a phone hides them behind a button.
PARTS = {
    "R": "R",
    "L": "L",
    "restored": "Restored R",
    "adjusted": "Adjusted L",
}


class Preview:
    """A photo, read and made small. Raises KindlingError for what is no photo, or too large."""

    def __init__(self, path: Path, model: Model, *, side: int, megapixels: float):
        photo = read_photo(path, megapixels)
        self.full = photo.size
        small = smaller(photo, side)
        self.size = small.size
        # The nets work on the photo's own numbers, as `kindling enhance` does; its profile says what colours they are.
        self._profile = photo.carried.get("icc")
        eight = small.pixels if small.pixels.dtype == np.uint8 else (small.pixels >> 8).astype(np.uint8)
        self.before = self._jpeg(eight)
        self.told = model.family.ratio is not None
        """Whether its family can be asked for a ratio."""
        self._prepared = prepare(small, model)
        self._strip = prepare(smaller(small, SMALL), model)

    def number(self, ratio: Ratio) -> float:
        """A ratio as a number; what the photo itself suggests, from this smaller version of it."""
        return self._prepared.number(ratio if self.told else "default")

    def at(self, ratio: Ratio, strength: float, denoise: float, protocol: ProtocolName | None = None) -> bytes:
        """The enhanced picture as a JPEG. ratio, strength, denoise, protocol: as `Prepared.at`; None: the default."""
        return self._shown(self._prepared, ratio, strength, denoise, protocol)

    def part(self, name: str, ratio: Ratio) -> bytes:
        """R, L, restored or adjusted as a JPEG."""
        array = (
            self._prepared.adjusted(ratio if self.told else "default")
            if name == "adjusted"
            else getattr(self._prepared, name)
        )
        return self._jpeg(to_pixels(array))

    def exposures(self, strength: float, denoise: float, protocol: ProtocolName | None = None) -> dict[float, bytes]:
        """The photo at each of EXPOSURES, small; none of a family that cannot be asked for one."""
        if not self.told:
            return {}
        return {ratio: self._shown(self._strip, ratio, strength, denoise, protocol) for ratio in EXPOSURES}

    def _shown(
        self, prepared: Prepared, ratio: Ratio, strength: float, denoise: float, protocol: ProtocolName | None
    ) -> bytes:
        ratio = ratio if self.told else "default"
        picture = prepared.at(ratio, protocol=protocol or "default", strength=strength, denoise=denoise)
        return self._jpeg(to_pixels(picture))

    def _jpeg(self, pixels: Array) -> bytes:
        """pixels: (h, w, 3) or (h, w, 1) uint8."""
        from PIL import Image

        grey = pixels.shape[2] == 1
        image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=88, icc_profile=None if grey else self._profile)
        return file.getvalue()


def uri(picture: bytes) -> str:
    """Where the page finds it."""
    return data_uri("jpeg", picture)
