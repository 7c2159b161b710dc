"""Which files come of each photo: settled, and refused where it clashes, before any work begins."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.core.words import Ratio
from kindling.photos.find import Found, find_photos
from kindling.photos.kinds import RAW, written_as

__all__ = ["PARTS", "Found", "Job", "Naming", "aim", "find_photos", "plan", "without_results"]

Key = tuple[str, Ratio | None]  # what is written, and for which ratio
PARTS = ("R", "L", "restored", "adjusted")
LONGEST = 255  # bytes of a file's name, where the system does not say
# What the name of a picture can have behind its suffix.
_BEHIND = r"(?:_(?:adjusted|R|L|restored|compare))?(?:_ratio(?:auto|[0-9.]+(?:e[+-]?[0-9]+)?))?"


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What is written for each photo. A ratio is a number or "auto"; ext is "auto", or png, jpg, webp or tiff.

    first_dot: cut a photo's name at its first dot, as evaluate.py does. By default only its suffix is cut, so that
    "Screenshot 2024.01.05.png" and "Screenshot 2024.01.06.png" stay two.

    >>> Naming(ratios=(1.0, 5.0), parts=True).files("night.2019.jpg")["adjusted", 5.0]
    'night.2019_kindle_adjusted_ratio5.png'
    >>> Naming(first_dot=True).files("night.2019.jpg")["enhanced", 5.0]
    'night_kindle.png'
    """

    suffix: str = "_kindle"
    ext: str = "png"
    ratios: tuple[Ratio, ...] = (5.0,)
    parts: bool = False
    compare: bool = False
    first_dot: bool = False

    def stem(self, name: str) -> str:
        """What the names of all pictures of the photo `name` begin with."""
        cut = name.split(".")[0] if self.first_dot else ""
        whole = Path(name).stem if any(map(str.isalpha, Path(name).suffix)) else name  # the .05 of a date is no kind
        return (cut or whole) + self.suffix

    def files(self, name: str, stem: str | None = None) -> dict[Key, str]:
        """(what, ratio) -> file name for the photo `name`; stem: in place of its own."""
        stem = self.stem(name) if stem is None else stem
        ext = (written_as(Path(name).suffix) or ".png") if self.ext == "auto" else f".{self.ext}"
        files: dict[Key, str] = {}
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
    """One photo and the files to be written for it, by (what, ratio).

    ratios: all that were asked for. A file that is there already is not among the targets, but a comparison shows it.
    """

    photo: Path
    targets: dict[Key, Path]
    ratios: tuple[Ratio, ...] = ()


def aim(out: str | Path, photos: Sequence[Found]) -> Path | None:
    """The one file that `-o out` names, or None where it names a folder.

    It is a folder if one is there, if the name ends in a separator, or if the name is not that of a picture. Raises
    KindlingError where a file is named, and there are several photos, or a file is there that is no picture.
    """
    text, path = str(out), Path(out)
    separated = text.endswith(tuple(separator for separator in (os.sep, os.altsep) if separator))
    if path.is_dir() or (separated and not path.exists()):
        return None
    if path.exists() and (separated or not written_as(path.suffix)):
        raise KindlingError(f"{out}: is a file, and -o wants a folder, or a picture such as out.png")
    if not written_as(path.suffix):
        return None
    if len(photos) > 1:
        raise KindlingError(
            f"{out}: is the name of one picture, and there are {len(photos)} photos; end it with {os.sep}"
        )
    return path


def without_results(photos: Sequence[Found], out: Path, naming: Naming | None = None) -> list[Found]:
    """Those that are no picture made earlier, by its name, of another of them: `-o photos/ photos/` goes on, not round.

    That is one in the very folder where that other photo's pictures go, with its name, the suffix, and what parts and
    ratios add.
    """
    naming = naming or Naming()
    if not naming.suffix:
        return list(photos)
    made = {(os.path.realpath(out / found.below), stem) for found, stem in _stems(photos, naming)}
    kept = []
    for found in photos:
        match = re.fullmatch(rf"(.*{re.escape(naming.suffix)}){_BEHIND}", found.path.stem)
        if match is None or (os.path.realpath(found.path.parent), match[1]) not in made:
            kept.append(found)
    return kept


