"""One reader and one writer for each kind of file, all between a path and plain arrays under slim names.

Neutral dumps (.h5, .npz) keep TF's names and axis order; .safetensors and .pth keep PyTorch's, so that their own
users find what they expect. Only .pth needs a framework, PyTorch; TensorFlow's bundles are read and
written without it. Metadata goes where the form has room: HDF5 attributes, the zip comment of .npz, safetensors'
header; a state_dict and a bundle have none.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convert import bundles
from convert.mapping import to_slim, to_torch
from kindling.errors import KindlingError
from kindling.frameworks import import_framework


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, as it stands there: nothing checked, nothing left out."""

    path: Path
    form: str
    variables: dict[str, np.ndarray]  # slim names, TF axis order
    metadata: dict[str, str] = field(default_factory=dict)


def form_of(path: Path) -> str:
    """The form that a path to be written asks for, by its suffix; an unknown one is refused."""
    if path.suffix in _FORMS:
        return _FORMS[path.suffix]
    if path.is_dir() or not path.suffix or bundles.is_prefix(path):
        return "tf"
    raise KindlingError(
        f"{path}: unknown suffix {path.suffix}; known are {', '.join(_FORMS)}, .ckpt for one TF checkpoint, "
        "and none at all for a folder in the original's layout"
    )


def read(path: Path) -> Checkpoint:
    """Everything in the file or folder at `path`; a KindlingError if it is missing, damaged or of no known form."""
    form = _FORMS.get(path.suffix, "tf") if path.is_file() else "tf"
    if not path.exists() and path.suffix in _FORMS:
        raise KindlingError(f"{path}: no such file")
    if path.is_file() and form == "tf" and not bundles.PART.search(path.name) and path.name != bundles.STATE:
        form_of(path)  # says which suffixes there are
        raise KindlingError(f"{path}: not a checkpoint by its name; known are {', '.join(_FORMS)} and TF checkpoints")
    try:
        variables, metadata = _READERS[form](path)
    except KindlingError:
        raise
    except Exception as error:  # each library has errors of its own for a damaged file; all become one sentence
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise KindlingError(f"{path}: cannot be read as {form}: {said[0]}") from error
    return Checkpoint(path, form, variables, metadata)


def write(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write `variables`, under slim names, straight to `path` in the form its suffix asks for."""
    _WRITERS[form_of(path)](path, variables, dict(metadata))


def outputs(path: Path, names: list[str]) -> list[Path]:
    """The files that `write` will make at `path`, in the order in which they may appear."""
    return bundles.outputs(path, names) if form_of(path) == "tf" else [path]


def _read_tf(path):
    return bundles.read(path), {}


def _write_tf(path, variables, metadata):
    bundles.write(path, variables)


def _read_h5(path):
    import h5py

    variables = {}
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: variables.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
        return variables, {key: str(value) for key, value in file.attrs.items()}


def _write_h5(path, variables, metadata):
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update(metadata)
        for name, array in variables.items():
            file.create_dataset(name, data=array)


def _read_npz(path):
    with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as archive:
        comment = archive.comment.decode() or "{}"
        return {name: arrays[name] for name in arrays.files}, json.loads(comment)


def _write_npz(path, variables, metadata):
    np.savez(path, **variables)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = json.dumps(metadata).encode()  # np.load never looks here, so every key is a variable


def _read_safetensors(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return to_slim({key: file.get_tensor(key) for key in file.keys()}), file.metadata() or {}  # noqa: SIM118


def _write_safetensors(path, variables, metadata):
    from safetensors.numpy import save

    path.write_bytes(save(to_torch(variables), metadata))  # its own save_file makes a file no one else may read


def _read_pth(path):
    import pickle

    torch = import_framework("torch", f"{path}: reading a .pth file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise KindlingError(
            f"{path}: it holds more than plain tensors, and loading that could run code; refused. "
            "Save the weights alone: torch.save(model.state_dict(), FILE)"
        ) from error
    strangers = (
        [key for key, value in state.items() if not isinstance(value, torch.Tensor)] if hasattr(state, "items") else []
    )
    if strangers or not hasattr(state, "items"):
        what = f"{strangers[0]!r} in it is no tensor" if strangers else f"it is a {type(state).__name__}"
        raise KindlingError(f"{path}: expected a state_dict, names and tensors, but {what}")
    return to_slim({key: value.numpy() for key, value in state.items()}), {}


def _write_pth(path, variables, metadata):
    torch = import_framework("torch", f"{path.name}: writing a .pth file")
    torch.save({key: torch.from_numpy(array.copy()) for key, array in to_torch(variables).items()}, path)


_FORMS = {".h5": "h5", ".hdf5": "h5", ".npz": "npz", ".safetensors": "safetensors", ".pth": "pth", ".pt": "pth"}
_READERS = {"tf": _read_tf, "h5": _read_h5, "npz": _read_npz, "safetensors": _read_safetensors, "pth": _read_pth}
_WRITERS = {"tf": _write_tf, "h5": _write_h5, "npz": _write_npz, "safetensors": _write_safetensors, "pth": _write_pth}
