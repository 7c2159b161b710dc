"""Pairs of photos, dark and bright, cut into the batches that the three trainings want.

Everything is drawn from a seed and the number of the step alone (`sample`), so a training that is stopped goes on
with the very batch it would have had, on either framework, and no random state has to be kept. Arrays are NHWC
float32 in [0, 1]. How the original cuts, turns and feeds is kept; what is added is sensor noise, off by default.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.photos.photo import SUFFIXES, Photo, read_photo

__all__ = [
    "Noise",
    "Sampling",
    "adjustment_batch",
    "augment",
    "decomposition_batch",
    "find_pairs",
    "fingerprint",
    "load_pairs",
    "restoration_batch",
    "sample",
]

MARGIN = 20  # pixels beyond a patch that can change the decomposition inside it
GRID = 4  # DecomNet pools twice: only windows that start on this grid see the pooling of the whole image


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How batches are drawn: `batch` squares of `patch` pixels from the first `images` pairs, turned `modes` ways."""

    batch: int
    patch: int
    seed: int
    shuffle: bool  # the pairs in a new order every pass, or always as they are named
    modes: int  # augmentation modes 0 to modes - 1
    images: int | None = None  # None: all pairs


@dataclass(frozen=True)
class Noise:
    """Sensor noise for dark photos: variance shot * x + read**2, each patch its own share of it, a quarter none."""

    shot: float = 0.0  # 1 / the electrons of a white pixel, at most
    read: float = 0.0  # standard deviation in the dark, at most

    def __bool__(self) -> bool:
        return self.shot > 0 or self.read > 0

    def added(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """x with Poisson and Gaussian noise, clipped and in 256 steps, as a camera would have written it."""
        if random.random() < 0.25:
            return x
        shot, read = self.shot * random.random(), self.read * random.random()
        if shot > 0:
            x = random.poisson(x / shot) * shot
        x = x + read * random.standard_normal(x.shape)
        return (np.round(np.clip(x, 0, 1) * 255) / 255).astype(np.float32)


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """The photos of folder/low, each with the one of the same name in folder/high, whatever their formats, by name.

    Raises KindlingError naming every photo without a partner, and every two of one name in one folder.
    """
    folder = Path(folder)
    sides: dict[str, dict[str, Path]] = {}
    problems = []
    for side in ("low", "high"):
        if not (folder / side).is_dir():
            raise KindlingError(
                f"{folder}: has no folder {side}/; training wants low/ and high/, the same names in both"
            )
        sides[side] = {}
        for path in sorted(folder.joinpath(side).iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                if path.stem in sides[side]:
                    problems.append(f"{side}/ has both {sides[side][path.stem].name} and {path.name}")
                sides[side][path.stem] = path
    low, high = sides["low"], sides["high"]
    problems += [f"low/{low[name].name} has no partner in high/" for name in low if name not in high]
    problems += [f"high/{high[name].name} has no partner in low/" for name in high if name not in low]
    if problems:
        raise KindlingError.of(str(folder), problems, "every photo needs one partner of the same name")
    if not low:
        raise KindlingError(f"{folder}: there is no photo in low/ and high/; known are {', '.join(SUFFIXES)}")
    return [(low[name], high[name]) for name in sorted(low)]


def load_pairs(paths: Sequence[tuple[Path, Path]], patch: int) -> list[tuple[Photo, Photo]]:
    """Read every pair. Raises KindlingError naming all pairs of unequal size and all smaller than the patch."""
    pairs, problems = [], []
    for low_path, high_path in paths:
        low, high = read_photo(low_path), read_photo(high_path)
        (h, w), other = low.size, high.size
        if (h, w) != other:
            problems.append(f"{low_path.name} is {h}x{w} in low/ and {other[0]}x{other[1]} in high/")
        elif min(h, w) < patch:
            problems.append(f"{low_path.name} is {h}x{w}, smaller than the patch of {patch}")
        pairs.append((low, high))
    if problems:
        raise KindlingError.of(
            str(paths[0][0].parents[1]), problems, "pairs must match pixel by pixel and hold a whole patch"
        )
    return pairs


def fingerprint(pairs: Sequence[tuple[Photo, Photo]]) -> str:
    """Of every pixel, so that a training only goes on with the photos it began with."""
    digest = hashlib.sha256()
    for pair in pairs:
        for photo in pair:
            digest.update(repr(photo.pixels.shape).encode() + photo.pixels.tobytes())
    return digest.hexdigest()


def sample(sampling: Sampling, count: int, step: int) -> Iterator[tuple[int, np.random.Generator]]:
    """Which pairs make up the batch of `step` (from 0), each with the randomness for cutting and turning it."""
    count = min(count, sampling.images or count)
    for place in range(step * sampling.batch, (step + 1) * sampling.batch):
        turn, index = divmod(place, count)
        if sampling.shuffle:
            index = int(np.random.default_rng([sampling.seed, 1, turn]).permutation(count)[index])
        yield index, np.random.default_rng([sampling.seed, 2, place])


def augment(image: np.ndarray, mode: int) -> np.ndarray:
    """Mode 0 to 7: mode // 2 quarter turns counter-clockwise, then upside down if the mode is odd. image: (h, w, c)."""
    turned = np.rot90(image, mode // 2)
    return np.flipud(turned) if mode % 2 else turned


def decomposition_batch(pairs: Sequence[tuple[Photo, Photo]], sampling: Sampling, step: int) -> tuple[np.ndarray, ...]:
    """low, high: (batch, patch, patch, 3)."""
    rows = []
    for index, random in sample(sampling, len(pairs), step):
        low, high = pairs[index]
        place, mode = _place(low.pixels.shape, sampling, random)
        rows.append([augment(photo.stretched(*place), mode) for photo in (low, high)])
    return _stack(rows)


def adjustment_batch(
    lights: Sequence[tuple[np.ndarray, np.ndarray]], sampling: Sampling, step: int
) -> tuple[np.ndarray, ...]:
    """i, ratio, target: (batch, patch, patch, 1). lights: L of the dark and of the bright photo, (h, w, 1) each.

    A coin decides whether a patch is to become brighter or darker.
    """
    rows = []
    for index, random in sample(sampling, len(lights), step):
        place, mode = _place(lights[index][0].shape, sampling, random)
        low, high = (augment(light[place], mode) for light in lights[index])
        ratio = np.mean(low / (high + 0.0001), dtype=np.float32)
        if random.integers(2):
            rows.append((low, np.full_like(low, 1 / ratio + 0.0001), high))
        else:
            rows.append((high, np.full_like(low, ratio), low))
    return _stack(rows)


def restoration_batch(
    pairs: Sequence[tuple[Photo, Photo]],
    targets: Sequence[np.ndarray],
    decompose: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    noise: Noise,
    sampling: Sampling,
    step: int,
) -> tuple[np.ndarray, ...]:
    """r, i, target: (batch, patch, patch, 3 or 1), the target being the bright photo's R ** 1.2.

    targets: R of the bright photos, (h, w, 3) each. decompose: (n, h, w, 3) -> R, L, the frozen DecomNet; it is asked
    for the dark photo anew, on a window around the patch, because the noise on it is new every time.
    """
    rows = []
    for index, random in sample(sampling, len(pairs), step):
        low, target = pairs[index][0], targets[index]
        place, mode = _place(target.shape, sampling, random)
        window, inside = zip(
            *(_window(side, size) for side, size in zip(place, target.shape, strict=False)), strict=True
        )
        R, L = decompose(
            noise.added(low.stretched(*window), random)[np.newaxis] if noise else low.stretched(*window)[np.newaxis]
        )
        rows.append([augment(image, mode) for image in (R[0][inside], L[0][inside], target[place] ** np.float32(1.2))])
    return _stack(rows)


def _place(shape: Sequence[int], sampling: Sampling, random: np.random.Generator) -> tuple[tuple[slice, ...], int]:
    """Where to cut, as two slices, and how to turn."""
    corner = [int(random.integers(size - sampling.patch + 1)) for size in shape[:2]]
    return tuple(slice(at, at + sampling.patch) for at in corner), int(random.integers(sampling.modes))


def _window(side: slice, size: int) -> tuple[slice, slice]:
    """Along one side of an image: the window to decompose for a patch there, and the patch within the window."""
    start = max(0, side.start - MARGIN) // GRID * GRID
    window = slice(start, min(size, side.stop + MARGIN))
    return window, slice(side.start - start, side.stop - start)


def _stack(rows: Sequence[Sequence[np.ndarray]]) -> tuple[np.ndarray, ...]:
    """A list of rows of images -> one array for each column."""
    return tuple(np.ascontiguousarray(np.stack(column), dtype=np.float32) for column in zip(*rows, strict=True))
