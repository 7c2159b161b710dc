"""The chain of nets on one whole photo for the benchmarks: the costly part once, then a picture for any ratio.

`pad` reflects the photo beyond its borders before the nets see it, and cuts that off again.
"""

from pathlib import Path

import numpy as np

from kindling.families.kind.estimator import FILE, Estimator
from kindling.families.kind.fusion import fuse
from kindling.images import to_pixels
from kindling.photos.photo import Photo
from kindling.runtimes import open_model
from kindling.training.joint import EPSILON

# restored * adjusted; that, giving way to the photo where it is bright already; that with evaluate.py's mask and blend
PROTOCOLS = ("plain", "blend", "photo")
POWER = 8  # of `blend`: L ** POWER of the photo; evaluate.py has L itself


class Chain:
    """The nets in `weights`, and their estimator where one lies beside them."""

    def __init__(self, weights: Path, pad: int = 0, runtime: str = "torch"):
        self.model, self.pad = open_model(weights, runtime), pad
        path = Path(weights) / FILE
        self.estimator = Estimator.read(path) if path.is_file() else None

    def run(self, verb: str, *arrays, **options):
        return self.model.run(verb, *arrays, **options)

    def light(self, photo: Photo) -> np.ndarray:
        """L of a photo: (h, w, 1)."""
        return self._cut(self.run("decompose", self._padded(photo))[1])

    def prepare(self, photo: Photo) -> "Prepared":
        """All that does not hang on the ratio."""
        return Prepared(self, photo)

    def _padded(self, photo):
        x, p = photo.stretched(), self.pad
        return np.pad(x, ((p, p), (p, p), (0, 0)), "reflect")[np.newaxis] if p else x[np.newaxis]

    def _cut(self, x):
        return x[0, self.pad : x.shape[1] - self.pad, self.pad : x.shape[2] - self.pad]


class Prepared:
    """One photo, decomposed and restored. x, R, restored: (h, w, 3); L: (h, w, 1)."""

    def __init__(self, chain: Chain, photo: Photo):
        self.chain, self.x = chain, photo.stretched()
        R, self._light = chain.run("decompose", chain._padded(photo))
        self.restored = chain._cut(chain.run("restore", R, self._light)[0])
        self.R, self.L = chain._cut(R), chain._cut(self._light)

    def true_ratio(self, light: np.ndarray) -> float:
        """light: L of the bright partner."""
        return float(np.mean(light / (self.L + np.float32(EPSILON))))

    @property
    def auto_ratio(self) -> float:
        """By the weights' estimator; without one, as kindling/enhancing/ratio.py."""
        from kindling.enhancing.ratio import LARGEST, LEVEL

        if self.chain.estimator:
            return self.chain.estimator.guess(self.L, self.x)
        return min(float(np.mean(LEVEL / (self.L + np.float32(EPSILON)))), LARGEST)

    def at(self, ratio: float, protocol: str = "plain") -> np.ndarray:
        """The picture: (h, w, 3) uint8."""
        adjusted = self.chain._cut(self.chain.run("adjust", self._light, ratio=ratio)[0])
        if protocol == "photo":
            return to_pixels(fuse(self.x, self.R, self.L, self.restored, adjusted))
        picture = self.restored * adjusted
        if protocol == "blend":
            share = self.L**POWER
            picture = share * self.x + (1 - share) * picture
        return to_pixels(picture)
