"""NumPy's .npz: slim names as keys, TF axis order; metadata in the comment of the zip, where np.load never looks.

Every member's header is read before its data, and held against what the zip's directory says of the member: no array is
allocated that its file does not have the bytes for, and an array of Python objects, a pickle, is never opened.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError

from ..containers import zips
from ..containers.limits import nbytes
from .contents import Contents, plain

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read(path: Path, data: bytes) -> Contents:
    """Every array in the file; KindlingError for members that are none."""
    with zips.opened(path, data) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        problems = [problem for name, member in members.items() for problem in _problems(archive, name, member)]
        if problems:
            raise KindlingError.of(str(path), problems)
        arrays = {name: _array(archive, member) for name, member in members.items()}
        try:
            metadata = json.loads(archive.comment)
        except ValueError:  # somebody else's comment, or none
            metadata = {}
    return Contents(variables=arrays, metadata=plain(metadata))


def made(variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **variables)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = json.dumps(metadata).encode()
    return file.getvalue()


def _problems(archive, name, member):
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            shape, _, dtype = HEADERS[version](file)
        except (ValueError, KeyError):
            yield f"{name} is no NumPy array"
            return
        if dtype.hasobject:
            yield f"{name} holds Python objects, and loading those could run code; refused"
        elif dtype.kind == "V" and dtype.itemsize <= 2 and not dtype.names:
            yield f"{name} holds numbers that NumPy has no name for (bfloat16 or float8); save them as float32"
        elif dtype.kind not in "fiub":
            yield f"{name} holds no numbers"
        elif nbytes(shape, dtype.itemsize) != member.file_size - file.tell():
            size = member.file_size - file.tell()
            yield f"{name} has shape {shape} of {dtype} and {size} bytes, which do not go together"


def _array(archive, member):
    with archive.open(member) as file:  # read to its end, so that zipfile holds it against its checksum
        return np.lib.format.read_array(file, allow_pickle=False)
