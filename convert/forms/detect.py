"""What a file is, by what is in it: a name can be wrong, the first bytes cannot.

Also says what the things are that people mistake for checkpoints: a web page in place of a download, a pointer of git
LFS, a pickle, a Keras model. None of them is opened any further.
"""

import struct
from pathlib import Path

from kindling.core.errors import KindlingError

from ..containers import v1, zips
from ..containers.limits import whole
from ..containers.sstable import FOOTER
from . import finding, pth

AGAIN = "load it with torch.load(FILE, weights_only=True) and save it again with torch.save"
# How other things begin, and what they are.
STRANGERS = (
    (b"\x80", "a pickle, and loading that could run code; refused"),
    (b"\x93NUMPY", "a single NumPy array, which has no name; save arrays under their names with numpy.savez"),
    (b"version https://git-lfs", "a pointer of git LFS, not the file itself; get it with git lfs pull"),
    (b"<", "a web page or XML: the download went wrong"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)
H5 = b"\x89HDF\r\n\x1a\n"
HEAD = 4096
LONGEST_STATE = 65_536
SUFFIXES = {".h5": "HDF5", ".hdf5": "HDF5", ".npz": "NumPy", ".safetensors": "safetensors"}
SUFFIXES |= {".pth": "PyTorch", ".pt": "PyTorch"}
KNOWN = "HDF5, .npz, safetensors, PyTorch's .pth, and TF checkpoints by their folder, prefix or index"


def opened(path: Path) -> tuple[str, bytes]:
    """The form of what is at `path`, "tf", "h5", "npz", "safetensors" or "pth", and the file's bytes, read once.

    TensorFlow's checkpoints are several files, found by their names, so of those there are no bytes yet. Raises
    KindlingError if it is none of them.
    """
    if not path.is_file():
        return "tf", b""  # a folder, or the prefix of a bundle
    if finding.PART.search(path.name) and path.suffix != ".index" and finding.has_index(path):
        return "tf", b""  # a shard is numbers, and may begin as anything
    data = whole(path)
    return form_of(path, data), data


def form_of(path: Path, data: bytes) -> str:
    """The form of a file that holds `data`. Raises KindlingError if it is none."""
    head = data[:HEAD]
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _in_zip(path, data)
    if head.startswith(pth.LEGACY):
        return "pth"
    if _is_h5(head):
        return "h5"
    if len(data) >= FOOTER and data[-8:] == v1.END:
        if path.suffix != ".index" and not v1.is_v1(data):
            raise KindlingError(
                f"{path}: is the index of a TF checkpoint by its content, and its data are found by its name, which "
                "must end in .index; name it as it was"
            )
        return "tf"
    if finding.is_state(data[:LONGEST_STATE]):
        return "tf"
    if _is_safetensors(head, len(data)):
        return "safetensors"
    raise KindlingError(f"{path}: {_said(path, head, len(data))}")


def _is_h5(head):
    """HDF5 may have something of a user's in front, 512 bytes or a multiple by twos."""
    if head.startswith(H5):
        return True
    return any(head[at:].startswith(H5) for at in (512, 1024, 2048))


def _is_safetensors(head, size):
    """Eight bytes that say how long the JSON is that follows them."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    return struct.unpack("<Q", head[:8])[0] <= size - 8


def _in_zip(path, data):
    with zips.opened(path, data) as archive:
        names = archive.namelist()
    if any(name.split("/")[-1] == "data.pkl" for name in names):
        return "pth"
    if "config.json" in names and any(name.endswith(".weights.h5") for name in names):
        raise KindlingError(f"{path}: is a Keras model, which is a program and is not run here; save its weights alone")
    if any(name.endswith(".index") for name in names):
        raise KindlingError(
            f"{path}: is a zip with TF checkpoints in it; unpack it, or, if it is the authors' own, "
            "`kindling fetch --from` takes it"
        )
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    listed = ", ".join(names[:3]) or "nothing"
    raise KindlingError(f"{path}: is a zip archive, but no .npz and no .pth: it holds {listed}")


def _said(path, head, size):
    """What a file that is no checkpoint is, or is not."""
    strange = next((what for begins, what in STRANGERS if head.startswith(begins)), "")
    if path.name == "saved_model.pb":
        strange = "the program of a SavedModel, which is not opened here; name the folder that it lies in"
    if head[257:262] == b"ustar":
        strange = f"a tar archive; an old PyTorch file may be one: {AGAIN}"
    if path.suffix == ".index":
        return (
            f"is no index of a TF checkpoint, or damaged: {f'it is {strange}' if strange else 'it does not end as one'}"
        )
    if path.suffix in SUFFIXES:
        it = f"it is {strange}" if strange else "it does not begin as one"
        return f"is no {SUFFIXES[path.suffix]} file, or damaged: {it if size else 'it is empty'}"
    if not size:
        return "is empty"
    return f"is {strange}" if strange else f"is no checkpoint by its content; known are {KNOWN}"
