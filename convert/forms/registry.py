"""The forms of a checkpoint, each with its reader and writer, all between a path and plain arrays under slim names.

What is read is told by content (convert/forms/detect.py), what is written by the suffix. Neutral dumps (.h5, .npz) keep
TF's names and axis order; .safetensors and .pth keep PyTorch's, so that their own users find what they expect. Only
.pth needs a framework, PyTorch; TensorFlow's bundles are read and written without it. Metadata goes where the form has
room: HDF5 attributes, the zip comment of .npz, safetensors' header; a state_dict and a bundle have none.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.names import TO_SLIM, slim_name
from kindling.families.registry import Family, family_called
from kindling.families.vgg import SHAPES as VGGS

from ..containers.limits import refuse_crowds
from ..soundness import fingerprint
from . import bundles, h5, npz, pth, safetensors
from .contents import plain
from .detect import opened
from .naming import choose, leaves_at, tell


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a file holds, as it stands there: nothing checked."""

    path: Path
    form: str
    variables: dict[str, np.ndarray]
    """Slim names, TF axis order, the machine's byte order."""
    family: Family | None
    """Whose nets' variables are in it; None if there are none."""
    sha256: str
    """Of the bytes that were read: the file, or all files of all bundles one after the other."""
    metadata: dict[str, str] = field(default_factory=dict)
    unwrapped: tuple[str, ...] = ()
    """What was taken off the weights: dictionaries, prefixes, another byte order."""
    beside: tuple[str, ...] = ()
    """What lay beside the weights, of a training mostly, and is not among the variables."""


def form_of(path: Path) -> str:
    """The form that a path to be written asks for, by its suffix; an unknown one is refused."""
    if path.is_dir():
        if path.suffix in FORMS or bundles.is_prefix(path):
            raise KindlingError(f"{path}: is a folder, and its name asks for a file; give another name")
        return "tf"
    if path.suffix in FORMS:
        return FORMS[path.suffix]
    if not path.suffix or bundles.is_prefix(path):
        return "tf"
    raise KindlingError(
        f"{path}: unknown suffix {path.suffix}; known are {', '.join(FORMS)}, .ckpt for one TF checkpoint, "
        "and none at all for a folder in the original's layout"
    )