def plan(
    photos: Sequence[Found],
    out: str | Path,
    naming: Naming | None = None,
    force: bool = False,
    skip_existing: bool = False,
) -> list[Job]:
    """The jobs to do, sub-folders kept below the folder `out`, or the one picture `out`, as `aim` says.

    With skip_existing, pictures that are there are left out, and photos of which nothing is missing; an empty file is
    no picture. Without force, nothing that is there is ever written. Raises KindlingError if two photos would write
    one file, one would write over a photo, a name is too long, a folder is in the way, or a file is there already and
    nothing says what then.
    """
    naming = naming or Naming()
    file = aim(out, photos)
    if file is None:
        out = Path(out)
        photos = without_results(photos, out, naming)
        jobs = [
            Job(found.path, _targets(found, out, naming, stem), naming.ratios) for found, stem in _stems(photos, naming)
        ]
    else:
        jobs = [Job(found.path, _one(file, naming), naming.ratios) for found in photos]
    jobs = _once(jobs)
    _refuse_clashes(jobs)
    _refuse_long_names(jobs)
    targets = [target for job in jobs for target in job.targets.values()]
    if not skip_existing:
        refuse_existing(targets, force)
        return jobs
    refuse_existing([target for target in targets if target.is_dir()], force)
    left = [(job, {key: target for key, target in job.targets.items() if not _is_there(target)}) for job in jobs]
    return [job if force else replace(job, targets=missing) for job, missing in left if missing]


def _targets(found, out, naming, stem):
    return {key: out / found.below / name for key, name in naming.files(found.path.name, stem).items()}


def _one(file, naming):
    """The targets beside the one file that was named; what is made in several versions has the ratio in its name."""
    suffix = file.suffix
    names = replace(naming, suffix="", ext=written_as(suffix)[1:]).files(file.name, file.stem)
    return {key: file.with_name(Path(name).stem + suffix) for key, name in names.items()}


def _stems(photos, naming):
    """Each photo and its stem. A raw photo that has the name of another one, as cameras write both, keeps its kind."""
    plain = {(found.below, naming.stem(found.path.name)) for found in photos if found.path.suffix.lower() not in RAW}
    for found in photos:
        stem = naming.stem(found.path.name)
        if found.path.suffix.lower() in RAW and (found.below, stem) in plain:
            stem = f"{stem.removesuffix(naming.suffix)}_{found.path.suffix[1:]}{naming.suffix}"
        yield found, stem


def _once(jobs: Sequence[Job]) -> list[Job]:
    """Without photos that are named twice, through a link too, and would write the same files."""
    seen: dict[tuple[str, tuple[Path, ...]], Job] = {}
    for job in jobs:
        seen.setdefault((os.path.realpath(job.photo), tuple(job.targets.values())), job)
    return list(seen.values())


def _refuse_clashes(jobs):
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


def _refuse_long_names(jobs):
    limits: dict[Path, int] = {}
    long = []
    for job in jobs:
        for target in job.targets.values():
            folder = target.parent
            if folder not in limits:
                limits[folder] = _longest(folder)
            if len(os.fsencode(target.name)) > limits[folder]:
                long.append(
                    f"{target.name} has {len(os.fsencode(target.name))} bytes, and {limits[folder]} are possible"
                )
    if long:
        raise KindlingError.of("a name is too long", long, "rename the photo, or give a shorter --suffix")


def _longest(folder):
    there = next(path for path in (folder, *folder.parents, Path()) if path.is_dir())
    try:
        return os.pathconf(there, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        return LONGEST


def _is_there(target):
    """A link counts, wherever it leads; an empty file is what a full disk or another program left."""
    return os.path.lexists(target) and not (target.is_file() and target.stat().st_size == 0)
