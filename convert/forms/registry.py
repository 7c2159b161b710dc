"""The forms of a checkpoint, each with its reader and writer, all between a path and plain arrays under slim names.

What is read is told by content (convert/forms/detect.py), what is written by the suffix. Neutral dumps (.h5, .npz) keep
TF's names and axis order; .safetensors and .pth keep PyTorch's, so that their own users find what they expect. Only
.pth needs a framework, PyTorch; TensorFlow's bundles are read and written without it. Metadata goes where the form has
room: HDF5 attributes, the zip comment of .npz, safetensors' header; a state_dict and a bundle have none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.families.vgg import SHAPES as VGGS

from ..soundness import EXPECTED, fingerprint
from . import bundles, h5, npz, pth, safetensors
from .contents import Contents, plain
from .detect import form_of as form_of_content
from .unwrap import scoped


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, as it stands there: nothing checked, nothing left out."""

    path: Path
    form: str
    variables: dict[str, np.ndarray]  # slim names, TF axis order
    metadata: dict[str, str] = field(default_factory=dict)
    unwrapped: tuple[str, ...] = ()  # dictionaries and prefixes that were taken off the weights
    beside: tuple[str, ...] = ()  # what lay beside the weights and was not read, of training


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


def read(path: Path) -> Checkpoint:
    """Everything in the file or folder at `path`; a KindlingError if it is missing, damaged or of no known form.

    A file that says what the fingerprint of its weights is, as ours do, must have those.
    """
    if not path.exists() and path.suffix in FORMS:
        raise KindlingError(f"{path}: no such file")
    form = form_of_content(path)
    try:
        held = _READERS[form](path)
    except (KindlingError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own for a damaged file; all become one sentence
        raise KindlingError(
            f"{path}: cannot be read as {form}, so it is damaged or incomplete: {_said(error)}"
        ) from error
    variables, prefixes = scoped(held.variables)
    if held.metadata.get("family") not in VGGS:  # convert/vgg.py holds those against it, under their own names
        hold_against_fingerprint(path, {n: a for n, a in variables.items() if n in EXPECTED}, held.metadata)
    return Checkpoint(path, form, variables, held.metadata, held.unwrapped + prefixes, held.beside)


def write(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write `variables`, under slim names, straight to `path` in the form its suffix asks for."""
    form = form_of(path)
    try:
        _WRITERS[form](path, variables, plain(metadata))
    except (KindlingError, OSError):
        raise
    except Exception as error:  # h5py and torch have errors of their own for a full disk
        raise KindlingError(f"{path.name}: writing as {form} failed: {_said(error)}") from error


def outputs(path: Path, names: list[str]) -> list[Path]:
    """The files that `write` will make at `path`, in the order in which they may appear."""
    return bundles.outputs(path, names) if form_of(path) == "tf" else [path]


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


def _read_tf(path):
    return Contents(bundles.read(path))


def _write_tf(path, variables, metadata):
    bundles.write(path, variables)


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


FORMS = {".h5": "h5", ".hdf5": "h5", ".npz": "npz", ".safetensors": "safetensors", ".pth": "pth", ".pt": "pth"}
OURS = {"kindling", "family"}  # metadata that we write, beside the fingerprint
_READERS = {"tf": _read_tf, "h5": h5.read, "npz": npz.read, "safetensors": safetensors.read, "pth": pth.read}
_WRITERS = {"tf": _write_tf, "h5": h5.write, "npz": npz.write, "safetensors": safetensors.write, "pth": pth.write}
