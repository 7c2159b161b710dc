"""A progress bar of photos and megapixels, on a terminal; it moves with every tile, and is not there in a pipe."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kindling.photos.jobs import Job
from kindling.photos.photo import count_pixels

__all__ = ["Bar"]


class Bar:
    """Use as a context. `advance` takes pixels of the photo at hand, `finish` ends it, enhanced or not."""

    def __init__(self, jobs: Sequence[Job]):
        self.pixels: dict[Path, int] = {job.photo: count_pixels(job.photo) for job in jobs}
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[photos]} photos, {task.fields[megapixels]} megapixels, left:"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        total = max(sum(self.pixels.values()), 1)
        self.task = self.progress.add_task("enhancing", total=total, photos="", megapixels="")
        self.photos = self.before = self.now = 0
        self._show()

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def advance(self, pixels: int) -> None:
        """So many pixels of the photo at hand are finished."""
        self.now += pixels
        self._show()

    def finish(self, job: Job) -> int:
        """One photo is through. Returns its pixels."""
        self.photos += 1
        self.before, self.now = self.before + self.pixels[job.photo], 0
        self._show()
        return self.pixels[job.photo]

    def _show(self) -> None:
        done, total = self.before + self.now, sum(self.pixels.values())
        megapixels = f"{done / 1e6:.1f}/{total / 1e6:.1f}"
        photos = f"{self.photos}/{len(self.pixels)}"
        self.progress.update(self.task, completed=done, photos=photos, megapixels=megapixels)
