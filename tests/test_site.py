"""The docs as a site: built strict, every page in the navigation, and no page that asks another host for anything."""

import html.parser
import importlib.util
import re
import subprocess
import sys

import pytest
import yaml

from tests.support.pages import PAGES, ROOT, blocks, name_of

pytest.importorskip("mkdocs")


def _module(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as `make docs` does."""
    recipe = re.search(
        r"^\tNO_MKDOCS_2_WARNING=1 \$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, *recipe[1].split(), "--site-dir", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_every_page_is_in_the_navigation():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    hooks = _module("site_hooks")
    named = {page for section in settings["nav"] for page in _pages(section)}
    assert named == {hooks._place(name_of(page)) for page in PAGES}


def _pages(entry):
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in _pages(part)]


class _Requests(html.parser.HTMLParser):
    """What a browser fetches by itself when it opens a page, and the drawings on it."""

    def __init__(self):
        super().__init__()
        self.fetched, self.pictures = [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.fetched += [attributes[name] for name in ("src", "srcset") if attributes.get(name)]
        if tag == "link" and attributes.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.append(attributes.get("href", ""))
        if tag == "svg" and attributes.get("class") in ("drawing", "formula"):
            self.pictures.append(attributes["class"])


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(site):
    """And each page has its drawings and formulas, as pictures."""
    hooks = _module("site_hooks")
    for page in PAGES:
        built = site / hooks._place(name_of(page)).replace(".md", ".html")
        seen = _Requests()
        seen.feed(built.read_text(encoding="utf-8"))
        wanted = [block.language for block in blocks(page) if block.language in ("mermaid", "math")]
        assert seen.pictures == [{"mermaid": "drawing", "math": "formula"}[language] for language in wanted], page


@pytest.mark.slow
def test_no_page_asks_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        seen = _Requests()
        seen.feed(page.read_text(encoding="utf-8"))
        assert seen.fetched
        assert not [address for address in seen.fetched if "//" in address], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import\s+)[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_a_drawing_has_every_node_and_arrow():
    drawings = _module("drawings")
    picture = drawings.mermaid(
        'flowchart TD\n  a(["in <3"])\n  b["one<br/>two"]\n  a -->|pool| b\n  a -.->|skip| c\n  b --> c'
    )
    assert picture.count("<rect ") == 3
    assert picture.count('fill="none"') == 3
    for text in ("in &lt;3", "one", "two", "pool", "skip", ">c<"):
        assert text in picture
    with pytest.raises(ValueError, match="a form that is not known: subgraph x"):
        drawings.mermaid("flowchart TD\n subgraph x")


def test_a_formula_that_is_wrong_is_refused():
    drawings = _module("drawings")
    assert "viewBox" in drawings.math(r"\frac{a}{b} \tag{1}")
    with pytest.raises(ValueError, match="frac"):
        drawings.math(r"\frac{a}{")


def test_links_between_pages_are_turned():
    link = _module("site_hooks").site_link
    assert link("README.md", "docs/zh/model.md") == "zh/model.md"
    assert link("docs/parity.md", "../CONTRIBUTING.md") == "contributing.md"
    assert link("docs/zh/model.md", "../maps/lrelu.jpg") == "../maps/lrelu.jpg"
    assert link("README.zh-CN.md", "README.md") == "../index.md"
    assert link("README.md", "https://doi.org/x") == "https://doi.org/x"
