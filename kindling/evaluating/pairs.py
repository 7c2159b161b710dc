"""Which picture belongs to which: dark photos and their well-lit partners, in the layouts that data sets come in.

LOL has low/ and high/ with the same names, below our485/ and eval15/; LOL-v2 has Low/low00001.png and
Normal/normal00001.png; others say input/ and target/ or gt/. A picture by another method mostly has something added to
the partner's name.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.photos.find import find

__all__ = ["BY_NAME", "BY_REST", "Pairs", "Results", "find_pairs", "find_results", "search"]

LOW = ("low", "lowlight", "dark", "input", "inputs")
HIGH = ("high", "normal", "target", "targets", "gt", "groundtruth", "bright", "reference")
DEEP = 3  # folders below a root in which sides are looked for: LOL-v2/Real_captured/Train/Low
BY_NAME = "partners have the same name"
BY_REST = "partners have the same name but for the side's word, such as low00001 and normal00001"
BY_STEM = (
    "a picture belongs to the partner whose name it has, or begins or ends with, the longest one, such as "
    "1_kindle.png to 1.png"
)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Photos and their partners, by name, and how they were found."""

    pairs: tuple[tuple[Path, Path], ...]
    """(low, high)"""
    rule: str
    """What makes two photos partners, in words, and which folders they were taken from."""
    problems: tuple[str, ...] = ()
    """A sentence for each photo that is left out for want of one partner."""
    notes: tuple[str, ...] = ()
    """What else lay there, in words."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """The pictures that another method made, by their well-lit partners."""

    method: str
    pictures: tuple[tuple[Path, Path], ...]
    """(picture, partner)"""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_pairs(low: Path, high: Path) -> list[tuple[Path, Path]]:
    """Every photo of two folders with its partner. Raises KindlingError where one has none, all of them at once."""
    found = search(low, high)
    if found.problems:
        raise KindlingError.of(f"{low} and {high}", found.problems, found.rule)
    return list(found.pairs)


def search(low: Path, high: Path | None = None) -> Pairs:
    """Pairs in two folders, of two photos, or, without `high`, below one folder whose layout is recognised.

    Hidden files, such as the `._1.png` of macOS, are no photos. Raises KindlingError where there is no pair at all, or
    the folder holds several sets of them.
    """
    if high is None:
        low, high = _sides(low)
    if low.is_file() and high.is_file():
        return Pairs(pairs=((low, high),), rule=f"{low} and {high}")
    for folder in (low, high):
        if not folder.is_dir():
            raise KindlingError(f"{folder}: no such folder; LOW and HIGH are two folders or two photos")
    (lows, low_notes), (highs, high_notes) = _photos(low), _photos(high)
    tried = [
        (rule, *_match(low, lows, of_low, high, highs, of_high))
        for rule, of_low, of_high in (
            (BY_NAME, _same, _same),
            (BY_REST, lambda stem: _bare(stem, LOW), lambda stem: _bare(stem, HIGH)),
        )
    ]
    rule, pairs, problems = max(tried, key=lambda found: len(found[1]))  # the first, if they find as many
    if not pairs:
        raise KindlingError.of(f"{low} and {high}", problems, rule)
    return Pairs(
        pairs=tuple(pairs),
        rule=f"{rule}; {low} and {high}",
        problems=tuple(problems),
        notes=tuple(low_notes + high_notes),
    )


def find_results(folder: Path, partners: Sequence[Path], method: str) -> Results:
    """The picture in `folder` that belongs to each of `partners`, by what it is called.

    Its name is the partner's, or begins or ends with it, set off by no letter or digit; the longest such name counts,
    so that 1_2_out.png belongs to 1_2.png where 1.png is there too. A side's word is no part of a name, so low7.png
    belongs to normal7.png. Raises KindlingError where no picture belongs to any.
    """
    if not folder.is_dir():
        raise KindlingError(f"{folder}: no such folder; --results wants a folder of pictures")
    pictures, notes = [found.path for found in find([folder]).photos], []
    by_name: dict[str, list[Path]] = {}
    for partner in partners:
        for name in {partner.stem, _bare(partner.stem, HIGH + LOW)}:
            by_name.setdefault(name, []).append(partner)
    sure: dict[Path, list[Path]] = {partner: [] for partner in partners}
    likely: dict[Path, list[Path]] = {partner: [] for partner in partners}
    problems = []
    for picture in pictures:
        names = (picture.stem, _bare(picture.stem, HIGH + LOW))
        exact = next((by_name[name] for name in names if name in by_name), None)
        near = exact or _longest(names, by_name)
        if not near:
            problems.append(f"{picture} belongs to none of the partners")
        elif len(near) > 1:
            problems.append(f"{picture} could belong to {' and '.join(path.name for path in near)}")
        else:
            (sure if exact else likely)[near[0]].append(picture)
    found = []
    for partner in partners:
        claims = sure[partner] or likely[partner]
        if sure[partner] and likely[partner]:
            notes.append(f"left out beside {sure[partner][0].name}: {', '.join(p.name for p in likely[partner])}")
        if len(claims) == 1:
            found.append((claims[0], partner))
        elif claims:
            problems.append(f"{' and '.join(map(str, claims))} could both belong to {partner.name}")
        else:
            problems.append(f"{folder} has no picture that belongs to {partner.name}")
    if not found:
        raise KindlingError.of(str(folder), problems, BY_STEM)
    return Results(method=method, pictures=tuple(found), problems=tuple(problems), notes=tuple(notes))


def _sides(root):
    """The two folders of the one set of pairs that lies in or below `root`."""
    if not root.is_dir():
        what = "is one photo; name its partner too" if root.is_file() else "no such folder"
        raise KindlingError(f"{root}: {what}")
    sets = [(folder, sides) for folder in _below(root, DEEP) if all(sides := _named(folder))]
    own = [sides for folder, sides in sets if folder == root]
    if not own and len(sets) > 1:
        raise KindlingError.of(
            f"{root}: holds {len(sets)} sets of pairs", [str(folder) for folder, _ in sets], "name one of these folders"
        )
    if not sets:
        raise KindlingError(
            f"{root}: holds no folder of dark photos ({', '.join(LOW)}) beside one of well-lit ones "
            f"({', '.join(HIGH)}); name both, with --low and --high"
        )
    low, high = own[0] if own else sets[0][1]
    if len(low) > 1 or len(high) > 1:
        several = [str(folder) for side in (low, high) if len(side) > 1 for folder in side]
        raise KindlingError.of(str(root), several, "each could be one side; name both, with --low and --high")
    return low[0], high[0]


def _below(folder, deep):
    """The folder and those inside it, hidden ones and sides of pairs left out, by name."""
    yield folder
    for inside in sorted(folder.iterdir()) if deep else ():
        if inside.is_dir() and not inside.name.startswith(".") and inside.name.lower() not in LOW + HIGH:
            yield from _below(inside, deep - 1)


def _named(folder):
    """The folders in it that are called like one side, and like the other."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return tuple([path for path in inside if path.name.lower() in words] for words in (LOW, HIGH))


