"""Pictures at full size and depth: the very path of `kindling enhance`, so that the pixels are the same."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.model import Model
from kindling.enhancing.render import enhance_file
from kindling.photos.find import Found
from kindling.photos.jobs import Naming, plan

__all__ = ["enhanced", "zipped"]


def enhanced(
    photos: Mapping[str, Path],
    folder: Path,
    model: Model,
    naming: Naming,
    *,
    progress: Callable[[int, int, str], None],
    **dials: Any,
) -> tuple[list[Path], list[str]]:
    """A picture of each photo in `folder`, and a sentence for each that could not be made.

    progress: told how many are done, of how many, and the name of the next. dials: as `enhance_file` has them.
    """
    made: list[Path] = []
    failed: list[str] = []
    for number, (name, path) in enumerate(photos.items()):
        progress(number, len(photos), name)
        try:
            # Each in a folder of its own, since two photos may have one name.
            (job,) = plan([Found(path)], f"{folder / str(number)}/", naming)
            enhance_file(job, model, **dials)
            made += job.targets.values()
        except (KindlingError, MemoryError) as error:
            failed.append(f"{name}: {str(error).replace(f'{path}: ', '') or 'there is not enough memory for it'}")
        model.rest()
    return made, failed


def zipped(files: list[Path], target: Path, below: Path | None = None) -> Path:
    """All of them in one file, stored as they are: pictures do not get smaller. Equal names get a number.

    below: the folder whose structure is kept; by default none is.
    """
    taken: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            name, number = file.relative_to(below).as_posix() if below else file.name, 2
            while name in taken:
                name, number = f"{file.stem} ({number}){file.suffix}", number + 1
            taken.add(name)
            archive.write(file, name)
    return target
