"""Who is looking at the page, and what each of them has here: nobody sees another's, and nothing stays.

A person is one open page. Photos and weights lie in a folder of their own that is served to nobody; what may be
fetched lies in a folder with a name that cannot be guessed. Both are deleted when the page is closed or loaded anew,
when somebody else needs the room, and when the server ends.
"""

import contextlib
import errno
import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Set
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import reason
from kindling.ui.limits import Limits
from kindling.ui.preview import Preview

__all__ = ["People", "Person", "sentence"]

CHECKPOINTS = 3  # that one person has for photos
# A disk without hard links, another disk, a file of another user, too many links to one file.
LINKLESS = {
    errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP
}  # fmt: skip


class Person:
    """What one person has here."""

    def __init__(self, root: Path, limits: Limits):
        self.limits = limits
        self.folder = Path(tempfile.mkdtemp(dir=root / "people"))
        self.results = root / "served" / secrets.token_urlsafe(32)
        self.photos: dict[str, Path] = {}
        """By the names that are shown."""
        self.weights: dict[str, Path] = {}
        """Those that were uploaded."""
        self.checkpoint: Path | None = None
        """The one in the tab for checkpoints: what is to be read, a file, a folder or a prefix."""
        self.preview: tuple[tuple[object, ...], Preview] | None = None
        """The photo that is being looked at, and what it was made of."""
        self.lock = threading.Lock()
        self.uploads: dict[str, frozenset[Path]] = {"photos": frozenset(), "weights": frozenset()}
        """By tab, Gradio's own files, to be forgotten. Replaced, never changed: other threads read them."""

    def take_photos(self, uploads: list[Path]) -> frozenset[Path]:
        """These and no others are the person's photos from now on. Returns the uploads that they replace.

        Raises KindlingError, and leaves the photos as they are, if these are too many or too large.
        """
        with self._replaced("photos", uploads) as gone:
            _check(uploads, "photos", self.limits.photos, self.limits.together)
            folder = self.folder / "photos"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(self.results / "pictures", ignore_errors=True)  # pictures of photos that are gone
            self.photos, self.preview = {}, None
            for number, upload in enumerate(uploads):
                self.photos[_free(upload.name, self.photos)] = _copied(upload, folder / str(number))
        return gone

    def take_weights(self, uploads: list[Path]) -> frozenset[Path]:
        """The files of one checkpoint, in a folder of their own, are `checkpoint` from now on; without files, None.

        Returns the uploads that they replace. Raises KindlingError, and leaves the checkpoint as it is, if two have
        one name, or if they are too many or too large.
        """
        with self._replaced("weights", uploads) as gone:
            _check(uploads, "files of a checkpoint", self.limits.files, self.limits.checkpoint)
            names = [upload.name for upload in uploads]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise KindlingError(f"two files are called {twice}: take one of them away")
            before, self.checkpoint = self.checkpoint, None
            self._drop(before)
            if uploads:
                self.checkpoint = folder = Path(tempfile.mkdtemp(dir=self.folder))
                self.checkpoint = _readable([_copied(upload, folder) for upload in uploads], folder)
        return gone

    def result_folder(self, what: str) -> Path:
        """A fresh folder for what this person may fetch; what lay there before is gone."""
        folder = self.results / what
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    @contextlib.contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A fresh folder that is served to nobody, and deleted after use."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield Path(folder)

    def use(self, checkpoint: Path) -> str:
        """Offer a checkpoint for this person's photos, in place of one of the same name. Returns what it is called."""
        name = f"uploaded: {checkpoint.name}"
        gone = [self.weights.pop(name, None)]
        self.weights[name] = checkpoint
        while len(self.weights) > CHECKPOINTS:
            gone.append(self.weights.pop(next(iter(self.weights))))
        self.preview = None
        for before in gone:
            self._drop(before)
        return name

    def leave(self) -> None:
        """Delete everything."""
        for folder in (self.folder, self.results):
            shutil.rmtree(folder, ignore_errors=True)
        self.preview = None

    @contextlib.contextmanager
    def _replaced(self, tab: str, uploads: list[Path]) -> Iterator[frozenset[Path]]:
        """Take the uploads of a tab. Gives those that they replace; where that fails, both are still to be forgotten,
        since Gradio's field may show either."""
        before, after = self.uploads[tab], frozenset(uploads)
        self.uploads[tab] = before | after
        yield before - after
        self.uploads[tab] = after

    def _drop(self, checkpoint: Path | None) -> None:
        """Delete the folder of a checkpoint, unless the tab or the menu has it still."""
        if checkpoint is not None and checkpoint not in (self.checkpoint, *self.weights.values()):
            own = checkpoint.relative_to(self.folder).parts[0]  # a checkpoint is a file, a prefix or the folder itself
            shutil.rmtree(self.folder / own, ignore_errors=True)


