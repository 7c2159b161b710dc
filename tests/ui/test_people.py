"""Who is looking at the page, without a browser: what each has, and what is left when they go."""

import pytest

from kindling.core.errors import KindlingError
from kindling.ui.limits import Limits
from kindling.ui.people import People


@pytest.fixture
def uploads(tmp_path):
    """Files as Gradio lays them down: in a folder called by what is in them."""

    def upload(name, content=b"x"):
        path = tmp_path / "served" / content.hex()[:20] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return upload


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
    file = person.take_weights([uploads("kind.pth")])
    assert file.name == "kind.pth"
    prefix = person.take_weights([uploads("m.ckpt.index"), uploads("m.ckpt.data-00000-of-00001")])
    assert prefix.name == "m.ckpt"
    person.checkpoint = prefix
    folder = person.take_weights([uploads("a.index"), uploads("b.index")])
    assert files(folder) == ["a.index", "b.index"]
    assert not prefix.parent.exists()  # nobody uses it
    person.checkpoint = folder
    used = [person.use(person.take_weights([uploads(f"{k}.npz", bytes([k]))])) for k in range(4)]
    assert list(person.weights) == used[1:]
    assert all(path.exists() for path in person.weights.values())


def test_a_page_without_a_session_is_told_so(people):
    with pytest.raises(KindlingError, match="load it again"):
        people.of(None)
