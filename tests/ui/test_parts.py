"""Sentences without the folders of the server, the guard before the server, and previews: without a browser."""

import asyncio
import io
import sys

import numpy as np
import pytest
from PIL import Image

from kindling.core.errors import KindlingError
from kindling.images import to_pixels
from kindling.ui.limits import Limits
from kindling.ui.page import Guard, serving
from kindling.ui.people import People, sentence


def answer(path, scheme="http"):
    """(status, headers) of the guard before a server that says 200 to everything."""
    sent = []

    async def server(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(server)({"type": scheme, "path": path}, None, send))
    return sent[0]["status"], dict(sent[0]["headers"])


def test_every_answer_keeps_the_browser_here():
    status, headers = answer("/")
    assert status == 200
    assert headers[b"x"] == b"y"
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", ["/gradio_api/file=https://example.org/x.png", "/gradio_api/proxy=https://a.b/"])
def test_the_server_fetches_nothing_for_a_visitor(path):
    status, headers = answer(path)
    assert status == 403
    assert b"content-security-policy" in headers


def test_a_sentence_names_no_folder_of_the_server(tmp_path):
    person = People(tmp_path, Limits()).of("a")
    upload = tmp_path / "photo of mine.png"
    upload.write_bytes(b"")
    person.take_photos([upload])
    path = person.photos["photo of mine.png"]
    said = sentence(KindlingError(f"{path}: damaged, as {person.folder}/other.bin is"), person)
    assert said == "photo of mine.png: damaged, as other.bin is"
    assert "memory" in sentence(MemoryError())


def test_gradio_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(KindlingError, match=r"kindling ui needs Gradio.*kindling-llie\[ui\]"), serving():
        pass


@pytest.mark.torch
def test_a_preview_is_the_picture_made_small(seeded_npz, tmp_path):
    """What is shown is `Prepared.at` of the small photo, as a JPEG; a move keeps what it can."""
    from kindling.enhancing.prepared import prepare
    from kindling.enhancing.sheet import smaller
    from kindling.photos.photo import read_photo
    from kindling.runtimes import open_model
    from kindling.ui.preview import EXPOSURES, PARTS, Preview

    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 90, (40, 60, 3), np.uint8)).save(tmp_path / "a.png")
    model = open_model(seeded_npz)
    preview = Preview(tmp_path / "a.png", model, side=30, megapixels=1)
    assert (preview.full, preview.size) == ((40, 60), (20, 30))
    expected = prepare(smaller(read_photo(tmp_path / "a.png"), 30), model).at(2.0, strength=0.5, denoise=0.5)
    shown = np.asarray(Image.open(io.BytesIO(preview.at(2.0, 0.5, 0.5))), np.float32)
    assert np.abs(shown - to_pixels(expected)).mean() < 12  # of noise, which JPEG keeps badly
    assert len({preview.at(ratio, 1, 1) for ratio in (0.5, 1.0, 2.0)}) == 3
    assert list(preview.exposures(1, 1)) == list(EXPOSURES)
    assert len({preview.part(name, 2.0) for name in PARTS}) == 4
    with pytest.raises(KindlingError, match="megapixels"):
        Preview(tmp_path / "a.png", model, side=30, megapixels=0.001)
