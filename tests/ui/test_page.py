"""The page as a person meets it, in a real browser: dropped photos, sliders, downloads, errors, other people."""

import contextlib
import io
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling import cli
from tests.support import browser as browsers
from tests.support.photos import exif

pytestmark = [pytest.mark.slow, pytest.mark.ui, pytest.mark.torch]
WAIT = 180_000  # milliseconds; what is quick here may be slow on a machine that does other things too
AFTER = "#compare [data-part=after] img"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    limits = ("--max-mb", 1, "--max-megapixels", 1, "--max-photos", 3, "--preview", 96)
    with browsers.serving(tmp_path_factory.mktemp("server") / "temporary", *limits) as server:
        yield server


@pytest.fixture(scope="module")
def chromium():
    with browsers.browsing() as browser:
        yield browser


class Visitor:
    """One person with a browser of their own, and every address that it asked for."""

    def __init__(self, chromium, address, **options):
        self.context = chromium.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(WAIT)
        self.asked, self.errors = [], []
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector("#ratio")

    def drop(self, *photos, seen=True):
        self.page.set_input_files("#photos input[type=file]", [str(photo) for photo in photos])
        if seen:
            self.page.wait_for_selector('#compare [data-empty="no"], #compare[data-empty="no"]', state="attached")
            self.settle()

    def picture(self):
        return self.page.get_attribute(AFTER, "src")

    def changed(self, before):
        self.page.wait_for_function(f"before => document.querySelector('{AFTER}').src !== before", arg=before)
        return self.picture()

    def slide(self, name, value):
        before = self.picture()
        self.page.locator(f"#{name} input[type=range]").fill(str(value))
        return self.changed(before)

    def settle(self):
        """Until nothing is under way: Gradio fades what waits."""
        self.page.wait_for_function("() => !document.querySelector('.generating, .pending, .progress-text')")
        self.page.wait_for_timeout(400)

    def save(self, press="#make", named="_kindle", at="#save"):
        self.page.click(press)
        self.page.wait_for_function(f"() => document.querySelector('{at}')?.innerText.includes('{named}')")
        with self.page.expect_download() as download:
            self.page.click(at)
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    def told(self):
        """The sentence of an error that is shown."""
        return self.page.locator(".toast-body.error").last.inner_text()


@pytest.fixture
def visit(chromium, server):
    """Come by; at the end every visitor is looked at: nobody's browser asked another host, no script failed."""
    with contextlib.ExitStack() as stack:

        def come(**options):
            visitor = Visitor(chromium, server.address, **options)
            stack.callback(visitor.context.close)
            visitors.append(visitor)
            return visitor

        visitors: list[Visitor] = []
        yield come
        for visitor in visitors:
            foreign = [url for url in visitor.asked if not url.startswith((server.address, "data:", "blob:"))]
            assert foreign == []
            assert len(visitor.asked) > 3
            assert visitor.errors == []


