"""Many photos: while the nets work on one, a thread reads the next and another writes the one before.

The pictures, and what is said of a photo that fails, are those of `enhance_file` one after the other. At most one small
photo is read ahead, small by its header, and one picture waits to be written: around a large one nothing is, so that
memory is what a single photo takes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.model import Model
from kindling.enhancing.render import Opened, make, open_photo, put
from kindling.photos.jobs import Job
from kindling.photos.photo import Photo, count_pixels

__all__ = ["LARGE", "Outcome", "enhance_files"]

LARGE = 4e6  # pixels from which a photo has the memory to itself
READING = ("megapixels", "max_side", "metadata")  # the dials of `open_photo`; the others are those of `make`
Outcome = Mapping[str, float] | KindlingError | MemoryError
FAILED = (KindlingError, MemoryError)


def enhance_files(
    jobs: Sequence[Job],
    model: Model,
    *,
    lost: Callable[[str], None] = lambda thing: None,
    through: Callable[[Job], object] = lambda job: None,
    **dials: Any,
) -> Iterator[tuple[Job, Outcome]]:
    """Each of `jobs`, in order, with the ratios that were taken, or the error that it failed with.

    lost, dials: as in `enhance_file`. through: told each job when the nets are done with it, before it is written.
    After Ctrl-C, and when the caller stops asking, the picture that is being written is finished and no other begun.
    """
    reading = {name: dials.pop(name) for name in READING if name in dials}
    with _Thread() as reader, _Thread() as writer:
        read = partial(open_photo, **reading)
        ahead = reader.submit(read, jobs[0]) if jobs else None
        behind: tuple[Job, Future[Any]] | None = None
        for job, following in zip(jobs, [*jobs[1:], None], strict=True):
            assert ahead is not None
            outcome: Outcome | None = None
            made, size, pixels = None, None, 0.0
            try:
                opened: Opened = ahead.result()
                size, pixels = opened.photo.size, _pixels(opened.photo)
                for thing in opened.lost:
                    lost(thing)
                if pixels < LARGE:
                    ahead = reader.submit(read, following) if following and _is_small(following) else None
                made = make(job, opened.photo, model, **dials)
                del opened
            except FAILED as error:
                outcome = error
            through(job)
            if behind:
                yield _written(behind)
                behind = None
            if made is None:
                assert outcome is not None
                yield job, outcome
            else:
                behind = job, writer.submit(put, job, made)
            if behind and (pixels >= LARGE or ahead is None):  # its picture is not to be in memory with a large photo
                yield _written(behind)
                behind = None
            del made
            if following and (pixels >= LARGE or size is None or ahead is None):
                ahead = reader.submit(read, following)
            if size is None or not following or size != _size(ahead):
                model.rest()  # what is kept for tiles of one size does not fit another's
        if behind:
            yield _written(behind)


class _Thread(ThreadPoolExecutor):
    """One thread, which on the way out finishes what it is at, and begins nothing more."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def __exit__(self, *error: object) -> None:
        self.shutdown(wait=True, cancel_futures=True)


def _written(behind: tuple[Job, Future[Any]]) -> tuple[Job, Outcome]:
    job, writing = behind
    try:
        return job, writing.result()
    except FAILED as error:
        return job, error


def _size(ahead: Future[Opened] | None) -> tuple[int, int] | None:
    """Of the photo that was read ahead, once it is; None if it failed."""
    if ahead is None or ahead.exception() is not None:
        return None
    return ahead.result().photo.size


def _is_small(job: Job) -> bool:
    """By its header; False where that does not say."""
    return 0 < count_pixels(job.photo) < LARGE


def _pixels(photo: Photo) -> float:
    return float(photo.size[0] * photo.size[1])
