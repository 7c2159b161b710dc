"""What mkdocs does beyond itself to build the site: pages from outside docs/, and drawings and formulas as SVG.

README.md and its like stay where people look for them on a code host, and are pages of the site too; links between
all of them are written for the code host and turned here. GitHub draws ```mermaid and ```math blocks with scripts of
its own; on the site docs/drawings.py makes them pictures, so that no page needs a script or another host.
"""

import os
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # mkdocs loads a hook by its path alone

import drawings  # noqa: E402 - found by the line above

# Pages that lie outside docs/: where they are in the repository, and in the site.
OUTSIDE = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh/index.md",
    "checkpoints/README.md": "weights.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
# Files that pages link to and the site hands out as they are.
HANDED_OUT = ("LICENSE", "CITATION.cff", "examples/checkpoint-to-pytorch.ipynb", "examples/photo-and-losses.ipynb")
SOURCES = {site: source for source, site in OUTSIDE.items()}
FENCE = re.compile(r"^```(mermaid|math)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)]*)?\))")
CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside docs/."""
    for source, site in [*OUTSIDE.items(), *((name, name) for name in HANDED_OUT)]:
        files.append(File.generated(config, site, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn the links, and make pictures of drawings and formulas."""
    here = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts = CODE.split(markdown)  # text and code by turns: what looks like a link in code is none
    parts[::2] = [LINK.sub(lambda m: m[1] + site_link(here, m[2]) + m[3], text) for text in parts[::2]]
    return FENCE.sub(lambda m: getattr(drawings, m[1])(m[2]), "".join(parts))


def site_link(page: str, target: str) -> str:
    """`target`, as it stands on `page` of the repository, as it has to stand on the same page of the site."""
    if "://" in target or target.startswith("mailto:"):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    return os.path.relpath(_place(path), posixpath.dirname(_place(page)) or ".").replace(os.sep, "/")


def _place(path: str) -> str:
    return OUTSIDE.get(path, path.removeprefix("docs/"))
