"""What the two tabs answer, and what the server refuses, without a browser."""

import json
import urllib.request
from types import SimpleNamespace

import pytest

import convert
from kindling.ui.limits import Limits
from kindling.ui.people import People
from tests.support import server
from tests.support.weights import seeded

gr = pytest.importorskip("gradio")
TF = "one TensorFlow checkpoint (zip)"
ANSWERS = ("look", "slide", "exposures", "adjusted")
ASKED = SimpleNamespace(session_hash="a")  # a request


class Loaded:
    """In place of Models: a model is the bytes of its weights."""

    def __init__(self, folder):
        self.weights = {"default weights": folder / "default.npz"}

    def open(self, weights, family, runtime, device):
        return weights.read_bytes()


@pytest.fixture
def people(tmp_path):
    return People(tmp_path, Limits(photos=2))


@pytest.fixture
def photos(people, tmp_path, monkeypatch):
    """The tab; a preview is the model that it is made with."""
    from kindling.ui import photos

    monkeypatch.setattr(photos, "Preview", lambda path, model, **_: model)
    return photos.PhotosTab(people, Loaded(tmp_path), people.limits)


@pytest.fixture
def weights(people, tmp_path):
    from kindling.ui.weights import WeightsTab

    return WeightsTab(people, Loaded(tmp_path))


def dials(weights="default weights"):
    return None, 1.0, False, 1.0, 1.0, "as the weights ask for", "", weights, "torch", "cpu"


def test_weights_of_the_same_name_are_seen_at_once(photos, uploads):
    """Other weights under the name of those before: the preview is made anew."""
    from kindling.ui.photos import Dials

    person = photos.people.of("a")
    person.take_photos([uploads("a.png")])
    seen = []
    for content in b"before", b"after":
        person.take_weights([uploads("kind.pth", content)])
        name = person.use(person.checkpoint)
        asked = Dials(**dict(zip(Dials.__dataclass_fields__, dials(name), strict=True)))
        seen += [photos._preview(person, asked), photos._preview(person, asked)]
    assert seen == [b"before", b"before", b"after", b"after"]


class Late:
    """A lock that is given only after another request has taken the photos away."""

    def __init__(self, person):
        self.person = person

    def __enter__(self):
        self.person.photos = {}

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("name", ANSWERS)
def test_a_slider_that_waits_while_the_photos_go(photos, uploads, name):
    person = photos.people.of("a")
    person.take_photos([uploads("a.png")])
    person.lock = Late(person)
    answer = getattr(photos, name)(ASKED, *dials())
    assert answer[:2] == ("{}", "[]") if name == "look" else answer == gr.skip()


def test_photos_do_not_delete_the_upload_of_a_checkpoint(photos, weights, uploads, small_file, monkeypatch):
    from kindling.ui import photos as module

    monkeypatch.setattr(module, "default_ratio", lambda model: "auto")
    monkeypatch.setattr(photos, "_model", lambda *_: None)
    checkpoint, first, second = uploads("small.npz", small_file.read_bytes()), uploads("1.png", b"1"), uploads("2.png")
    weights.take(ASKED, [str(checkpoint)])
    for dropped in [first], [second]:
        photos.take(ASKED, [str(one) for one in dropped], *dials()[1:])
    assert [one.exists() for one in (checkpoint, first, second)] == [True, False, True]
    with pytest.raises(gr.Error, match="3 photos are too many"):
        photos.take(ASKED, [str(second)] * 3, *dials()[1:])
    photos.take(ASKED, None, *dials()[1:])
    assert [one.exists() for one in (checkpoint, second)] == [True, False]
    weights.take(ASKED, None)
    assert not checkpoint.exists()


def test_a_conversion_leaves_only_what_is_handed_out(weights, uploads, small_file, monkeypatch):
    """Again and again, and of a proof as well, whose other side is there as long as it is read."""
    from kindling.ui import weights as module

    read = []
    monkeypatch.setattr(module, "BOTH", ())
    monkeypatch.setattr(module, "as_html", lambda report: "a report")
    monkeypatch.setattr(module.api, "parity", lambda source, made, sizes: read.append(len(convert.read(made))))
    person = weights.people.of("a")
    weights.take(ASKED, [str(uploads("small.npz", small_file.read_bytes()))])
    for _ in range(2):
        weights.convert(ASKED, TF)
        weights.prove(ASKED, TF)
    assert read == [8, 8]
    assert [path.name for path in person.folder.rglob("*") if path.is_file()] == ["small.npz"]
    assert {path.name for path in person.results.rglob("*") if path.is_file()} == {"model.ckpt.zip", "parity.html"}
    weights.take(ASKED, None)
    assert list(person.folder.iterdir()) == []


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.npz"
    convert.write(path, seeded("Illumination_adjust_net"))
    return path


@pytest.mark.torch
def test_an_address_in_place_of_a_file_is_not_fetched(monkeypatch):
    """Against a page that is served: this machine is made a host that Gradio itself would ask."""
    from gradio import processing_utils

    from kindling.ui.page import FETCHING, serving

    monkeypatch.setattr(processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])
    before = [getattr(processing_utils, name) for name in FETCHING]
    with server.running() as host, serving() as page:
        address = host.serve("photo.png", b"no photo")
        with urllib.request.urlopen(f"{page}config") as answer:
            config = json.load(answer)
        (field,) = (part["id"] for part in config["components"] if part["props"].get("elem_id") == "photos")
        (take,) = (one for one in config["dependencies"] if [field, "upload"] in one["targets"])
        file = {"path": address, "meta": {"_type": "gradio.FileData"}}
        body = {"data": [[file], *dials()[1:]], "fn_index": take["id"], "session_hash": "visitor"}
        head = {"Content-Type": "application/json"}
        urllib.request.urlopen(
            urllib.request.Request(f"{page}gradio_api/queue/join", json.dumps(body).encode(), head)
        ).close()
        with urllib.request.urlopen(f"{page}gradio_api/queue/data?session_hash=visitor", timeout=60) as answer:
            said = answer.read().decode()
        assert host.requests == []
        assert "this server fetches nothing from other hosts" in said
    assert [getattr(processing_utils, name) for name in FETCHING] == before


@pytest.mark.torch
def test_weights_that_are_taken_for_photos_are_looked_at():
    """Also where the menu's value stays as it was: the same name, other weights."""
    from kindling.ui.models import Models
    from kindling.ui.page import _build

    page = _build(None, Models(), Limits())
    parts = {part.elem_id: number for number, part in page.blocks.items() if getattr(part, "elem_id", None)}
    events = page.get_config_file()["dependencies"]
    (use,) = (one["id"] for one in events if [parts["use"], "click"] in [list(target) for target in one["targets"]])
    (then,) = (one for one in events if one["trigger_after"] == use)
    assert then["trigger_only_on_success"]
    assert parts["compare"] in then["outputs"]
