"""The table of a conversion: a TOML file, one row a layer, that a person reads, corrects and keeps beside the port.

    layers = [
      { tf = "conv1", torch = "conv1", kind = "conv2d" },
      { tf = "fc1", torch = "head.0", kind = "dense", flatten = [4, 4, 32] },
      { tf = "bn", torch = "bn", kind = "batch_norm", epsilon = 0.001, doubtful = "two layers have these shapes" },
    ]
    left_behind = ["global_step"]        # variables that are not carried, * for any letters
    of_the_port = ["grid"]               # the port's own, which no variable becomes

    [variables]                          # what the checkpoint holds: name, shape; needed to write one again
    "conv1/kernel" = [3, 3, 3, 32]

    [state]                              # what the port has: name, shape; what is carried is entries against it
    "conv1.weight" = [32, 3, 3, 3]

`tf` is a scope, and the variables right in it are the layer's; or each of them, { kernel = "a/w", bias = "a/b" }.
`torch` is a module, "." for the port itself; or { depthwise = "dw", pointwise = "pw" } where a layer is two. A row that
is marked doubtful stops the conversion until a person has looked at it and taken the mark out.
"""

import fnmatch
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError

from .layers import LAYERS, Kind
from .recurrent import RECURRENT

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*LAYERS, *RECURRENT)}
WORDS = ("tf", "torch", "kind", "doubtful", "roles")  # what a row of any kind may say
SECTIONS = ("layers", "left_behind", "of_the_port", "variables", "state")
ROW = re.compile(r"\s*\{")
ENTRY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))\s*=""")
HEADING = re.compile(r"\s*\[\s*(\w+)\s*\]\s*(#.*)?$")
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer: which variables, which module, what kind."""

    line: int
    kind: Kind
    tf: str | Mapping[str, str]
    """A scope, or role -> variable."""
    torch: str | Mapping[str, str]
    """A module, or leaf or part -> parameter or module."""
    options: Mapping[str, Any]
    """What the kind may be told, what holds by default included."""
    roles: tuple[str, ...] = ()
    """Of variables that are numbered, in their order."""
    doubtful: str = ""
    """Why a person has to look at it; empty where nobody has to."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A name with its shape, and where the table says so."""

    line: int
    shape: Shape


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as it was read, with everything that is wrong in it."""

    path: Path
    rows: tuple[Row, ...]
    left_behind: tuple[str, ...]
    of_the_port: tuple[str, ...]
    variables: Mapping[str, Entry]
    state: Mapping[str, Entry]
    problems: tuple[str, ...]
    """Sentences that begin with their line."""

    def leaves_behind(self, name: str) -> bool:
        """Whether a variable is named as one that is not carried."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.left_behind)

    def is_of_the_port(self, key: str) -> bool:
        """Whether a parameter is named as the port's own."""
        return any(fnmatch.fnmatchcase(key, pattern) for pattern in self.of_the_port)


def read_table(path: Path) -> Table:
    """The table in `path`. Raises KindlingError if it is no TOML, or rows do not stand one on a line."""
    try:
        text = path.read_text(encoding="utf-8")
        told = tomllib.loads(text)
    except FileNotFoundError as error:
        raise KindlingError(f"{path}: no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KindlingError(f"{path}: is no TOML: {error}") from error
    lines = text.splitlines()
    problems = [f"line {_line_of(lines, word)}: {word} is no part of a table; known are {', '.join(SECTIONS)}"
                for word in told if word not in SECTIONS]  # fmt: skip
    layers = told.get("layers", [])
    if not isinstance(layers, list) or not layers or not all(isinstance(row, dict) for row in layers):
        raise KindlingError(
            f"{path}: expected layers = [ ... ] with a row such as {{ tf = ..., torch = ..., kind = ... }}"
        )
    places = list(_row_lines(lines))
    if len(places) != len(layers):
        raise KindlingError(
            f"{path}: it has {len(layers)} rows on {len(places)} lines; write every row on its own line"
        )
    rows = []
    for line, row in zip(places, layers, strict=True):
        wrong = list(_problems(row))
        problems += [f"line {line}: {sentence}" for sentence in wrong]
        if not wrong:
            rows.append(_row(line, row))
    names = {}
    for section in ("left_behind", "of_the_port"):
        value = told.get(section, [])
        names[section] = tuple(value) if _is_list(value, str) else ()
        if not _is_list(value, str):
            problems.append(f"line {_line_of(lines, section)}: {section} is a list of names")
    problems += _twice(rows)
    sections = {}
    for section in ("variables", "state"):
        if not isinstance(value := told.get(section, {}), dict):
            problems.append(f"line {_line_of(lines, section)}: {section} lists names with their shapes")
            value = {}
        entries, wrong = _entries(value, _section_lines(lines, section))
        sections[section] = entries
        problems += wrong
    return Table(
        path=path,
        rows=tuple(rows),
        left_behind=names["left_behind"],
        of_the_port=names["of_the_port"],
        problems=tuple(problems),
        **sections,
    )


def _row(line: int, told: Mapping[str, Any]) -> Row:
    kind = KINDS[told["kind"]]
    doubtful = told.get("doubtful", "")
    own = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items() if key not in WORDS}
    return Row(
        line=line,
        kind=kind,
        tf=told["tf"],
        torch=told["torch"],
        options={**kind.options, **own},
        roles=tuple(told.get("roles", ())),
        doubtful=str(doubtful if doubtful is not True else "marked so"),
    )


