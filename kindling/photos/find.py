"""Finding photos: in files, folders and patterns that a person names, and what was passed over on the way."""

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.photos.kinds import KNOWN, SUFFIXES


@dataclass(frozen=True)
class Found:
    """A photo, and the folder it lay in below the input that named it."""

    path: Path
    below: Path = Path()


@dataclass
class Findings:
    """The photos, each once, and how many files of which kind lay beside them in the folders that were searched."""

    photos: list[Found] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def said(self) -> str:
        """What was left out, in words; "" for nothing.

        >>> Findings(left_out=Counter({".mov": 1, ".gif": 3, "": 1})).said()
        'left out, being no photos that are read: 3 .gif, 1 .mov, 1 without a suffix'
        """
        kinds = sorted(self.left_out.items(), key=lambda item: (-item[1], item[0] == "", item[0]))
        counted = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in kinds)
        return f"left out, being no photos that are read: {counted}" if counted else ""


def find(inputs: Iterable[Path], recursive: bool = False, out: Path | None = None) -> Findings:
    """The photos that `inputs` name: files as they are, the photos of folders by name, and patterns such as *.jpg.

    recursive: those in sub-folders too, linked ones as well. out: a folder that is left out, so that pictures are not
    made of pictures. Hidden files, such as the `._1.png` of macOS, are no photos. A name that is there is itself, with
    brackets in it too. Raises KindlingError for an input that is not there, is no file, or holds no photo.
    """
    findings = Findings()
    for path in inputs:
        if path.is_dir():
            _search(path, recursive, out, findings)
        elif path.is_file():
            findings.photos.append(Found(path))
        elif os.path.lexists(path):
            raise KindlingError(f"{path}: {_what(path)}")
        elif glob.has_magic(str(path)):
            matches = [Path(match) for match in sorted(glob.glob(_pattern(path), recursive=True))]
            if not matches:
                raise KindlingError(f"{path}: nothing matches this pattern")
            findings.photos += [Found(match) for match in matches if match.is_file()]
        else:
            raise KindlingError(f"{path}: no such file or folder")
    once = {(os.path.realpath(found.path.parent), found.path.name): found for found in reversed(findings.photos)}
    findings.photos = list(reversed(once.values()))
    return findings


def find_photos(inputs: Iterable[Path], recursive: bool = False, out: Path | None = None) -> list[Found]:
    """The photos of `find` alone."""
    return find(inputs, recursive, out).photos


def _pattern(path):
    """What is there by name is meant so, such as the folder in `trip [2024]/*.jpg`."""
    for count in range(len(path.parts), 0, -1):
        there = Path(*path.parts[:count])
        if os.path.lexists(there):
            return os.path.join(glob.escape(str(there)), *path.parts[count:])
    return str(path)


def _search(folder, recursive, out, findings):
    """Add what lies in a folder, by name."""
    inside = []
    been = {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, followlinks=True):
        here = Path(parent)
        folders.sort(key=lambda name: ((here / name).is_symlink(), name))  # the folder itself before a link to it
        folders[:] = [name for name in folders if recursive and _to_enter(here / name, out, been)]
        for name in names:
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in SUFFIXES:
                inside.append(Found(here / name, here.relative_to(folder)))
            else:
                findings.left_out[Path(name).suffix.lower()] += 1
    if not inside:
        deeper = "" if recursive else "; --recursive looks into sub-folders"
        there = f"; {findings.said()}" if findings.left_out else ""
        raise KindlingError(f"{folder}: there is no photo in this folder; known are {KNOWN}{deeper}{there}")
    findings.photos += sorted(inside, key=lambda found: (found.below.parts, found.path.name))


def _to_enter(folder, out, been):
    """True for a sub-folder to look into: not hidden, not the output, and not one that a link leads back to."""
    real = os.path.realpath(folder)
    if folder.name.startswith(".") or real in been or (out and real == os.path.realpath(out)):
        return False
    been.add(real)
    return True


def _what(path):
    try:
        mode = path.stat().st_mode
    except OSError:
        return "is a link that leads nowhere"
    return "is a pipe, not a file" if stat.S_ISFIFO(mode) else "is neither a file nor a folder"
