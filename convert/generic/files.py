"""Files of any model's weights, under their own names and in their own axis order: read as they stand, and written.

KinD's own readers (convert/forms/registry.py) look for KinD's variables and turn what they find into slim's names. Here
nothing is looked for: that is the table's business.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ml_dtypes
import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_all_into_place, move_into_place, refuse_existing, staging
from kindling.core.optional import import_framework

from ..containers import zips
from ..containers.limits import refuse_bulk, refuse_crowds, whole
from ..forms import bundles, h5, npz, pth, safetensors
from ..forms.contents import Contents, plain
from ..forms.detect import opened
from ..forms.finding import prefix_of
from ..soundness import differences
from .layers import Array

READERS = {"h5": h5.read, "npz": npz.read, "safetensors": safetensors.read, "pth": pth.read}
TORCH_FORMS = {".pth": "pth", ".pt": "pth", ".safetensors": "safetensors"}
TF_FORMS = {".npz": "npz", ".h5": "h5", ".hdf5": "h5", ".ckpt": "tf", ".index": "tf"}
SUFFIXES = f"{', '.join(TORCH_FORMS)} for PyTorch; .npz, .h5, .hdf5 and NAME.ckpt for TensorFlow"
KERAS_WEIGHTS = "model.weights.h5"  # the member of a .keras archive that holds numbers; the others describe a program
FINGERPRINT = "fingerprint"


@dataclass(frozen=True, kw_only=True)
class Raw:
    """What a file holds, as it stands there."""

    path: Path
    form: str
    variables: dict[str, Array]
    """Its own names, less a `:0` behind them; its own axis order; the machine's byte order."""
    metadata: Mapping[str, str]
    notes: tuple[str, ...]
    sha256: str
    """Of the bytes that were read."""


def read(path: Path) -> Raw:
    """Every array in the file or folder at `path`: a TF bundle of any format, .h5, .keras, .npz, .pth, safetensors.

    Raises KindlingError if it is missing, damaged, of no known form, or more than weights.
    """
    if not path.exists() and path.suffix in (*TORCH_FORMS, ".npz", ".h5", ".hdf5", ".keras"):
        raise KindlingError(f"{path}: no such file")
    digest = hashlib.sha256()
    contents, form = _held(path, digest)
    refuse_crowds(path, [tuple(name.split("/")) for name in contents.variables])
    variables: dict[str, Array] = {}
    for name, array in contents.variables.items():
        own = name.removesuffix(":0")
        if own in variables:
            raise KindlingError(f"{path}: {own} is in it twice, once with :0 behind it")
        variables[own] = array.astype(array.dtype.newbyteorder("="), copy=False)
    said = contents.metadata.get(FINGERPRINT)
    if said and said != fingerprint(variables):
        raise KindlingError(
            f"{path}: damaged, or changed since it was written: its arrays are not those whose fingerprint it says"
        )
    return Raw(
        path=path,
        form=form,
        variables=variables,
        metadata=contents.metadata,
        notes=contents.notes,
        sha256=digest.hexdigest(),
    )


def _held(path: Path, digest: "hashlib._Hash") -> tuple[Contents, str]:
    try:
        if path.is_file() and (inside := _of_keras(path, digest)) is not None:
            contents = h5.read(path, inside)
            return replace(contents, notes=("the weights of a Keras model, whose program is left closed",)), "keras"
        form, data = opened(path)
        digest.update(data)
        return (bundles.read(path, digest), form) if form == "tf" else (READERS[form](path, data), form)
    except (KindlingError, MemoryError):
        raise
    except Exception as error:  # each library has errors of its own for a damaged file; all become one sentence
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise KindlingError(f"{path}: cannot be read, so it is damaged or incomplete: {said}") from error


def _of_keras(path: Path, digest: "hashlib._Hash") -> bytes | None:
    """The bytes of the weights in a .keras archive; None if `path` is none."""
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return None
    data = whole(path)
    with zips.opened(path, data) as archive:
        names = archive.namelist()
        if "config.json" not in names or KERAS_WEIGHTS not in names:
            return None
        refuse_bulk(path, [archive.getinfo(KERAS_WEIGHTS).file_size])
        digest.update(data)
        return archive.read(KERAS_WEIGHTS)


def is_for_torch(target: Path) -> bool:
    """Whether a path to be written asks for PyTorch's form, by its suffix. Raises KindlingError for an unknown one."""
    if target.suffix in TORCH_FORMS:
        return True
    if target.suffix in TF_FORMS or bundles.is_prefix(target):
        return False
    said = f"unknown suffix {target.suffix}" if target.suffix else "no suffix"
    raise KindlingError(f"{target}: {said}; with --map it is {SUFFIXES}")


def outputs(target: Path) -> list[Path]:
    """The files that writing gives."""
    return bundles.outputs(target, []) if bundles.is_prefix(target) else [target]


def write(target: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str], *, force: bool) -> list[Path]:
    """Write arrays under their own names, in the form of the suffix; read back and compared before it is in place.

    Returns the files. Raises KindlingError if something is there and not `force`, or if it does not read back.
    """
    refuse_existing(outputs(target), force)
    at = Path(os.path.abspath(target))
    files = _made(at, arrays, {**metadata, FINGERPRINT: fingerprint(arrays)})
    with staging(at.parent) as folder:
        drafts = [(folder / file.name, file) for file in files]
        for draft, file in drafts:
            draft.write_bytes(files[file])
        back = read(prefix_of(folder / at.name)).variables
        if wrong := differences(arrays, back):
            raise KindlingError.of(
                f"{target}: what was written does not read back as it was", wrong, "nothing was kept"
            )
        if len(drafts) == 1:
            move_into_place(*drafts[0])
        else:
            move_all_into_place(drafts[::-1], folder)
    return outputs(target)


def _made(target: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> dict[Path, bytes]:
    """The files' bytes, in the order in which they may appear."""
    kept = {name: np.array(array, order="C") for name, array in arrays.items()}  # keeps the shape of a scalar
    try:
        if bundles.is_prefix(target):
            return bundles.made(target, kept)
        form = TORCH_FORMS.get(target.suffix) or TF_FORMS[target.suffix]
        if form == "pth":
            return {target: _made_pth(kept)}
        if form == "safetensors":
            from safetensors.numpy import save

            return {target: save(kept, plain(metadata))}
        return {target: (npz if form == "npz" else h5).made(kept, plain(metadata))}
    except KindlingError:
        raise
    except Exception as error:  # h5py, safetensors and torch have errors of their own
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise KindlingError(f"{target.name}: writing failed: {said}") from error


def _made_pth(arrays: Mapping[str, Array]) -> bytes:
    torch = import_framework("torch", "writing a .pth file")
    file = io.BytesIO()
    tensors = {}
    for name, array in arrays.items():
        if hasattr(ml_dtypes, array.dtype.name):  # a bfloat16 of NumPy's add-on: the same bits, named by PyTorch
            bits = torch.from_numpy(array.view(np.int16 if array.dtype.itemsize == 2 else np.uint8))
            tensors[name] = bits.view(getattr(torch, array.dtype.name))
        else:
            tensors[name] = torch.from_numpy(array)
    torch.save(tensors, file)
    return file.getvalue()


def fingerprint(arrays: Mapping[str, Array]) -> str:
    """The sha256 of names, dtypes, shapes and bytes, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.name}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
