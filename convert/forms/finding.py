"""TensorFlow's checkpoints on disk: which of them a path means.

A bundle `model.ckpt` is the files `model.ckpt.index` and `model.ckpt.data-00000-of-00001`. The original keeps one
bundle per net in a folder of its own, beside a text file `checkpoint` that names it. Before 2017 a checkpoint was one
file, `model.ckpt` itself, or several. A path may be any of these; what is found are prefixes, and nothing of their
variables is read here (convert/forms/bundles.py does).
"""

import re
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.families.registry import KIND

from ..containers import v1
from ..containers.limits import whole
from ..containers.tensor_bundle import SHARD, part

PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
OLD_PART = re.compile(r"-(\d{5}|\?{5})-of-(\d{5})$")  # of a checkpoint of old that was saved in several files
STATE = "checkpoint"
# Of a text file in protobuf's own notation; Windows ends lines, and begins files, in its own way.
NAMED = re.compile(r"""^\ufeff?\s*model_checkpoint_path\s*:\s*(["'])(.*)\1\s*$""", re.MULTILINE)
ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)")
MOST_PARTS = 1000


class NothingFound(KindlingError):
    """There is a folder, and no checkpoint in it."""


def find(path: Path) -> list[Path]:
    """The prefixes of the checkpoints that `path` means: a prefix, one of its files, a state file, a folder of those.

    A checkpoint of old is its own prefix.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.is_file() and not PART.search(path.name) and is_state(_head(path)):
        return [_from_state(path)]
    prefix = prefix_of(path)
    if not _is_there(prefix):
        at = f", though {prefix.name}.{SHARD} is there" if part(prefix, SHARD).is_file() else ""
        raise KindlingError(f"{path}: no such file, and no TF checkpoint of that name ({prefix.name}.index){at}")
    return [prefix]


def is_state(head: bytes) -> bool:
    """Does a file that begins like this name a checkpoint, as the text files `checkpoint` do?"""
    return _named(head) is not None


def has_index(path: Path) -> bool:
    """Is there an index beside this file of a bundle?"""
    return part(prefix_of(path), "index").is_file()


def prefix_of(target: Path) -> Path:
    """`model.ckpt.index` -> `model.ckpt`, and what is a prefix already as it is."""
    return Path(PART.sub("", str(target)))


def old_parts(prefix: Path) -> list[Path]:
    """The files of a checkpoint of old, which may have been saved in several: `model.ckpt-?????-of-00002`."""
    sharded = OLD_PART.search(prefix.name)
    if not sharded or int(sharded[2]) > MOST_PARTS:
        return [prefix]
    base = prefix.name[: sharded.start()]
    return [prefix.parent / f"{base}-{k:05}-of-{sharded[2]}" for k in range(int(sharded[2]))]


def _head(path):
    """As much of a file as a state file needs."""
    with open(path, "rb") as file:
        return file.read(65_536)


def _named(head: bytes) -> str | None:
    """The checkpoint that a state file names, as it is written there."""
    lines = head.decode(errors="surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    found = NAMED.search(lines)
    if not found:
        return None
    return found[2]


def _unescaped(named: str) -> str:
    """A string as TensorFlow escapes it in a state file."""
    raw = ESCAPED.sub(_character, named.encode(errors="surrogateescape"))
    return raw.decode(errors="surrogateescape")


def _character(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8) & 255]) if code.isdigit() else {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(code, code)


def _is_there(prefix: Path) -> bool:
    return part(prefix, "index").is_file() or any(file.is_file() and _is_old(file) for file in old_parts(prefix))


def _is_old(file: Path) -> bool:
    """Is this a checkpoint in one file, by its content? The cheap look at its last bytes comes first."""
    with open(file, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 8))
        if stream.read() != v1.END:
            return False
    return v1.is_v1(whole(file))


def _in_folder(folder: Path) -> list[Path]:
    if (folder / STATE).is_file():
        return [_from_state(folder / STATE)]
    found = [file.with_suffix("") for file in sorted(folder.glob("*.index"))]
    if not found:
        old = [file for file in sorted(folder.iterdir()) if file.is_file() and _is_old(file)]
        found = [file for file in old if old_parts(file)[0] == file]
    if len(found) > 1:
        names = [prefix.name for prefix in found]
        raise KindlingError.of(str(folder), [f"holds {len(found)} checkpoints", *names], "name one of them")
    if found:
        return found
    if (folder / STATE).is_dir():  # the original repository keeps its nets in checkpoint/
        return _in_folder(folder / STATE)
    inside = [f for f in sorted(folder.iterdir()) if f.is_dir() and ((f / STATE).is_file() or any(f.glob("*.index")))]
    if not inside:
        expected = ", ".join(net.folder for net in KIND.nets)
        raise NothingFound(f"{folder}: there is no TF checkpoint in this folder; expected {expected}, or a model.ckpt")
    return [prefix for f in inside for prefix in _in_folder(f)]


def _from_state(state: Path) -> Path:
    """The checkpoint that a state file names; a path from another machine is looked for beside the file."""
    named = _named(_head(state))
    if named is None:
        raise KindlingError(f'{state}: expected a line model_checkpoint_path: "...", and there is none')
    # TensorFlow writes it relative to the file, or absolute; a person may not know that a backslash is to be doubled.
    plain = _unescaped(named)
    last = [re.split(r"[/\\]", path)[-1] for path in (plain, named)]
    places = [state.parent / path for path in (plain, *last)]
    for prefix in places:
        if _is_there(prefix):
            return prefix
    raise KindlingError(f"{state}: it names {plain}, but there is no {last[0]}.index beside it")
