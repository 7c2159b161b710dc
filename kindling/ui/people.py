"""Who is looking at the page, and what each of them has here: nobody sees another's, and nothing stays.

A person is one open page. Photos and weights lie in a folder of their own that is served to nobody; what may be
fetched lies in a folder with a name that cannot be guessed. Both are deleted when the page is closed or loaded anew,
when somebody else needs the room, and when the server ends.
"""

import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import reason
from kindling.ui.limits import Limits
from kindling.ui.preview import Preview

__all__ = ["People", "Person", "sentence"]

CHECKPOINTS = 3  # that one person has for photos


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
        """The one in the tab for checkpoints."""
        self.preview: tuple[tuple[object, ...], Preview] | None = None
        """The photo that is being looked at, and what it was made of."""
        self.lock = threading.Lock()
        self.uploads: set[Path] = set()

    def take_photos(self, uploads: list[Path]) -> None:
        """These and no others are the person's photos from now on. Raises KindlingError if they are too many."""
        if len(uploads) > self.limits.photos:
            raise KindlingError(f"{len(uploads)} photos are too many at a time; at most {self.limits.photos} are taken")
        size = sum(upload.stat().st_size for upload in uploads) / 1e6
        if size > self.limits.together:
            raise KindlingError(f"{size:,.0f} MB are too much at a time; at most {self.limits.together:,.0f} are taken")
        folder = self.folder / "photos"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.results, ignore_errors=True)  # pictures of photos that are gone
        self.photos, self.preview = {}, None
        for number, upload in enumerate(uploads):
            self.photos[_free(upload.name, self.photos)] = self._take(upload, folder / str(number))

    def take_weights(self, uploads: list[Path]) -> Path:
        """The files of one checkpoint, in a folder of their own. Returns what is to be read: file, folder or prefix."""
        if self.checkpoint is not None and self.checkpoint not in self.weights.values():
            shutil.rmtree(self._own(self.checkpoint), ignore_errors=True)
        folder = self.work_folder()
        taken = [self._take(upload, folder) for upload in uploads]
        if len(taken) == 1:
            return taken[0]
        indices = [path for path in taken if path.suffix == ".index"]
        return indices[0].with_suffix("") if len(indices) == 1 else folder

    def result_folder(self, what: str) -> Path:
        """A fresh folder for what this person may fetch; what lay there before is gone."""
        folder = self.results / what
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def work_folder(self) -> Path:
        """A fresh folder that is served to nobody."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def use(self, checkpoint: Path) -> str:
        """Offer a checkpoint for this person's photos. Returns what it is called."""
        name = f"uploaded: {checkpoint.name}"
        self.weights.pop(name, None)
        self.weights[name] = checkpoint
        while len(self.weights) > CHECKPOINTS:
            shutil.rmtree(self._own(self.weights.pop(next(iter(self.weights)))), ignore_errors=True)
        return name

    def _own(self, path: Path) -> Path:
        """The folder of one checkpoint, which itself is a file, a prefix or the folder."""
        return self.folder / path.relative_to(self.folder).parts[0]

    def leave(self) -> None:
        """Delete everything."""
        for folder in (self.folder, self.results):
            shutil.rmtree(folder, ignore_errors=True)
        self.preview = None

    def _take(self, upload: Path, folder: Path) -> Path:
        """A copy by a second name where the system knows such, since two people may upload the very same file."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / upload.name
        self.uploads.add(upload)
        try:
            target.hardlink_to(upload)
        except OSError:
            shutil.copyfile(upload, target)
        return target


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

    def forget(self, uploads: set[Path]) -> None:
        """Delete uploads, unless somebody uploaded the very same file: then both have one."""
        with self._lock:
            wanted = {upload for person in self._everybody.values() for upload in person.uploads}
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
            self.forget(person.uploads)


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
