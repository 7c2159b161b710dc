"""TensorFlow's checkpoints and folders of them: where they are, how they are read, how they are written.

A bundle `model.ckpt` is the files `model.ckpt.index` and `model.ckpt.data-00000-of-00001`. The original keeps one
bundle per net in a folder of its own, beside a text file `checkpoint` that names it. Before 2017 a checkpoint was one
file, `model.ckpt` itself. What is inside of them is the business of convert/containers.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.kind import estimator
from kindling.families.registry import KIND, RUNNABLE, Family, family_of

from ..containers import object_graph, tensor_bundle, v1
from ..containers.limits import whole
from ..containers.messages import Damaged
from ..containers.tensor_bundle import SHARD, part
from .contents import Contents
from .naming import names_of, place_of

PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
OLD_PART = re.compile(r"-(\d{5}|\?{5})-of-(\d{5})$")  # of a checkpoint of old that was saved in several files
STATE = "checkpoint"
BESIDE = {"estimator": estimator.FILE}  # metadata that has a file of its own in a folder of nets
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


def read(path: Path, digest: "hashlib._Hash") -> Contents:
    """Every variable of every checkpoint that `path` means, in TF axis order; the files' bytes go through `digest`."""
    variables: dict[str, np.ndarray] = {}
    origin: dict[str, Path] = {}
    notes: list[str] = []
    beside: list[tuple[str, ...]] = []
    left: list[str] = []
    prefixes = find(path)
    for prefix in prefixes:
        contents = _read_one(prefix, digest)
        notes += contents.notes
        beside += contents.beside
        for name, array in contents.variables.items():
            if name in variables:
                if _is_of(origin[name], name) != _is_of(
                    prefix, name
                ):  # as its authors' program, which asks one of them
                    other = origin[name] if _is_of(prefix, name) else prefix
                    left.append(f"{name.split('/')[0]} in {other.parent.name}")
                    if other is prefix:
                        continue
                    variables[name], origin[name] = array, prefix
                    continue
                raise KindlingError(f"{path}: {name} is in both {origin[name]} and {prefix}; name one of the two")
            variables[name], origin[name] = array, prefix
    return Contents(
        variables=variables,
        metadata=_said_beside(path, digest),
        notes=tuple(dict.fromkeys(notes)),
        beside=tuple(dict.fromkeys(beside)),
        hint=_hint(prefixes),
        left=tuple(dict.fromkeys(left)),
    )


def _is_of(prefix: Path, name: str) -> bool:
    """Does the checkpoint lie in the folder that the net of this variable has?"""
    folders = {net.folder for family in RUNNABLE for net in family.nets if name.startswith(f"{net.scope}/")}
    return prefix.parent.name in folders


def _hint(prefixes: Sequence[Path]) -> str:
    """The family whose nets' folders these checkpoints lie in."""
    lie_in = {prefix.parent.name for prefix in prefixes}
    return next((f.id for f in RUNNABLE if lie_in <= {net.folder for net in f.nets}), "")


def _said_beside(path, digest):
    """A bundle has no room for metadata; what goes with the weights of a folder lies in files beside its nets."""
    files = {key: path / name for key, name in BESIDE.items()} if path.is_dir() else {}
    said = {}
    for key, file in files.items():
        if file.is_file():
            data = file.read_bytes()
            digest.update(data)
            said[key] = data.decode(errors="replace")
    return said


def made(
    target: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> dict[Path, bytes]:
    """The files of one bundle under the prefix `target` (if it says `.ckpt`), else of a folder in the original's
    layout; data before index before state file, the order in which they may appear."""
    if is_prefix(target):
        prefix = prefix_of(target)
        return {prefix.parent / name: data for name, data in tensor_bundle.made(prefix.name, variables).items()}
    files: dict[Path, bytes] = {}
    said = metadata or {}
    for net in _nets(variables, family_of(variables, said.get("family", ""))):
        folder = target / net.folder
        own = {name: array for name, array in variables.items() if name in net.variables}
        files |= {folder / name: data for name, data in tensor_bundle.made(net.prefix, own).items()}
        files[folder / STATE] = state_file(net.prefix).encode()
    return files | {target / name: said[key].encode() for key, name in BESIDE.items() if key in said}


def _nets(names, family):
    """The nets of a family that these names belong to."""
    family = family or family_of(names) or KIND
    return [family.by_scope[scope] for scope in family.nets_in(names)]


def state_file(prefix: str = "model.ckpt") -> str:
    """The text by which TensorFlow finds the checkpoint `prefix` in a folder."""
    return f'model_checkpoint_path: "{prefix}"\nall_model_checkpoint_paths: "{prefix}"\n'


def outputs(target: Path, names: Sequence[str], family: Family | None = None) -> list[Path]:
    """The files that `made` gives for variables of these names."""
    if is_prefix(target):
        return [part(prefix_of(target), SHARD), part(prefix_of(target), "index")]
    ends = f".{SHARD}", ".index"
    return [
        target / net.folder / file
        for net in _nets(names, family)
        for file in (*(f"{net.prefix}{end}" for end in ends), STATE)
    ]


def refuse_company(folder: Path) -> None:
    """Refuse to write into a folder where another checkpoint would be read beside or instead of what is written."""
    try:
        found = find(folder)
    except NothingFound:
        return
    expected = [folder / net.folder / net.prefix for family in RUNNABLE for net in family.nets]
    others = [str(prefix) for prefix in found if prefix not in expected]
    if others:
        raise KindlingError.of(
            f"{folder} holds other checkpoints, which would be read too", others, "use another folder"
        )


def is_prefix(target: Path) -> bool:
    """Does the name ask for one checkpoint, and not for a folder of them?"""
    return ".ckpt" in target.name or target.suffix == ".index"


def prefix_of(target: Path) -> Path:
    """`model.ckpt.index` -> `model.ckpt`, and what is a prefix already as it is."""
    return Path(PART.sub("", str(target)))


# --- finding -----------------------------------------------------------------------------------------------------


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
    return part(prefix, "index").is_file() or any(file.is_file() and _is_old(file) for file in _old_parts(prefix))


def _is_old(file: Path) -> bool:
    """Is this a checkpoint in one file, by its content? The cheap look at its last bytes comes first."""
    with open(file, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 8))
        if stream.read() != v1.END:
            return False
    return v1.is_v1(whole(file))


