"""Which photos, and which files come of each: settled, and refused where it clashes, before any work begins."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.photos.photo import KINDS, SUFFIXES, WRITING

PARTS = ("R", "L", "restored", "adjusted")


@dataclass(frozen=True)
class Found:
    """A photo, and the folder it lay in below the input that named it."""

    path: Path
    below: Path = Path()


@dataclass(frozen=True)
class Naming:
    """What is written for each photo. A ratio is a number or "auto"; ext is "auto" or one of
    `kindling.photos.photo.WRITING`.

    >>> Naming(ratios=(1.0, 5.0), parts=True).files("night.2019.jpg")["adjusted", 5.0]
    'night_kindle_adjusted_ratio5.png'
    """

    suffix: str = "_kindle"
    ext: str = "png"
    ratios: tuple[float | str, ...] = (5.0,)
    parts: bool = False
    compare: bool = False

    def files(self, name: str) -> dict[tuple[str, float | str | None], str]:
        """(what, ratio) -> file name for the photo `name`, whose own name ends at its first dot, as in evaluate.py."""
        stem = (name.split(".")[0] or Path(name).stem) + self.suffix
        own = Path(name).suffix.lower()
        ext = KINDS.get(own, own) if self.ext == "auto" else f".{self.ext}"
        ext = ext if ext in WRITING else ".png"
        files = {}
        for ratio in self.ratios:
            of = f"_ratio{ratio:g}" if isinstance(ratio, float) else f"_ratio{ratio}"
            of = of if len(self.ratios) > 1 else ""
            files["enhanced", ratio] = f"{stem}{of}{ext}"
            if self.parts:
                files["adjusted", ratio] = f"{stem}_adjusted{of}{ext}"
        if self.parts:
            files |= {(part, None): f"{stem}_{part}{ext}" for part in PARTS[:3]}
        if self.compare:
            files["compare", None] = f"{stem}_compare{ext}"
        return files


@dataclass(frozen=True)
class Job:
    """One photo and the files to be made of it, by (what, ratio)."""

    photo: Path
    targets: dict[tuple[str, float | str | None], Path]


def find_photos(inputs: Iterable[Path], recursive: bool = False, out: Path | None = None) -> list[Found]:
    """The photos that `inputs` name: files as they are, the photos of folders by name, and patterns such as *.jpg.

    recursive: those in sub-folders too. out: a folder that is left out, so that pictures are not made of pictures.
    """
    photos = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(_inside(path, recursive, out), key=lambda found: (found.below.parts, found.path.name))
            if not inside:
                deeper = "" if recursive else "; --recursive looks into sub-folders"
                known = ", ".join(SUFFIXES)
                raise KindlingError(f"{path}: there is no photo in this folder; known are {known}{deeper}")
            photos += inside
        elif path.is_file():
            photos.append(Found(path))
        elif glob.has_magic(str(path)):
            matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
            if not matches:
                raise KindlingError(f"{path}: nothing matches this pattern")
            photos += find_photos((match for match in matches if match.is_file()), out=out)
        else:
            raise KindlingError(f"{path}: no such file or folder")
    return list(dict.fromkeys(photos))


def plan(
    photos: Sequence[Found], out: Path, naming: Naming | None = None, force: bool = False, skip_existing: bool = False
) -> list[Job]:
    """The jobs to do, sub-folders kept below `out`.

    With skip_existing, photos all of whose files are there are left out. Raises KindlingError if two photos would
    write one file, one would write over a photo, or a file is there already and nothing says what then.
    """
    naming = naming or Naming()
    jobs = [
        Job(found.path, {key: out / found.below / name for key, name in naming.files(found.path.name).items()})
        for found in photos
    ]
    written_by: dict[Path, list[str]] = {}
    for job in jobs:
        for target in job.targets.values():
            written_by.setdefault(target, []).append(str(job.photo))
    clashes = [f"{' and '.join(p)} would both write {target}" for target, p in written_by.items() if len(p) > 1]
    if clashes:
        raise KindlingError.of("two photos, one name", clashes, "enhance them into different folders")
    sources = {os.path.realpath(job.photo) for job in jobs}
    eaten = [str(target) for target in written_by if os.path.realpath(target) in sources]
    if eaten:
        raise KindlingError.of("a photo would be overwritten", eaten, "write to another folder, or give a --suffix")
    if skip_existing:
        return [job for job in jobs if not all(target.exists() for target in job.targets.values())]
    refuse_existing(list(written_by), force)
    return jobs


def _inside(folder, recursive, out):
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [
            name for name in folders if recursive and not name.startswith(".") and not (out and _same(here / name, out))
        ]
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Found(here / name, here.relative_to(folder))


def _same(a, b):
    return os.path.realpath(a) == os.path.realpath(b)