def _photos(folder):
    """The photos in a folder, by name, and what else is there, in words."""
    found = find([folder])
    said = found.said()
    return [photo.path for photo in found.photos], [f"{folder}: {said}"] if said else []


def _match(low, lows, of_low, high, highs, of_high):
    """(pairs, problems) of two lists of photos, partners having the same key."""
    problems: list[str] = []
    sides = [_by_key(photos, key, problems) for photos, key in ((lows, of_low), (highs, of_high))]
    for here, there, folder in ((*sides, high), (*reversed(sides), low)):
        problems += [f"{path} has no partner in {folder}" for key, path in here.items() if path and key not in there]
    pairs = [(path, sides[1][key]) for key, path in sides[0].items() if path and sides[1].get(key)]
    return pairs, problems


def _by_key(photos: Iterable[Path], key: Callable[[str], str], problems: list[str]) -> dict[str, Path | None]:
    """Photos by the key of their names; None where several have one, which is said in `problems`."""
    together: dict[str, list[Path]] = {}
    for path in photos:
        together.setdefault(key(path.stem), []).append(path)
    for same, paths in together.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            problems.append(f"{paths[0].parent}{os.sep}: {names} are both called {same}")
    return {same: paths[0] if len(paths) == 1 else None for same, paths in together.items()}


def _same(stem):
    return stem


def _bare(stem, words):
    """The name without the side's word.

    >>> _bare("low00001", LOW), _bare("7_low", LOW), _bare("lowland", LOW)
    ('00001', '7', 'lowland')
    """
    word = "|".join(words)
    match = re.fullmatch(rf"(?:{word})(?:[-_ .]+(.+)|(\d.*))|(.+?)[-_ .]+(?:{word})", stem, re.IGNORECASE)
    return next((part for part in match.groups() if part), stem) if match else stem


def _longest(names, by_name):
    """The partners whose name is the longest that one of `names` begins or ends with, set off from the rest."""
    for length in sorted({len(name) for name in by_name}, reverse=True):
        for name in names:
            if length < len(name):
                for part, edge in ((name[:length], name[length]), (name[-length:], name[-length - 1])):
                    if part in by_name and not edge.isalnum():
                        return by_name[part]
    return None
