"""PyTorch's .pth: a zip of a pickle and the tensors' bytes. Loaded by torch alone, weights_only, never by pickle.

Before torch sees the file, every member is read and held against its checksum, the pickle's opcodes are read as data
(convert/containers/pickles.py), and every storage it asks for is held against the member that should hold it. What
torch is given is an archive put together anew from these members, so that there is no second way to read the zip.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.names import to_torch
from kindling.core.optional import import_framework

from ..containers import pickles, zips
from ..containers.limits import MOST_BYTES, nbytes, refuse_bulk
from .contents import Contents
from .unwrap import flat

# How files from before PyTorch 1.6 begin: the magic number 0x1950a86a20f9469cfc6c, pickled.
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
OLDEST = (2, 10)  # older ones can be made to run code by a file loaded with weights_only (CVE-2026-24747)
ALONE = "Save the weights alone: torch.save(model.state_dict(), FILE)"


def read(path: Path, data: bytes) -> Contents:
    """Every tensor in the file, wrapped in dictionaries or bare, by the keys that lead to it, with dots. Raises
    KindlingError for a file that holds none, or could do more than hold some."""
    archive = _old(path, data) if data.startswith(LEGACY) else _anew(path, data)
    torch = import_framework("torch", f"{path}: reading a .pth file")
    flattened = flat(_load(torch, path, archive), torch.Tensor, str(path))
    problems = [
        problem for name, value in flattened.tensors.items() for problem in _problems_with_tensor(torch, name, value)
    ]
    if problems:
        raise KindlingError.of(f"{path}: expected plain tensors", problems)
    refuse_bulk(path, (nbytes(value.shape, value.element_size()) for value in flattened.tensors.values()))
    # An expanded tensor repeats one element without end, and its bytes are counted above before it is spelled out.
    arrays = {name: np.array(_array(torch, value), order="C") for name, value in flattened.tensors.items()}
    return Contents(variables=arrays, beside=flattened.others, torch=True)


def made(variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """A state_dict, which has no room for metadata."""
    torch = import_framework("torch", "writing a .pth file")
    file = io.BytesIO()
    torch.save({key: torch.from_numpy(array.copy()) for key, array in to_torch(variables).items()}, file)
    return file.getvalue()


def _array(torch: Any, value: Any) -> np.ndarray:
    """A tensor's numbers; NumPy has no half precision of its own but float16, and ml_dtypes has the others."""
    value = value.detach()
    name = str(value.dtype).removeprefix("torch.")
    if not hasattr(ml_dtypes, name):
        return value.numpy()
    bits = value.contiguous().view(torch.int16 if value.element_size() == 2 else torch.uint8)
    return bits.numpy().view(getattr(ml_dtypes, name))


def _members(path, data):
    """name -> bytes of every member, each held against its checksum by zipfile."""
    with zips.opened(path, data) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if len({name.split("/")[0] for name in names}) > 1:
            raise KindlingError(f"{path}: its archive holds more than one folder; damaged, or made to be misread")
        if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
            raise KindlingError(f"{path}: it is a TorchScript program, not weights, and is not run here. {ALONE}")
        packed = [info.filename for info in infos if info.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise KindlingError(
                f"{path}: {packed[0]} is compressed, which PyTorch does not do; damaged, or not its own"
            )
        return {name: archive.read(name) for name in names}


def _anew(path: Path, data: bytes) -> io.BytesIO:
    """The archive put together again from its members, once they have been looked at.

    Refuses a pickle that names more than tensors, or claims more bytes for one than the archive has for it.
    """
    members = _members(path, data)
    pickle = next(name for name in members if name.split("/")[-1] == "data.pkl")
    folder = pickle.removesuffix("data.pkl")
    plan = _plan(path, io.BytesIO(members[pickle]))
    problems = []
    for key, claimed in plan.storages.items():
        there = len(members.get(f"{folder}data/{key}", b""))
        if claimed > there:
            problems.append(f"storage {key} claims {claimed:,} bytes, and there are {there:,}")
    if problems:
        raise KindlingError.of(str(path), problems)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as anew:
        for name, content in members.items():
            anew.writestr(name, content)
    return archive


def _old(path: Path, data: bytes) -> io.BytesIO:
    """A file from before PyTorch 1.6, once its pickles have been looked at: five of them, and then each storage with
    its number of elements in front. It has no checksums."""
    stream = io.BytesIO(data)
    plan = _plan(path, *[stream] * 5)
    claimed = sum(8 + size for size in plan.storages.values())
    there = len(stream.getvalue()) - stream.tell()
    if claimed != there:
        raise KindlingError(f"{path}: damaged: its tensors claim {claimed:,} bytes, and there are {there:,}")
    return stream


def _plan(path, *streams):
    """What the pickles ask for, if it is tensors and nothing more."""
    try:
        plan = pickles.plan(*streams)
    except KindlingError as error:
        raise KindlingError(f"{path}: damaged: {error}") from error
    if plan.strange:
        named = ", ".join(plan.strange[:3])
        raise KindlingError(
            f"{path}: it holds more than plain tensors ({named}), and loading that could run code; refused. {ALONE}"
        )
    return plan


def _load(torch, path, archive):
    import pickle

    if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < OLDEST:
        raise KindlingError(
            f"{path}: PyTorch {torch.__version__} can be made to run code by such a file; install 2.10 or newer"
        )
    archive.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions and devices, which is no news here
            return torch.load(archive, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise KindlingError(
            f"{path}: it holds more than plain tensors, and loading that could run code; refused. {ALONE}"
        ) from error


def _problems_with_tensor(torch, name, value):
    if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
        yield f"{name} is {_said(torch, value)}, which is not read here: save it after .float()"
    elif value.dtype == getattr(torch, "float4_e2m1fn_x2", None):
        yield f"{name} is {_said(torch, value)}, which packs two numbers in a byte and is not read here"
    elif nbytes(value.shape, value.element_size()) > MOST_BYTES:
        yield f"{name} has shape {tuple(value.shape)}, more than a checkpoint of KinD can hold"


def _said(torch, value):
    if value.is_quantized or value.is_meta:
        return "quantized" if value.is_quantized else "without values"
    return str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")