def photo(path, seed=0, size=(48, 64), depth=np.uint8):
    """A dark photo: a gradient, a bright spot and some grain."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    light = 0.1 + 0.1 * columns / size[1] + 0.4 * np.exp(-((rows - 10) ** 2 + (columns - 9 * (seed + 1)) ** 2) / 60)
    pixels = light[..., None] * [1.0, 0.8, 0.6] + rng.normal(0, 0.01, (*size, 3))
    whole = (np.clip(pixels, 0, 1) * np.iinfo(depth).max).astype(depth)
    if depth == np.uint16:
        import pyvips

        pyvips.Image.new_from_array(whole, interpretation="rgb16").write_to_file(str(path))
    else:
        Image.fromarray(whole).save(path, **({"exif": exif(), "quality": 95} if path.suffix == ".jpg" else {}))
    return path


def enhanced(photo, folder, *options):
    """The bytes of the file that `kindling enhance` writes."""
    assert cli.main(["enhance", str(photo), "-o", f"{folder}/", *map(str, options)]) == 0
    (made,) = folder.iterdir()
    return made.name, made.read_bytes()


def test_drop_slide_and_take_home(visit, tmp_path):
    """16 bits and all: the very file that the command writes."""
    deep = photo(tmp_path / "deep.png", depth=np.uint16)
    visitor = visit()
    visitor.drop(deep)
    assert visitor.page.is_checked("#auto input")
    slid = visitor.slide("ratio", 1.5)
    assert not visitor.page.is_checked("#auto input")
    weaker = visitor.slide("strength", 0.75)
    assert len({slid, weaker, visitor.slide("denoise", 0.5)}) == 3
    dials = ("--ratio", 1.5, "--strength", 0.75, "--denoise", 0.5)
    assert visitor.save() == enhanced(deep, tmp_path / "out", *dials)


def test_a_photo_as_it_comes_out_by_itself(visit, tmp_path):
    """The ratio from the photo; metadata come along."""
    jpeg = photo(tmp_path / "night.jpg")
    visitor = visit()
    visitor.drop(jpeg)
    assert visitor.save() == enhanced(jpeg, tmp_path / "out")


def test_parts_and_exposures(visit, tmp_path):
    visitor = visit()
    visitor.drop(photo(tmp_path / "a.png"))
    page, seen = visitor.page, set()
    for tab, name in (("R", "R"), ("L", "L"), ("Restored R", "restored"), ("Adjusted L", "adjusted")):
        page.get_by_role("tab", name=tab, exact=True).click()
        figure = page.locator(f"#part-{name} img")
        assert figure.is_visible()
        seen.add(figure.get_attribute("src"))
    assert len(seen) == 4
    page.get_by_role("tab", name="Picture").click()
    before = visitor.picture()
    page.get_by_role("button", name="ratio 0.5").click()
    visitor.changed(before)
    page.wait_for_function("() => document.querySelector('#ratio input[type=range]').value === '0.5'")
    assert not page.is_checked("#auto input")


def test_several_photos_come_as_a_zip(visit, tmp_path):
    photos = [photo(tmp_path / f"{name}.png", seed) for seed, name in enumerate("ab")]
    visitor = visit()
    visitor.drop(*photos)
    before = visitor.picture()
    visitor.page.click("#photo input")
    visitor.page.get_by_role("option", name="b.png").click()
    visitor.changed(before)
    name, data = visitor.save("#make-all", "kindling.zip")
    assert name == "kindling.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["a_kindle.png", "b_kindle.png"]
        for one in photos:
            named, held = enhanced(one, tmp_path / f"out_{one.stem}")
            assert archive.read(named) == held


REFUSED = {
    "no photo": ("note.png", lambda path: path.write_text("a note"), ["note.png", "not a photo that can be read"]),
    "too many pixels": (
        "wide.png", lambda path: Image.new("RGB", (1500, 1000)).save(path), ["wide.png", "megapixels"],
    ),
    "too many bytes": ("big.png", lambda path: path.write_bytes(bytes(1_100_000)), ["maximum allowed size"]),
    "called like markup": (
        "<img src=x onerror=alert(1)>.png", lambda path: path.write_text("a note"), ["not a photo that can be read"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_said_in_a_sentence(visit, server, tmp_path, name, make, words):
    make(tmp_path / name)
    visitor = visit()
    visitor.drop(tmp_path / name, seen=False)
    said = visitor.told()
    assert [word for word in words if word not in said] == []
    assert str(server.folder) not in said
    assert "Traceback" not in said
    visitor.page.reload()
    visitor.page.wait_for_selector("#ratio")
    visitor.drop(photo(tmp_path / "good.png"))  # and the page goes on


def test_two_people_at_once(visit, server, tmp_path):
    """Even with the same photo; and what lies here is served to nobody who does not know where."""
    same, other = photo(tmp_path / "same.png"), photo(tmp_path / "other.png", 1)
    first, second = visit(), visit()
    first.drop(same)
    second.drop(same)
    assert first.picture() == second.picture()
    second.page.reload()
    second.page.wait_for_selector("#ratio")
    second.drop(other)
    assert first.slide("ratio", 0.5) != second.slide("ratio", 0.5)
    assert first.save() == enhanced(same, tmp_path / "a", "--ratio", 0.5)
    assert second.save() == enhanced(other, tmp_path / "b", "--ratio", 0.5)
    (root,) = server.folder.glob("kindling-ui-*")
    kept = [path for path in (root / "people").rglob("*") if path.is_file()]
    assert len(kept) >= 2
    for path in kept:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.address}gradio_api/file={path}")
        assert refused.value.code == 403


def test_loading_anew_leaves_nothing(visit, server, tmp_path):
    visitor = visit()
    visitor.drop(photo(tmp_path / "mine.png", 3))
    visitor.save()
    (root,) = server.folder.glob("kindling-ui-*")
    assert list(root.rglob("mine.png"))
    assert list(root.rglob("mine_kindle.png"))
    visitor.page.reload()
    visitor.page.wait_for_selector("#ratio")
    assert visitor.page.locator(".compare .hint").is_visible()
    end = time.monotonic() + 30
    while list(root.rglob("mine*")) and time.monotonic() < end:
        time.sleep(0.2)
    assert list(root.rglob("mine*")) == []


def test_by_keyboard_alone(visit, tmp_path):
    visitor = visit(viewport={"width": 390, "height": 844})
    visitor.drop(photo(tmp_path / "a.png"))
    page, before = visitor.page, visitor.picture()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.closest('#ratio') && document.activeElement.type === 'range'"):
            break
    page.keyboard.press("ArrowRight")
    visitor.changed(before)
    page.focus("[data-part=split]")
    page.keyboard.press("End")
    assert page.eval_on_selector("[data-part=after]", "layer => layer.style.clipPath").endswith("100%)")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out on a phone


def test_a_checkpoint_is_shown_converted_and_used(visit, small_file, tmp_path):
    visitor = visit()
    page = visitor.page
    page.get_by_role("tab", name="Weights").click()
    page.set_input_files("#checkpoint input[type=file]", str(small_file))
    page.wait_for_selector("#holds .good")
    assert "Illumination_adjust_net (8 of 8 variables)" in page.inner_text("#holds")
    name, data = visitor.save("#convert", "kind.pth", "#save-weights")
    (tmp_path / name).write_bytes(data)
    assert cli.main(["diff", str(small_file), str(tmp_path / name)]) == 0


def test_retrained_weights_of_the_same_name(chromium, seeded_npz, weights, tmp_path):
    """The menu reads as before, and the photo is shown with the new ones."""
    import convert

    (tmp_path / "retrained").mkdir()
    again = tmp_path / "retrained" / seeded_npz.name
    convert.write(again, {name: array * np.float32(0.5) for name, array in weights.items()})
    with browsers.serving(tmp_path / "temporary", "--preview", 96) as server:
        visitor = Visitor(chromium, server.address)
        page = visitor.page
        visitor.drop(photo(tmp_path / "a.png"))
        seen = [visitor.picture()]
        for file in seeded_npz, again:
            page.get_by_role("tab", name="Weights").click()
            page.set_input_files("#checkpoint input[type=file]", str(file))
            page.wait_for_selector("#holds .good")
            visitor.settle()
            page.click("#use")
            seen.append(visitor.changed(seen[-1]))
            visitor.settle()
            page.click("#checkpoint button[aria-label=Clear]")
            page.wait_for_selector("#holds table", state="detached")
        visitor.context.close()
    assert len(set(seen)) == 3


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    import convert
    from tests.support.weights import seeded

    path = tmp_path_factory.mktemp("weights") / "small.npz"
    convert.write(path, seeded("Illumination_adjust_net"))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, small_file, tmp_path, scheme):
    source = browsers.axe()
    if source is None:
        pytest.skip("axe-core is not here: make test-ui fetches it, or AXE_CORE names its axe.min.js")
    visitor = visit(color_scheme=scheme)
    page = visitor.page
    page.evaluate(source)

    def look():
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(v["impact"], v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] != "minor"] == []

    look()
    visitor.drop(photo(tmp_path / "a.png"), photo(tmp_path / "b.png", 1))
    for accordion in ("#file", "#machine"):
        page.click(f"{accordion} button")
    page.wait_for_timeout(400)
    look()
    page.get_by_role("tab", name="Weights").click()
    page.set_input_files("#checkpoint input[type=file]", str(small_file))
    page.wait_for_selector("#holds table")
    visitor.settle()
    look()


def test_the_server_leaves_nothing(tmp_path):
    with browsers.serving(tmp_path / "temporary") as server:
        assert len(list(server.folder.glob("kindling-ui-*"))) == 1
    assert list((tmp_path / "temporary").glob("kindling-ui-*")) == []
    assert server.process.returncode == 130
