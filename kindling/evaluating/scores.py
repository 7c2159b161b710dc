"""One picture and its well-lit partner: evaluate_LOLdataset.py of the original, and what was measured of it.

The original takes the ratio from the partner, so its figures are not blind; every figure here carries its ratio mode.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.core.words import ProtocolName
from kindling.enhancing.ratio import check_ratio
from kindling.enhancing.render import Tile, check_share, prepare
from kindling.evaluating import metrics
from kindling.evaluating.metrics import Distance
from kindling.photos.photo import Photo, read_photo

__all__ = [
    "METHOD",
    "PROTOCOLS",
    "Protocol",
    "Score",
    "Settings",
    "Summary",
    "enhance_pair",
    "measure_file",
    "read_truth",
    "score_of",
    "summary_of",
]

METHOD = "kindling"  # what tables call our own pictures
SAMPLES = 2000  # of the bootstrap
LIKELY = (0.025, 0.975)  # the ends of a 95 % interval


@dataclass(frozen=True)
class Protocol:
    """Which picture is measured."""

    part: str
    """As kindling.enhancing.render.Prepared.render calls it."""
    what: str
    """The picture in words."""


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "lol": Protocol("lit", "restored * adjusted, as evaluate_LOLdataset.py"),
        "blend": Protocol("blended", "restored * adjusted, with bright places left to the photo, as kindling enhance"),
        "photo": Protocol("enhanced", "with the mask and the blend with the input, as evaluate.py"),
        "adjusted": Protocol("relit", "the same with the light adjusted, as KinD++'s evaluate.py --adjustment"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are made and measured. Raises KindlingError for a word that is not known, a number out of range."""

    ratio: float | Literal["auto", "gt"] = "gt"
    """A number from 0 up; "auto", from the dark photo; "gt", from its partner, as the original does."""
    protocol: ProtocolName = "lol"
    """A key of PROTOCOLS."""
    gt_mean: bool = False
    """Whether the brightness is set to the partner's before measuring."""
    denoise: float = 1.0
    """From 0, no restoration, to 1."""
    tile: Tile = "auto"

    def __post_init__(self) -> None:
        if self.ratio not in ("gt", "auto"):
            if isinstance(self.ratio, str):
                raise KindlingError(f'a ratio of {self.ratio!r}: expected a number from 0 up, "auto" or "gt"')
            check_ratio(self.ratio)
        if self.protocol not in PROTOCOLS:
            raise KindlingError(f"there is no protocol {self.protocol!r}; there are {', '.join(PROTOCOLS)}")
        check_share("denoise", self.denoise)

    @property
    def ratio_mode(self) -> str:
        """ "gt", "auto" or the number."""
        return self.ratio if isinstance(self.ratio, str) else f"{self.ratio:g}"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One picture, measured, as `kindling.evaluating.metrics.DEFINITIONS` says; lpips is None if it was not measured.

    Of another method's picture it is not known how it was made, so that ratio_mode, ratio and protocol are None.
    """

    image: str
    """The name of the dark photo, or, where there is none, of its partner."""
    method: str = METHOD
    ratio_mode: str | None
    ratio: float | None
    protocol: str | None
    gt_mean: bool
    psnr: float
    ssim: float
    ssim_uniform: float
    ssim_grey: float
    lpips: float | None = None

    @property
    def blind(self) -> bool:
        """False if anything was taken from the partner, as far as that is known."""
        return self.ratio_mode != "gt" and not self.gt_mean


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One method over all its images."""

    method: str
    images: int
    means: Mapping[str, float | None]
    """ratio and every figure; None if it was not measured of each image."""
    intervals: Mapping[str, tuple[float, float] | None]
    """Where the mean lies with 95 %, by bootstrap over the images; None for one image, or infinite figures."""


def read_truth(path: Path) -> tuple[Photo, Array]:
    """A well-lit photo, and its 8 bits, (h, w, 3) uint8; of 16 the upper 8."""
    photo = read_photo(path)
    return photo, _eight_bits(photo)


def enhance_pair(low: Path, high: Path, model: Model, settings: Settings) -> tuple[Array, float, Array]:
    """The enhanced photo, the ratio that was taken, and the partner: (h, w, 3) uint8, a number, (h, w, 3) uint8.

    Raises KindlingError for what cannot be read, and for photos of different sizes.
    """
    given = read_photo(low)
    partner, truth = read_truth(high)
    _check_sizes(low, given.size, high, partner.size)
    prepared = prepare(given, model, settings.tile, given.pixels.size)
    if model.family.ratio is None:
        number = prepared.number("default" if settings.ratio == "gt" else settings.ratio)
    else:
        number = prepared.true_ratio(partner) if settings.ratio == "gt" else prepared.number(settings.ratio)
    wanted: list[tuple[str, float | None]] = [(PROTOCOLS[settings.protocol].part, number)]
    (picture,) = prepared.render(wanted, denoise=settings.denoise).values()
    return picture, number, truth


def measure_file(picture: Path, high: Path, image: str, method: str, gt_mean: bool, distance: Distance | None) -> Score:
    """Another method's picture of `image` against its partner. Raises KindlingError as `enhance_pair`."""
    photo = read_photo(picture)
    _, truth = read_truth(high)
    _check_sizes(picture, photo.size, high, truth.shape[:2])
    figures = score_of(_eight_bits(photo), truth, gt_mean, distance)
    return Score(image=image, method=method, ratio_mode=None, ratio=None, protocol=None, gt_mean=gt_mean, **figures)


def score_of(picture: Array, truth: Array, gt_mean: bool, distance: Distance | None) -> dict:
    """Every figure by name. (h, w, 3) uint8 each."""
    return metrics.measure(metrics.to_gt_mean(picture, truth) if gt_mean else picture, truth, distance)


def summary_of(scores: Sequence[Score]) -> Summary:
    """The means of one method's scores, and how sure they are."""
    means: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float] | None] = {}
    for name in ("ratio", *metrics.DEFINITIONS):
        values = [getattr(score, name) for score in scores]
        known = bool(values) and None not in values
        means[name] = math.fsum(values) / len(values) if known else None
        intervals[name] = _interval(np.array(values)) if known else None
    return Summary(method=scores[0].method, images=len(scores), means=means, intervals=intervals)


def _interval(values):
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    random = np.random.default_rng(0)
    means = values[random.integers(len(values), size=(SAMPLES, len(values)))].mean(axis=1)
    least, most = np.quantile(means, LIKELY)
    return float(least), float(most)


def _check_sizes(path, size, partner, other):
    if tuple(size) != tuple(other):
        a, b = ("x".join(map(str, one)) for one in (size, other))
        raise KindlingError(f"{path} is {a} and its partner {partner} {b}: partners must be of one size")


def _eight_bits(photo):
    pixels = photo.pixels if photo.pixels.dtype == np.uint8 else (photo.pixels >> 8).astype(np.uint8)
    return np.ascontiguousarray(pixels)
