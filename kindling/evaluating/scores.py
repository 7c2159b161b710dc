"""evaluate_LOLdataset.py of the original: low photos with well-lit partners, enhanced and measured.

The original takes the ratio from the partner, so its figures are not blind; every figure here carries its ratio mode.
"""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Model
from kindling.enhancing.render import prepare
from kindling.evaluating import metrics
from kindling.photos.photo import SUFFIXES, read_photo

PROTOCOLS = {
    "lol": "restored * adjusted, as evaluate_LOLdataset.py",
    "photo": "with the mask and the blend with the input, as evaluate.py and kindling enhance",
}


@dataclass(frozen=True)
class Score:
    """One pair, measured, as `kindling.evaluating.metrics.DEFINITIONS` says; lpips is None if it was not measured."""

    image: str
    ratio_mode: str  # "gt", "auto" or the number that was given
    ratio: float
    protocol: str
    gt_mean: bool
    psnr: float
    ssim: float
    lpips: float | None = None


def find_pairs(low: Path, high: Path) -> list[tuple[Path, Path]]:
    """Photos of two folders that have the same name up to the suffix, or two files. Names every missing partner."""
    if low.is_file() and high.is_file():
        return [(low, high)]
    for folder in (low, high):
        if not folder.is_dir():
            raise KindlingError(f"{folder}: no such folder; LOW and HIGH are two folders or two photos")
    lows, highs = _by_stem(low), _by_stem(high)
    alone = [f"{path.name} has no partner in {high}" for stem, path in lows.items() if stem not in highs]
    alone += [f"{path.name} has no partner in {low}" for stem, path in highs.items() if stem not in lows]
    if alone:
        raise KindlingError.of(f"{low} and {high}", alone, "partners have the same name")
    if not lows:
        raise KindlingError(f"{low}: there is no photo in this folder; known are {', '.join(SUFFIXES)}")
    return [(path, highs[stem]) for stem, path in lows.items()]


def evaluate_pair(
    low: Path,
    high: Path,
    model: Model,
    ratio: float | str = "gt",
    protocol: str = "lol",
    gt_mean: bool = False,
    tile: int | str = "auto",
    lpips: Callable | None = None,
) -> tuple[np.ndarray, Score]:
    """The enhanced photo, (h, w, 3) uint8, and how close it came to its partner.

    ratio: a number, "auto", or "gt", which is taken from the partner as the original does. Photos of more than 8 bits
    are measured by their upper 8. Raises KindlingError for photos of different sizes.
    """
    given, partner = read_photo(low), read_photo(high)
    if given.size != partner.size:
        raise KindlingError(f"{low} is {_size(given)} and {high} {_size(partner)}: partners must be of one size")
    prepared = prepare(given, model, tile, given.pixels.size)
    number = prepared.true_ratio(partner) if ratio == "gt" else prepared.number(ratio)
    wanted = [("lit" if protocol == "lol" else "enhanced", number)]
    (picture,) = prepared.render(wanted).values()
    truth = np.ascontiguousarray(partner.pixels if partner.pixels.dtype == np.uint8 else partner.pixels >> 8)
    truth = truth.astype(np.uint8)
    measured = metrics.to_gt_mean(picture, truth) if gt_mean else picture
    score = Score(
        low.name,
        ratio if isinstance(ratio, str) else f"{ratio:g}",
        number,
        protocol,
        gt_mean,
        metrics.psnr(measured, truth),
        metrics.ssim(measured, truth),
        lpips(measured, truth) if lpips else None,
    )
    return picture, score


def mean_of(scores: Sequence[Score]) -> dict[str, float | None]:
    """The mean of each figure over all images."""
    means: dict[str, float | None] = {}
    for name in ("ratio", "psnr", "ssim", "lpips"):
        values = [getattr(score, name) for score in scores]
        means[name] = None if None in values else math.fsum(values) / len(values)
    return means


def write_csv(path: Path, scores: Sequence[Score]) -> None:
    """A line for each image, then one for the mean."""
    first, means = asdict(scores[0]), mean_of(scores)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows(asdict(score) for score in scores)
        writer.writerow({**first, "image": f"mean of {len(scores)}", **means})


def write_json(path: Path, scores: Sequence[Score], about: dict) -> None:
    """Everything in the CSV, and what each word in it means."""
    first = scores[0]
    measured = [name for name in metrics.DEFINITIONS if getattr(first, name) is not None]
    report = {
        **about,
        "ratio_mode": first.ratio_mode,
        "blind": first.ratio_mode != "gt" and not first.gt_mean,
        "protocol": f"{first.protocol}: {PROTOCOLS[first.protocol]}",
        "gt_mean": metrics.GT_MEAN if first.gt_mean else False,
        "metrics": {name: metrics.DEFINITIONS[name] for name in measured},
        "mean": mean_of(scores),
        "images": [asdict(score) for score in scores],
    }
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


def _by_stem(folder):
    stems: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            if path.stem in stems:
                raise KindlingError(f"{folder}: {stems[path.stem].name} and {path.name} are both called {path.stem}")
            stems[path.stem] = path
    return stems


def _size(photo):
    return "x".join(map(str, photo.size))
