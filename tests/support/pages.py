"""The pages that people read, and the blocks of code in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "checkpoints" / "README.md",
]
# Pages in Chinese, and the pages in English that they follow.
ENGLISH = {page: ROOT / "docs" / page.name for page in (ROOT / "docs" / "zh").glob("*.md")}
ENGLISH[ROOT / "README.zh-CN.md"] = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands of a block of shell, without comments, each on one line; of other blocks none."""
        if self.language != "sh":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [command for line in lines if (command := _without_comment(line))]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    return [Block(*found) for found in FENCE.findall(page.read_text(encoding="utf-8"))]


def name_of(page: Path) -> str:
    """`docs/zh/model.md`"""
    return page.relative_to(ROOT).as_posix()


def _without_comment(line: str) -> str:
    lexer = shlex.shlex(line, posix=False, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    return " ".join(lexer)
