"""TensorFlow's checkpoints and folders of them: how they are read, and how they are written.

Where they lie, and the files that one consists of, is the business of convert/forms/finding.py; what is inside of the
files, that of convert/containers. Here the nets of a folder become one set of variables, and the other way round.
"""

import hashlib
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
from .finding import STATE, NothingFound, find, old_parts, prefix_of
from .naming import names_of, place_of

BESIDE = {"estimator": estimator.FILE}  # metadata that has a file of its own in a folder of nets


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


def _other_nets(prefix: Path) -> str:
    """The authors' repository holds two of three nets whole: say that each can be named alone."""
    folders = dict.fromkeys(net.folder for family in RUNNABLE for net in family.nets)
    beside = [f for f in folders if (prefix.parent.parent / f).is_dir()]
    others = [str(prefix.parent.parent / f) for f in beside if f != prefix.parent.name]
    return f"; other nets can be read by themselves: {', '.join(others)}" if others else ""


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
    for file in old_parts(prefix):
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