def _problems(told: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one row by itself."""
    for word in ("tf", "torch", "kind"):
        if word not in told:
            yield f"the row has no {word}"
    name = told.get("kind", "")
    known = isinstance(name, str) and name in KINDS
    if "kind" in told and not known:
        yield f"there is no kind {name!r} of layer; known are {', '.join(KINDS)}"
    for word in ("tf", "torch"):
        value = told.get(word, "")
        named = list(value.values()) if isinstance(value, dict) else [value]
        if not all(isinstance(one, str) for one in named):
            yield f"{word} is a name, or names in braces, and here it is {value!r}"
    if told.get("torch") == "" and not told.get("doubtful"):
        yield "torch is empty: name the module that the layer becomes"
    roles = told.get("roles", [])
    if not _is_list(roles, str):
        yield f"roles is a list of names, and here it is {roles!r}"
        roles = []
    if not known:
        return
    kind = KINDS[name]
    for role in told["tf"] if isinstance(told.get("tf"), dict) else roles:
        if role not in kind.roles:
            yield f"a {name} has no {role}; it has {', '.join(kind.roles)}"
    for key, value in told.items():
        if key in WORDS:
            continue
        if key not in kind.options:
            others = f"it may have {', '.join(kind.options)}" if kind.options else "it has none"
            yield f"{key} is no option of a {name}; {others}"
        elif not _fits(value, kind.options[key]):
            yield f"{key} = {value!r} is not of its kind; such as {key} = {_example(key, kind.options[key])}"


def _fits(value: Any, default: Any) -> bool:
    """Whether an option is of the kind that its default is: a switch, a count, a number, or a list of counts."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if isinstance(default, int):
        return isinstance(value, int) and value >= 0
    if isinstance(default, float):
        return isinstance(value, (int, float)) and 0 <= value < float("inf")
    return _is_list(value, int) and all(one >= 0 for one in value)


def _example(key: str, default: Any) -> str:
    return {"flatten": "[4, 4, 32]", "axes": "[3, 2, 0, 1]"}.get(key, str(default).lower())


def _is_list(value: Any, of: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, of) and not isinstance(one, bool) for one in value)


def _twice(rows: Sequence[Row]) -> Iterator[str]:
    """Rows that carry what another one does: the same scope, variable or module."""
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        for word, value in (("tf", row.tf), ("torch", row.torch)):
            for name in value.values() if isinstance(value, Mapping) else (value,):
                place = (
                    f"{name}, layer {row.options['layer']}, {row.options['reverse']}"
                    if "layer" in row.options
                    else name
                )
                first = seen.setdefault((word, place if word == "torch" else name), row.line)
                if name and first != row.line:
                    yield f"line {row.line}: {name} is in line {first} already"


def _entries(told: Mapping[str, Any], lines: Mapping[str, int]) -> tuple[dict[str, Entry], list[str]]:
    entries, problems = {}, []
    for name, shape in told.items():
        line = lines.get(name, 0)
        if _is_list(shape, int) and all(size >= 0 for size in shape):
            entries[name] = Entry(line=line, shape=tuple(shape))
        else:
            problems.append(f"line {line}: {name} = {shape!r} is no shape; such as [3, 3, 3, 32]")
    return entries, problems


def _row_lines(lines: Sequence[str]) -> Iterator[int]:
    """The numbers of the lines on which rows begin: those with a brace in front, before any section."""
    for number, line in enumerate(lines, start=1):
        if HEADING.match(line):
            return
        if ROW.match(line):
            yield number


def _section_lines(lines: Sequence[str], section: str) -> dict[str, int]:
    """Name -> its line, in one section."""
    found, inside = {}, False
    for number, line in enumerate(lines, start=1):
        if heading := HEADING.match(line):
            inside = heading[1] == section
        elif inside and (entry := ENTRY.match(line)):
            quoted, literal, bare = entry.groups()
            name = tomllib.loads(f'x = "{quoted}"')["x"] if quoted is not None else literal or bare
            found[name] = number
    return found


def _line_of(lines: Iterable[str], word: str) -> int:
    pattern = re.compile(rf"\s*\[?\s*{re.escape(word)}\s*[=\]]")
    return next((number for number, line in enumerate(lines, start=1) if pattern.match(line)), 0)
