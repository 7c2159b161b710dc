"""Who is looking at the page, without a browser: what each has, and what is left when they go."""

import errno
from pathlib import Path

import pytest

from kindling.core.errors import KindlingError
from kindling.ui.limits import Limits
from kindling.ui.people import People


@pytest.fixture
def people(tmp_path):
    return People(tmp_path, Limits(photos=3, people=2, together=0.001))


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_photos_of_one_name_are_two(people, uploads):
    person = people.of("a")
    person.take_photos([uploads("x.png", b"1"), uploads("x.png", b"2"), uploads("y.png", b"3")])
    assert list(person.photos) == ["x.png", "x (2).png", "y.png"]
    assert [path.read_bytes() for path in person.photos.values()] == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("count", "size", "words"), [(4, 1, "4 photos are too many at a time; at most 3"), (2, 600, "MB are too much")]
)
def test_too_many_and_too_much(people, uploads, count, size, words):
    person = people.of("a")
    with pytest.raises(KindlingError, match=words):
        person.take_photos([uploads(f"{k}.png", bytes([k]) * size) for k in range(count)])
    assert person.photos == {}


def test_who_leaves_takes_everything_along(people, uploads, tmp_path):
    person = people.of("a")
    person.take_photos([uploads("mine.png")])
    (person.result_folder("pictures") / "made.png").write_bytes(b"y")
    assert files(tmp_path) == ["made.png", "mine.png", "mine.png"]
    people.leave("a")
    assert files(tmp_path) == []
    assert people.of("a") is not person


def test_the_same_file_of_two_people(people, uploads, tmp_path):
    """Gradio keeps it once: it stays until both are gone, and each has it meanwhile."""
    for name in "ab":
        people.of(name).take_photos([uploads("same.png")])
    people.leave("a")
    assert people.of("b").photos["same.png"].read_bytes() == b"x"
    assert len(list((tmp_path / "served").rglob("same.png"))) == 1
    people.leave("b")
    assert files(tmp_path) == []


def test_the_one_who_did_nothing_for_longest_makes_room(people, uploads, tmp_path):
    for name in "ab":
        people.of(name).take_photos([uploads(f"{name}.png", name.encode())])
    people.of("a")
    people.of("c")
    assert files(tmp_path / "people") == ["a.png"]
    people.close()
    assert files(tmp_path) == []


def test_results_lie_behind_a_name_that_nobody_guesses(people):
    names = {people.of(name).results.name for name in "ab"}
    assert len(names) == 2
    assert all(len(name) >= 43 for name in names)  # 32 bytes


def test_checkpoints(people, uploads, tmp_path):
    person = people.of("a")

    def taken(*uploads):
        person.take_weights(list(uploads))
        return person.checkpoint

    file = taken(uploads("kind.pth"))
    assert file.name == "kind.pth"
    prefix = taken(uploads("m.ckpt.index"), uploads("m.ckpt.data-00000-of-00001"))
    assert prefix.name == "m.ckpt"
    folder = taken(uploads("a.index"), uploads("b.index"))
    assert files(folder) == ["a.index", "b.index"]
    assert not prefix.parent.exists()  # nobody uses it
    used = [person.use(taken(uploads(f"{k}.npz", bytes([k])))) for k in range(4)]
    assert list(person.weights) == used[1:]
    assert all(path.exists() for path in person.weights.values())


def test_a_checkpoint_that_nobody_has_is_deleted(people, uploads):
    """Each lies in a folder: those of the menu stay, that of the field stays, all others go."""
    person = people.of("a")
    for content in b"1", b"2", b"3":
        person.take_weights([uploads("kind.npz", content)])
        person.preview = ("of other weights",), None
        name = person.use(person.checkpoint)
        assert person.preview is None
        assert person.use(person.checkpoint) == name  # twice: it is in place of itself
        assert person.weights[name].read_bytes() == content
        assert len(list(person.folder.iterdir())) == 1
    person.take_weights([uploads("other.npz", b"4")])
    assert files(person.folder) == ["kind.npz", "other.npz"]
    person.take_weights([])
    assert person.checkpoint is None
    assert files(person.folder) == ["kind.npz"]
    assert len(list(person.folder.iterdir())) == 1


CHECKPOINTS = {
    "of one name": ([("m.pth", b"1"), ("m.pth", b"2")], "two files are called m.pth"),
    "too many": ([(f"{k}.npz", b"1") for k in range(4)], "4 files of a checkpoint are too many at a time; at most 3"),
    "too large": ([("a.npz", bytes(600)), ("b.npz", bytes(600))], "MB are too much at a time"),
}


@pytest.mark.parametrize(("named", "words"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_files_that_are_no_checkpoint_change_nothing(tmp_path, uploads, named, words):
    person = People(tmp_path, Limits(files=3, checkpoint=0.001)).of("a")
    person.take_weights([uploads("good.npz")])
    dropped = [uploads(*one) for one in named]
    with pytest.raises(KindlingError, match=words):
        person.take_weights(dropped)
    assert person.checkpoint.read_bytes() == b"x"
    assert [upload.read_bytes() for upload in dropped] == [content for _, content in named]


def test_bytes_are_copied_only_where_the_disk_knows_no_links(people, uploads, monkeypatch):
    def failing(number):
        def hardlink_to(path, upload):
            raise OSError(number, "no link")

        monkeypatch.setattr(Path, "hardlink_to", hardlink_to)

    person, upload = people.of("a"), uploads("m.pth")
    failing(errno.EPERM)
    person.take_weights([upload])
    assert person.checkpoint.read_bytes() == b"x"
    assert person.checkpoint.stat().st_ino != upload.stat().st_ino
    failing(errno.EEXIST)
    with pytest.raises(FileExistsError):
        person.take_weights([upload])
    assert upload.read_bytes() == b"x"


def test_photos_leave_the_uploads_of_the_other_tab(people, uploads, tmp_path):
    person, served = people.of("a"), tmp_path / "served"
    people.forget(person.take_weights([uploads("m.pth", b"m"), uploads("both", b"b")]))
    people.forget(person.take_photos([uploads("1.png", b"1"), uploads("both", b"b")]))
    people.forget(person.take_photos([uploads("2.png", b"2")]))
    assert files(served) == ["2.png", "both", "m.pth"]
    people.forget(person.take_weights([uploads("n.pth", b"n")]))
    assert files(served) == ["2.png", "n.pth"]


def test_photos_replace_pictures_and_leave_converted_weights(people, uploads):
    person = people.of("a")
    for what in "pictures", "weights":
        (person.result_folder(what) / what).write_bytes(b"made")
    person.take_photos([uploads("1.png")])
    assert files(person.results) == ["weights"]


def test_refused_uploads_are_forgotten_later(people, uploads, tmp_path):
    """They stay as long as the field shows them, since one that is taken out of it makes the others good."""
    person, served = people.of("a"), tmp_path / "served"
    first = uploads("first.png", b"first")
    many = [uploads(f"{k}.png", bytes([k])) for k in range(4)]
    person.take_photos([first])
    with pytest.raises(KindlingError, match="too many"):
        person.take_photos(many)
    assert files(served) == ["0.png", "1.png", "2.png", "3.png", "first.png"]
    people.forget(person.take_photos(many[:3]))
    assert files(served) == ["0.png", "1.png", "2.png"]
    with pytest.raises(KindlingError, match="too many"):
        person.take_photos([*many[:3], uploads("3.png", b"\x03")])
    people.leave("a")
    assert files(served) == []


def test_a_page_without_a_session_is_told_so(people):
    with pytest.raises(KindlingError, match="load it again"):
        people.of(None)