def read(path: Path, *, ema: bool = False, family: str = "") -> Checkpoint:
    """Everything in the file or folder at `path`; a KindlingError if it is missing, damaged or of no known form.

    family: the id of the one that it is of; by default it is told by its names, and where those of two families are the
    same by what its metadata says or its folders are called. ema: take the exponential averages of the weights in it. A
    file that says what the fingerprint of its weights is, as ours do, must have those.
    """
    if not path.exists() and path.suffix in FORMS:
        raise KindlingError(f"{path}: no such file")
    asked = family_called(family) if family else None
    form, data = opened(path)
    digest = hashlib.sha256(data)
    try:
        contents = bundles.read(path, digest) if form == "tf" else _READERS[form](path, data)
    except (KindlingError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own for a damaged file; all become one sentence
        raise KindlingError(
            f"{path}: cannot be read as {form}, so it is damaged or incomplete: {_said(error)}"
        ) from error
    torch = contents.torch or (form != "tf" and not any("/" in name for name in contents.variables))
    parts = {name: tuple((name.replace(".", "/") if torch else name).split("/")) for name in contents.variables}
    refuse_crowds(path, parts.values())
    arrays, notes = _turned(contents.variables)
    own = asked or tell(parts, contents.metadata.get("family", "") or contents.hint)
    parts, leftovers = _without_leftovers(parts, own)
    choice = choose(parts, lambda a, b: a == b or _same(arrays[a], arrays[b]), str(path), own, ema=ema)
    variables = {}
    for name, found in choice.names.items():
        new, array = _by_the_rule(found, arrays[name], own) if torch else (found, arrays[name])
        if new in variables:
            raise KindlingError(f"{path}: {new} is in it twice, once behind a prefix; save one of them by itself")
        variables[new] = array
    if contents.metadata.get("family") not in VGGS:  # convert/vgg.py holds those against it, under their own names
        known = own.variables if own else {}
        hold_against_fingerprint(path, {n: a for n, a in variables.items() if n in known}, contents.metadata)
    others = dict.fromkeys(leaves_at(way, choice.prefixes) for way in contents.beside)
    return Checkpoint(
        path=path,
        form=form,
        variables=variables,
        family=own,
        sha256=digest.hexdigest(),
        metadata=contents.metadata,
        unwrapped=(*choice.unwrapped, *contents.notes, *notes),
        beside=tuple(dict.fromkeys((*others, *choice.beside, *contents.left, *leftovers))),
    )


def made(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> dict[Path, bytes]:
    """The files that hold `variables`, under slim names, in the form that the suffix of `path` asks for.

    Nothing is written: the bytes lie in memory, so that no library meets a full disk.
    """
    form = form_of(path)
    try:
        if form == "tf":
            return bundles.made(path, variables, plain(metadata))
        return {path: _WRITERS[form](variables, plain(metadata))}
    except KindlingError:
        raise
    except Exception as error:  # h5py and torch have errors of their own
        raise KindlingError(f"{path.name}: writing as {form} failed: {_said(error)}") from error


def write(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write `variables` straight to `path`, in the form its suffix asks for."""
    put(made(path, variables, metadata))


def put(files: Mapping[Path, bytes]) -> None:
    """Write files, and the folders that they lie in, straight to where they belong. Raises OSError."""
    for file, contents in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents)


def outputs(path: Path, names: Sequence[str], family: Family | None = None) -> list[Path]:
    """The files that `made` gives for variables of these names, in the order in which they may appear."""
    return bundles.outputs(path, names, family) if form_of(path) == "tf" else [path]


def hold_against_fingerprint(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Files of ours say what the fingerprint of their weights is; others are believed. Raises KindlingError."""
    said = metadata.get("weights", "")
    if not re.fullmatch("[0-9a-f]{64}", said):
        if OURS & metadata.keys():
            raise KindlingError(
                f"{path}: damaged: Kindling wrote it, by its metadata, and the fingerprint of its weights is not there"
            )
        return
    if said != fingerprint(variables):
        raise KindlingError(
            f"{path}: damaged, or changed since it was written: its weights are not those whose fingerprint it says; "
            "if that was on purpose, take all of its metadata out"
        )


def _by_the_rule(name, array, family):
    """What PyTorch has, as TensorFlow has it: the name, unless the family's table knows it so, and the axes."""
    known = family.variables if family else {}
    turned = np.array(array.transpose(TO_SLIM), order="C") if array.ndim == 4 else array
    return name if name in known else slim_name(name.replace("/", "."), known), turned


def _without_leftovers(parts, family):
    """Names less what a family's authors left in their files and never load, and a word for each of that."""
    leftovers = family.leftovers if family else {}
    found = sorted({start for sign, start in leftovers.items() if tuple(sign.split("/")) in parts.values()})
    kept = {name: scopes for name, scopes in parts.items() if not "/".join(scopes).startswith(tuple(found))}
    return kept, tuple(f"{start.rstrip('/')}, a leftover that its authors do not load" for start in found)


def _turned(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Arrays in the machine's own byte order, and whether that took any turning."""
    turned = {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in arrays.items()}
    strange = any(turned[name].dtype != array.dtype for name, array in arrays.items())
    return turned, ("big-endian numbers, byte order turned",) if strange else ()


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


FORMS = {".h5": "h5", ".hdf5": "h5", ".npz": "npz", ".safetensors": "safetensors", ".pth": "pth", ".pt": "pth"}
OURS = {"kindling", "family"}  # metadata that we write, beside the fingerprint
_READERS = {"h5": h5.read, "npz": npz.read, "safetensors": safetensors.read, "pth": pth.read}
_WRITERS = {"h5": h5.made, "npz": npz.made, "safetensors": safetensors.made, "pth": pth.made}
