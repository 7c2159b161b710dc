"""From photos to brighter photos: which files, under which names, and the chain of evaluate.py for each.

The nets come in as a `Backend`, so this file knows no framework. The fusion is the original's own numpy arithmetic,
which makes the TensorFlow backend's pixels identical to the authors'.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.errors import KindlingError
from kindling.files import refuse_existing
from kindling.fusion import fuse
from kindling.images import SUFFIXES


@dataclass(frozen=True)
class Backend:
    """A loaded KinD and the way to run it on NHWC arrays: kind_tf.arrays.run or kind_torch.arrays.run."""

    name: str
    kind: object
    run: Callable[..., tuple[np.ndarray, ...]]


def enhance_image(image: np.ndarray, backend: Backend, ratio: float = 5.0) -> np.ndarray:
    """evaluate.py on one photo. image: (h, w, 3) float32 from `load_images`. Returns (h, w, 3) float32 in [0, 1].

    ratio: how much stronger the illumination is asked to be; the original's default is 5, its useful range 0 to 5.
    """
    R, L = backend.run(backend.kind, "decompose", image[np.newaxis])
    (restored,) = backend.run(backend.kind, "restore", R, L)
    (adjusted,) = backend.run(backend.kind, "adjust", L, ratio=ratio)
    return fuse(image, R[0], L[0], restored[0], adjusted[0])


def find_photos(inputs: Iterable[Path]) -> list[Path]:
    """The photos named by `inputs`: files as they are, and the photos directly inside folders, by name."""
    photos = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise KindlingError(f"{path}: there is no photo in this folder; known are {', '.join(SUFFIXES)}")
            photos += inside
        elif path.is_file():
            photos.append(path)
        else:
            raise KindlingError(f"{path}: no such file or folder")
    return photos


def plan(photos: Sequence[Path], out: Path, force: bool = False) -> list[tuple[Path, Path]]:
    """Photo -> where its enhanced picture goes: `<name>_kindle.png`, the name up to its first dot, as evaluate.py.

    Raises KindlingError if two photos would write the same file, or one is there already and not `force`.
    """
    pairs = [(photo, out / f"{photo.name.split('.')[0]}_kindle.png") for photo in dict.fromkeys(photos)]
    by_target: dict[Path, list[str]] = {}
    for photo, target in pairs:
        by_target.setdefault(target, []).append(str(photo))
    clashes = [f"{' and '.join(p)} would both write {target}" for target, p in by_target.items() if len(p) > 1]
    if clashes:
        raise KindlingError.of("two photos, one name", clashes, "enhance them into different folders")
    refuse_existing([target for _, target in pairs], force)
    return pairs
