"""One reader and one writer for each kind of file, all between a path and plain arrays under slim names.

Neutral dumps (.h5, .npz) keep TF's names and axis order; .safetensors and .pth keep PyTorch's, so that their own
users find what they expect. Only .pth needs a framework, PyTorch; TensorFlow's bundles are read and
written without it. Metadata goes where the form has room: HDF5 attributes, the zip comment of .npz, safetensors'
header; a state_dict and a bundle have none.
"""

import json
import warnings
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
    """Everything in the file or folder at `path`; a KindlingError if it is missing, damaged or of no known form."""
    form = FORMS.get(path.suffix, "tf") if path.is_file() else "tf"
    if not path.exists() and path.suffix in FORMS:
        raise KindlingError(f"{path}: no such file")
    if path.is_file() and form == "tf" and not bundles.PART.search(path.name) and path.name != bundles.STATE:
        form_of(path)  # says which suffixes there are
        raise KindlingError(f"{path}: not a checkpoint by its name; known are {', '.join(FORMS)} and TF checkpoints")
    try:
        variables, metadata = _READERS[form](path)
    except KindlingError:
        raise
    except Exception as error:  # each library has errors of its own for a damaged file; all become one sentence
        raise KindlingError(f"{path}: cannot be read as {form}: {_said(error)}") from error
    return Checkpoint(path, form, variables, _strings(metadata))


def write(path: Path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write `variables`, under slim names, straight to `path` in the form its suffix asks for."""
    form = form_of(path)
    try:
        _WRITERS[form](path, variables, _strings(metadata))
    except (KindlingError, OSError):
        raise
    except Exception as error:  # h5py and torch have errors of their own for a full disk
        raise KindlingError(f"{path.name}: writing as {form} failed: {_said(error)}") from error


def outputs(path: Path, names: list[str]) -> list[Path]:
    """The files that `write` will make at `path`, in the order in which they may appear."""
    return bundles.outputs(path, names) if form_of(path) == "tf" else [path]


def _read_tf(path):
    return bundles.read(path), {}


def _write_tf(path, variables, metadata):
    bundles.write(path, variables)


def _read_h5(path):
    import h5py

    datasets = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    with h5py.File(path, "r") as file:
        file.visititems(keep)
        strangers = [name for name, item in datasets.items() if item.shape is None or item.dtype.kind not in "fiub"]
        if strangers:
            raise KindlingError.of(str(path), [f"{name} holds no numbers" for name in strangers])
        return {name: np.asarray(item[()]) for name, item in datasets.items()}, dict(file.attrs)


def _write_h5(path, variables, metadata):
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update(metadata)
        for name, array in variables.items():
            file.create_dataset(name, data=array)


def _read_npz(path):
    with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as archive:
        try:
            metadata = json.loads(archive.comment)
        except ValueError:  # somebody else's comment, or none
            metadata = {}
        return {name: arrays[name] for name in arrays.files}, metadata


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
    with open(path, "rb") as file:
        begins = file.read(4)
    if begins != b"PK\x03\x04" and begins[:1] != b"\x80":  # a zip, or a pickle of torch before 1.6
        raise KindlingError(f"{path}: is no PyTorch file, or damaged: it does not begin as one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript, which is refused in our own words
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise KindlingError(
            f"{path}: it holds more than plain tensors, and loading that could run code; refused. "
            "Save the weights alone: torch.save(model.state_dict(), FILE)"
        ) from error
    if not isinstance(state, Mapping):
        raise KindlingError(f"{path}: expected a state_dict, names and tensors, but it is a {type(state).__name__}")
    problems = [problem for key, value in state.items() for problem in _problems_with_tensor(torch, key, value)]
    if problems:
        raise KindlingError.of(f"{path}: expected a state_dict, names and tensors", problems)
    return to_slim({key: value.detach().numpy() for key, value in state.items()}), {}


def _problems_with_tensor(torch, key, value):
    if isinstance(value, Mapping):
        yield f"{key!r} is a dict; save what is in it by itself: torch.save(held[{key!r}], FILE)"
    elif not isinstance(key, str) or not isinstance(value, torch.Tensor):
        yield f"{key!r} is {'no tensor' if isinstance(key, str) else 'no name'}"
    elif value.layout != torch.strided or value.is_quantized or value.dtype == torch.bfloat16:
        form = (
            "quantized" if value.is_quantized else str(value.dtype if value.layout == torch.strided else value.layout)
        )
        yield f"{key} is {form.removeprefix('torch.')}, expected plain float32: save {key!r} after .float()"


def _write_pth(path, variables, metadata):
    torch = import_framework("torch", f"{path.name}: writing a .pth file")
    torch.save({key: torch.from_numpy(array.copy()) for key, array in to_torch(variables).items()}, path)


def _strings(metadata) -> dict[str, str]:
    """Names and values as strings, which every form has room for. Anything else in their place is not ours: nothing."""
    if not isinstance(metadata, Mapping):
        return {}
    return {str(key): str(value).replace("\0", "") for key, value in metadata.items()}


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


FORMS = {".h5": "h5", ".hdf5": "h5", ".npz": "npz", ".safetensors": "safetensors", ".pth": "pth", ".pt": "pth"}
_READERS = {"tf": _read_tf, "h5": _read_h5, "npz": _read_npz, "safetensors": _read_safetensors, "pth": _read_pth}
_WRITERS = {"tf": _write_tf, "h5": _write_h5, "npz": _write_npz, "safetensors": _write_safetensors, "pth": _write_pth}