def _old_parts(prefix: Path) -> list[Path]:
    """The files of a checkpoint of old, which may have been saved in several: `model.ckpt-?????-of-00002`."""
    sharded = OLD_PART.search(prefix.name)
    if not sharded or int(sharded[2]) > MOST_PARTS:
        return [prefix]
    base = prefix.name[: sharded.start()]
    return [prefix.parent / f"{base}-{k:05}-of-{sharded[2]}" for k in range(int(sharded[2]))]


def _in_folder(folder: Path) -> list[Path]:
    if (folder / STATE).is_file():
        return [_from_state(folder / STATE)]
    found = [file.with_suffix("") for file in sorted(folder.glob("*.index"))]
    if not found:
        old = [file for file in sorted(folder.iterdir()) if file.is_file() and _is_old(file)]
        found = [file for file in old if _old_parts(file)[0] == file]
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


def _other_nets(prefix: Path) -> str:
    """The authors' repository holds two of three nets whole: say that each can be named alone."""
    folders = dict.fromkeys(net.folder for family in RUNNABLE for net in family.nets)
    beside = [f for f in folders if (prefix.parent.parent / f).is_dir()]
    others = [str(prefix.parent.parent / f) for f in beside if f != prefix.parent.name]
    return f"; other nets can be read by themselves: {', '.join(others)}" if others else ""


# --- reading -----------------------------------------------------------------------------------------------------


def _read_one(prefix: Path, digest: "hashlib._Hash") -> Contents:
    if not part(prefix, "index").is_file():
        return _read_old(prefix, digest)
    try:
        bundle = tensor_bundle.parse(prefix, digest)
        notes = ["written on a big-endian machine, byte order turned"] if bundle.big_endian else []
        if bundle.graph is None:
            return Contents(variables=bundle.tensors, notes=tuple(notes))
        variables = _by_variable(bundle.tensors, list(object_graph.saved(bundle.graph)))
        beside = tuple((name,) for name in bundle.strings)
        return Contents(variables=variables, notes=("saved as objects (tf.train.Checkpoint)", *notes), beside=beside)
    except Damaged as error:
        raise KindlingError(
            f"{prefix}: this checkpoint is damaged or incomplete: {error}; it needs {prefix.name}.index and every "
            f"{prefix.name}.data-* file, whole{_other_nets(prefix)}"
        ) from error


def _by_variable(tensors: dict[str, np.ndarray], saved: Sequence[object_graph.Saved]) -> dict[str, np.ndarray]:
    """The tensors of an object-based checkpoint under their variables' names.

    The way to a variable says which of two copies it is, so it goes first where it ends in a name of the table; else
    comes what the variable itself was called.
    """
    named, keys = {}, {}
    for one in saved:
        if one.key not in tensors or one.key in keys:
            continue
        own_name = one.name and not one.is_slot and not _ends_in_a_variable(one.path)
        name = one.name if own_name and one.name not in named else one.path
        keys[one.key] = name
        named[name] = tensors[one.key]
    return named | {key: array for key, array in tensors.items() if key not in keys}


def _ends_in_a_variable(path: str) -> bool:
    scopes = tuple(path.split("/"))
    return any(place_of(scopes, names_of(family)) for family in RUNNABLE)


def _read_old(prefix: Path, digest: "hashlib._Hash") -> Contents:
    """A checkpoint in TensorFlow's V1 format."""
    variables: dict[str, np.ndarray] = {}
    for file in _old_parts(prefix):
        try:
            if not file.is_file():
                raise Damaged(f"{file.name} is missing")
            data = whole(file)
            digest.update(data)
            tensors = v1.read(file, data)
            twice = sorted(variables.keys() & tensors)
            if twice:
                raise Damaged(f"{twice[0]} is in two of its files")
            variables |= tensors
        except Damaged as error:
            raise KindlingError(f"{file}: this checkpoint is damaged or incomplete: {error}") from error
    return Contents(variables=variables, notes=("TensorFlow's V1 format",))
