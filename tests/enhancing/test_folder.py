"""A folder of photos: the same files as one by one, in order, while others are read and written; and where it stops."""

import threading

import numpy as np
import pytest
from PIL import Image

from kindling.core.errors import KindlingError
from kindling.enhancing import folder
from kindling.enhancing.folder import enhance_files
from kindling.enhancing.render import enhance_file
from kindling.families.registry import KIND
from kindling.photos.jobs import Naming, find_photos, plan


class Brighter:
    """A model without a framework: every net halves the distance to 1, and the photo's sizes are counted."""

    family, runtime, device, precision, said = KIND, "none", "cpu", "float32", {}
    nets = frozenset(net.scope for net in KIND.nets)

    def __init__(self):
        self.rests, self.threads = 0, set()

    def run(self, verb, *arrays, core=None, **dials):
        self.threads.add(threading.current_thread())
        x = (arrays[0][:, *core] if core else arrays[0]).astype(np.float32)
        results = {"decompose": (x, x[..., :1]), "restore": (x,), "adjust": (x,)}[verb]
        return tuple((1 + result) / 2 for result in results)

    def bytes_per_pixel(self):
        return 100

    def free_bytes(self):
        return 10**9

    def rest(self):
        self.rests += 1


@pytest.fixture
def photos(tmp_path):
    """Five photos, of two sizes, one of them broken."""
    (tmp_path / "in").mkdir()
    for k, size in enumerate([(20, 30), (20, 30), (20, 30), (16, 24), (16, 24)]):
        noise = np.random.default_rng(k).integers(0, 99, (*size, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "in" / f"{k}.png")
    (tmp_path / "in" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
    return tmp_path / "in"


def jobs(photos, out):
    return plan(find_photos([photos]), out, Naming(ratios=(2.0, "auto"), parts=True, compare=True))


@pytest.mark.parametrize("large", [folder.LARGE, 100.0], ids=["small ones", "large ones"])
def test_the_same_files_as_one_by_one(photos, tmp_path, monkeypatch, large):
    monkeypatch.setattr(folder, "LARGE", large)
    one, other = tmp_path / "one", tmp_path / "other"
    expected = []
    for job in jobs(photos, one):
        try:
            expected.append((job.photo, enhance_file(job, Brighter())))
        except KindlingError as error:
            expected.append((job.photo, str(error)))
    model, finished, told = Brighter(), [], []
    outcomes = list(
        enhance_files(jobs(photos, other), model, through=lambda job: told.append(job.photo), done=finished.append)
    )
    assert [(job.photo, str(o) if isinstance(o, Exception) else o) for job, o in outcomes] == expected
    assert told == [photo for photo, _ in expected]
    assert isinstance(expected[2][1], str)
    assert sum(finished) == 2 * 20 * 30 + 2 * 16 * 24
    assert model.threads == {threading.main_thread()}
    names = sorted(path.name for path in one.iterdir())
    assert len(names) == 4 * 8
    assert names == sorted(path.name for path in other.iterdir())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_around_a_large_photo_nothing_is_read_or_written(photos, tmp_path, monkeypatch):
    """A large one, two small ones, a large one: the last is not read while a small one is worked on."""
    monkeypatch.setattr(folder, "LARGE", 500)  # between 16 x 24 and 20 x 30
    (photos / "2.png").unlink()
    (photos / "0.png").rename(photos / "5.png")
    seen = []

    def told(word, step):
        def stepped(job, *arguments, **options):
            result = step(job, *arguments, **options)
            seen.append((word, job.photo.stem))
            return result

        return stepped

    monkeypatch.setattr(folder, "open_photo", told("read", folder.open_photo))
    monkeypatch.setattr(folder, "put", told("written", folder.put))
    through = told("made", lambda job: None)
    assert len(list(enhance_files(jobs(photos, tmp_path / "out"), Brighter(), through=through))) == 4
    place = {event: k for k, event in enumerate(seen)}
    assert place["read", "3"] > place["written", "1"]
    assert place["read", "5"] > place["made", "4"]
    assert place["read", "5"] > place["written", "4"]


def test_memory_is_kept_for_a_photo_of_the_same_size(photos, tmp_path):
    (photos / "2.png").unlink()
    model = Brighter()
    alone = Brighter()
    enhance_file(jobs(photos, tmp_path / "one")[0], alone)
    assert len(list(enhance_files(jobs(photos, tmp_path / "out"), model))) == 4
    assert model.rests - 4 * alone.rests == 2  # between the sizes, and at the end


def test_what_cannot_be_written_is_told_of_its_own_photo(photos, tmp_path, monkeypatch):
    right = folder.put

    def full(job, made):
        if job.photo.name == "1.png":
            raise KindlingError("out: writing failed: the disk is full")
        return right(job, made)

    monkeypatch.setattr(folder, "put", full)
    outcomes = {job.photo.name: o for job, o in enhance_files(jobs(photos, tmp_path / "out"), Brighter())}
    assert list(outcomes) == [f"{k}.png" for k in range(5)]
    assert [name for name, o in outcomes.items() if isinstance(o, Exception)] == ["1.png", "2.png"]
    assert "the disk is full" in str(outcomes["1.png"])


def test_stopped_it_finishes_what_it_writes_and_leaves_no_thread(photos, tmp_path):
    (photos / "2.png").unlink()
    before = threading.active_count()
    seen = []

    def stop(job):
        seen.append(job.photo.name)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(enhance_files(jobs(photos, tmp_path / "out"), Brighter(), through=stop))
    assert threading.active_count() == before
    written = [path.name.partition("_")[0] for path in (tmp_path / "out").iterdir()]
    assert set(written) in ({"0"}, {"0", "1"})  # the second was made, and may not have been begun to be written
    assert all(written.count(name) == 8 for name in written)
    assert not list((tmp_path / "out").glob(".kindling-*"))