class People:
    """Everybody, by the random number that their page has drawn. Use as a context: it deletes what is left."""

    def __init__(self, root: Path, limits: Limits):
        self.root, self.limits = root, limits
        self._everybody: OrderedDict[str, Person] = OrderedDict()
        self._lock = threading.Lock()
        for name in ("people", "served"):
            (root / name).mkdir(mode=0o700, exist_ok=True)

    def of(self, session: str | None) -> Person:
        """The person of a page; a new one at first sight."""
        if not session:
            raise KindlingError("this page has no session: load it again")
        with self._lock:
            person = self._everybody.pop(session, None) or Person(self.root, self.limits)
            self._everybody[session] = person
            gone = [self._everybody.popitem(last=False)[1]] if len(self._everybody) > self.limits.people else []
        self._say_goodbye(gone)
        return person

    def forget(self, uploads: Set[Path]) -> None:
        """Delete uploads, unless somebody uploaded the very same file, here or in the other tab: then both have one."""
        with self._lock:
            wanted = {upload for person in self._everybody.values() for upload in _all(person.uploads)}
        for upload in uploads - wanted:
            upload.unlink(missing_ok=True)

    def leave(self, session: str | None) -> None:
        """The page was closed or loaded anew."""
        with self._lock:
            person = self._everybody.pop(session or "", None)
        self._say_goodbye([person] if person else [])

    def close(self) -> None:
        """Everybody leaves."""
        with self._lock:
            everybody = list(self._everybody.values())
            self._everybody.clear()
        self._say_goodbye(everybody)

    def _say_goodbye(self, gone):
        for person in gone:
            with person.lock:
                person.leave()
            self.forget(_all(person.uploads))


def _all(uploads):
    """The uploads of all tabs."""
    return frozenset().union(*uploads.values())


def _check(uploads, what, most, megabytes):
    """Raise KindlingError if files are more than `most`, or larger together than `megabytes`."""
    if len(uploads) > most:
        raise KindlingError(f"{len(uploads)} {what} are too many at a time; at most {most} are taken")
    size = sum(upload.stat().st_size for upload in uploads) / 1e6
    if size > megabytes:
        raise KindlingError(f"{size:,.0f} MB are too much at a time; at most {megabytes:,.0f} are taken")


def _copied(upload, folder):
    """A copy by a second name where the disk knows such, since two people may upload the very same file.

    Only where it knows none are bytes copied: if the name is taken, they would be written into another upload.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / upload.name
    try:
        target.hardlink_to(upload)
    except OSError as error:
        if error.errno not in LINKLESS:
            raise
        shutil.copyfile(upload, target)
    return target


def _readable(files, folder):
    """What is to be read of a checkpoint's files: the only one, the prefix of TensorFlow's, or the folder."""
    if len(files) == 1:
        return files[0]
    indices = [path for path in files if path.suffix == ".index"]
    return indices[0].with_suffix("") if len(indices) == 1 else folder


def _free(name, taken):
    """The name, or with a number before its suffix where another photo is called the same."""
    path, number, free = Path(name), 2, name
    while free in taken:
        free, number = f"{path.stem} ({number}){path.suffix}", number + 1
    return free


def sentence(error: BaseException, person: Person | None = None) -> str:
    """What went wrong, without the folders of this machine."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this here; try a smaller photo"
    if isinstance(error, OSError):
        return f"the server could not do it: {reason(error)}"
    said = str(error)
    if person is None:
        return said
    for name, path in {**person.photos, **person.weights}.items():
        said = said.replace(str(path), name)
    return "".join(part.rpartition("/")[2] if part.startswith(str(person.folder)) else part for part in _words(said))


def _words(said):
    """Words and the spaces between them."""
    word = ""
    for letter in said:
        if letter.isspace() or letter in ":;,":
            yield word
            yield letter
            word = ""
        else:
            word += letter
    yield word
