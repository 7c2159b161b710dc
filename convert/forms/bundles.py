"""TF V2 bundles and folders of them: where they are, how they are read, how they are written.

A bundle `model.ckpt` is the files `model.ckpt.index` and `model.ckpt.data-00000-of-00001`. The original keeps one
bundle per net in a folder of its own, beside a text file `checkpoint` that names it. What is inside a bundle is the
business of convert/containers/tensor_bundle.py.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.kind.nets import NETS

from ..containers import tensor_bundle
from ..soundness import nets_in

PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
STATE = "checkpoint"
NAMED = re.compile(r'^model_checkpoint_path: "(.*)"$', re.MULTILINE)
SHARD = "data-00000-of-00001"


class NothingFound(KindlingError):
    """There is a folder, and no checkpoint in it."""


def find(path: Path) -> list[Path]:
    """The prefixes of the bundles that `path` means: a prefix, one of its files, a state file, or a folder of those."""
    if path.is_dir():
        return _in_folder(path)
    if path.is_file() and not PART.search(path.name) and is_state(_head(path)):
        return [_from_state(path)]
    prefix = Path(PART.sub("", str(path)))
    if not tensor_bundle.part(prefix, "index").is_file():
        at = f", though {prefix.name}.{SHARD} is there" if tensor_bundle.part(prefix, SHARD).is_file() else ""
        raise KindlingError(f"{path}: no such file, and no TF checkpoint of that name ({prefix.name}.index){at}")
    return [prefix]


def is_state(head: bytes) -> bool:
    """Does a file that begins like this name a checkpoint, as the text files `checkpoint` do?"""
    return NAMED.search(head.decode(errors="replace")) is not None


def has_index(path: Path) -> bool:
    """Is there an index beside this file of a bundle?"""
    return tensor_bundle.part(prefix_of(path), "index").is_file()


def files(prefix: Path) -> list[Path]:
    """The index and data files of a bundle."""
    own = re.compile(re.escape(prefix.name) + r"\.(index|data-\d{5}-of-\d{5})$")
    return sorted(path for path in prefix.parent.iterdir() if own.match(path.name))


def read(path: Path) -> dict[str, np.ndarray]:
    """Every variable of every bundle that `path` means, by its slim name, in TF axis order."""
    variables, origin = {}, {}
    for prefix in find(path):
        for name, array in _read_one(prefix).items():
            if name in variables:
                raise KindlingError(f"{path}: {name} is in both {origin[name]} and {prefix}; name one of the two")
            variables[name], origin[name] = array, prefix
    return variables


def write(target: Path, variables: Mapping[str, np.ndarray]) -> None:
    """One bundle under the prefix `target` (if it says `.ckpt`), else a folder in the original's layout."""
    if is_prefix(target):
        tensor_bundle.write(prefix_of(target), variables)
        return
    for net in nets_in(variables):
        folder = target / NETS[net].folder
        folder.mkdir(parents=True)
        own = {name: array for name, array in variables.items() if name in NETS[net].variables}
        tensor_bundle.write(folder / "model.ckpt", own)
        write_state(folder / STATE)


def write_state(path: Path) -> None:
    """The text file by which TensorFlow finds `model.ckpt` in a folder."""
    path.write_text('model_checkpoint_path: "model.ckpt"\nall_model_checkpoint_paths: "model.ckpt"\n')


def outputs(target: Path, names: list[str]) -> list[Path]:
    """The files that `write` makes for variables of these names, data before index before state file."""
    if is_prefix(target):
        return [tensor_bundle.part(prefix_of(target), SHARD), tensor_bundle.part(prefix_of(target), "index")]
    folders = [target / NETS[net].folder for net in nets_in(names)]
    return [folder / file for folder in folders for file in (f"model.ckpt.{SHARD}", "model.ckpt.index", STATE)]


def refuse_company(folder: Path) -> None:
    """Refuse to write into a folder where another checkpoint would be read beside or instead of what is written."""
    try:
        found = find(folder)
    except NothingFound:
        return
    expected = [folder / net.folder / "model.ckpt" for net in NETS.values()]
    others = [str(prefix) for prefix in found if prefix not in expected]
    if others:
        raise KindlingError.of(
            f"{folder} holds other checkpoints, which would be read too", others, "use another folder"
        )


def is_prefix(target: Path) -> bool:
    return ".ckpt" in target.name or target.suffix == ".index"


def prefix_of(target: Path) -> Path:
    return Path(PART.sub("", str(target)))


def _head(path):
    """As much of a file as a state file needs."""
    with open(path, "rb") as file:
        return file.read(65_536)


def _in_folder(folder: Path) -> list[Path]:
    if (folder / STATE).is_file():
        return [_from_state(folder / STATE)]
    indexes = sorted(folder.glob("*.index"))
    if len(indexes) > 1:
        raise KindlingError.of(
            str(folder), [f"holds {len(indexes)} checkpoints"] + [p.stem for p in indexes], "name one of them"
        )
    if indexes:
        return [indexes[0].with_suffix("")]
    if (folder / STATE).is_dir():  # the original repository keeps its nets in checkpoint/
        return _in_folder(folder / STATE)
    inside = [f for f in sorted(folder.iterdir()) if f.is_dir() and ((f / STATE).is_file() or any(f.glob("*.index")))]
    if not inside:
        expected = ", ".join(net.folder for net in NETS.values())
        raise NothingFound(f"{folder}: there is no TF checkpoint in this folder; expected {expected}, or a model.ckpt")
    return [prefix for f in inside for prefix in _in_folder(f)]


def _from_state(state: Path) -> Path:
    """The bundle that a `checkpoint` file names; a path from another machine is looked for beside the file."""
    named = NAMED.search(_head(state).decode(errors="replace"))
    if not named:
        raise KindlingError(f'{state}: expected a line model_checkpoint_path: "...", and there is none')
    prefix = state.parent / named[1]  # TensorFlow writes it relative to the file, or absolute
    if not tensor_bundle.part(prefix, "index").is_file():
        prefix = state.parent / re.split(r"[/\\]", named[1])[-1]
    if not tensor_bundle.part(prefix, "index").is_file():
        raise KindlingError(f"{state}: it names {named[1]}, but there is no {prefix.name}.index beside it")
    return prefix


def _other_nets(prefix: Path) -> str:
    """The authors' repository holds two of three nets whole: say that each can be named alone."""
    beside = [f for f in (net.folder for net in NETS.values()) if (prefix.parent.parent / f).is_dir()]
    others = [str(prefix.parent.parent / f) for f in beside if f != prefix.parent.name]
    return f"; other nets can be read by themselves: {', '.join(others)}" if others else ""


def _read_one(prefix: Path) -> dict[str, np.ndarray]:
    try:
        return tensor_bundle.read(prefix)
    except tensor_bundle.Damaged as error:
        raise KindlingError(
            f"{prefix}: this checkpoint is damaged or incomplete: {error}; it needs {prefix.name}.index and every "
            f"{prefix.name}.data-* file, whole{_other_nets(prefix)}"
        ) from error
