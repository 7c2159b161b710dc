"""HDF5: slim names as groups, TF axis order, metadata as attributes of the file.

HDF5 can point out of its file (external links, external storage, virtual datasets), claim any size in a few bytes, and
load filters from shared libraries. None of that belongs to a checkpoint: each is refused by name, and every size is
held against the file before an array is allocated. What we write has a checksum on every structure and every dataset.
"""

import io
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kindling.core.errors import KindlingError

from ..containers.limits import MOST_BYTES, nbytes, refuse_bulk
from .contents import Contents, plain

if TYPE_CHECKING:
    import h5py

HEAP = b"GCOL\x01"  # how a heap begins, and its version
DEFLATE = 1  # HDF5's number for gzip; 2 shuffles bytes, 3 is a checksum
# The chains of filters that are read; any other might be a library to be loaded, or inflate unseen.
FILTERS = {(), (3,), (1,), (1, 3), (2,), (2, 3), (2, 1), (2, 1, 3)}


def read(path: Path, data: bytes) -> Contents:
    """Every dataset in the file; KindlingError for what is no plain array inside it."""
    import h5py

    size = len(data)
    with _opened(data) as file:
        problems, datasets = [], {}
        for name, item in _walk(file):
            found = _problem(item, size) if isinstance(item, h5py.Dataset) else item
            if found:
                problems.append(f"{name} {found}")
            else:
                datasets[name] = item
        if problems:
            raise KindlingError.of(str(path), problems)
        refuse_bulk(path, (nbytes(item.shape, item.dtype.itemsize) for item in datasets.values()))
        bombs = [f"{name} inflates beyond its shape" for name, item in datasets.items() if _inflates(item)]
        if bombs:
            raise KindlingError.of(str(path), bombs)
        arrays = {name: np.asarray(item[()]) for name, item in datasets.items()}
        return Contents(variables=arrays, metadata=plain(_attributes(path, data, file)))


def made(variables: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes: every structure and every dataset with its checksum, which HDF5 has since 1.10."""
    memory = io.BytesIO()
    with created(memory) as file:
        put_attributes(file, metadata)
        for name, array in variables.items():
            checked = {"chunks": array.shape, "fletcher32": True} if array.size and array.ndim else {}
            file.create_dataset(name, data=array, **checked)
    return memory.getvalue()


def put_attributes(file: "h5py.File", metadata: Mapping[str, str]) -> None:
    """Metadata as strings of fixed length, in the checked structures: those of any length lie in a heap without."""
    import h5py

    for key, value in metadata.items():
        raw = value.encode()
        file.attrs.create(key, raw, dtype=h5py.string_dtype("utf-8", max(1, len(raw))))


def created(memory: io.BytesIO, libver: tuple[str, str] | None = ("v110", "v110")) -> "h5py.File":
    """A new file without a disk under it: HDF5 crashes the process when it cannot close a file on a full disk.

    libver: the versions of HDF5 that can read it, the library's own choice if None.
    """
    import h5py

    return h5py.File(memory, "w", libver=libver)


def _opened(data: bytes) -> "h5py.File":
    """A file that lies in memory. It cannot point anywhere by a path that is relative to its own."""
    import h5py

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_file_image(data)
    return h5py.File(h5py.h5f.open(b"in memory", h5py.h5f.ACC_RDONLY, access))


def _attributes(path, data, file):
    """The attributes of the file itself. Strings of any length are only read from heaps that HDF5 finds its way in."""
    import h5py

    kinds = [file.attrs.get_id(key).get_type() for key in file.attrs]
    fixed = (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID, h5py.h5t.TypeStringID)
    if any(not isinstance(kind, fixed) or _is_of_any_length(kind) for kind in kinds):
        _check_heaps(path, data, file.id.get_create_plist().get_sizes()[1])
    values = dict(file.attrs)
    return {key: value.decode(errors="replace") if isinstance(value, bytes) else value for key, value in values.items()}


def _is_of_any_length(kind):
    import h5py

    return isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()


def _check_heaps(path, data, size):
    """KindlingError if the objects of a heap do not follow one another: HDF5 would look for the next one for ever."""
    at = data.find(HEAP)
    while at >= 0:
        end = at + int.from_bytes(data[at + 8 : at + 8 + size], "little")
        place = at + 8 + size
        while place + 8 + size <= min(end, len(data)):
            index = int.from_bytes(data[place : place + 2], "little")
            length = int.from_bytes(data[place + 8 : place + 8 + size], "little")
            step = 8 + size + -(-length // 8) * 8 if index else length  # what is free counts its own head too
            if step < 8 + size or place + step > end:
                raise KindlingError(f"{path}: damaged: a heap in it, of strings, does not hold together")
            place += step
        at = data.find(HEAP, at + 1)


def _walk(file):
    """(name, dataset), or (name, what is wrong with it), of everything but groups. No link out of a group's own is
    followed, and nothing is visited twice."""
    import h5py

    seen, waiting = {h5py.h5o.get_info(file.id).addr}, [("", file)]
    while waiting:
        prefix, group = waiting.pop()
        for key in group:
            name = f"{prefix}{key}"
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                yield name, f"is a link to {getattr(link, 'filename', '')}{link.path}, not data; links are not followed"
                continue
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                yield name, "is something that has another name too"
                continue
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((f"{name}/", item))
            else:
                yield name, item if isinstance(item, h5py.Dataset) else "holds no numbers"


def _problem(item, size):
    """Why a dataset is not read, or None. size: of the whole file, in bytes."""
    import h5py

    plist = item.id.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return "is a virtual dataset, whose data are in other files; not read"
    if plist.get_external_count():
        return f"has its data in another file, {plist.get_external(0)[0].decode(errors='replace')}; not read"
    if item.shape is None or item.dtype.kind not in "fiub":
        return "holds no numbers"
    claimed = nbytes(item.shape, item.dtype.itemsize)
    if layout == h5py.h5d.CHUNKED:
        return _problem_with_chunks(item, plist, size)
    begin = item.id.get_offset() if layout == h5py.h5d.CONTIGUOUS and claimed else 0
    if item.id.get_storage_size() != claimed or begin is None or begin + claimed > size:
        return f"has shape {item.shape} of {item.dtype}, and the file does not have the {claimed:,} bytes for it"
    return None


def _problem_with_chunks(item, plist, size):
    filters = [plist.get_filter(k) for k in range(plist.get_nfilters())]
    if tuple(code for code, *_ in filters) not in FILTERS:
        return (
            f"is packed by {', '.join(name.decode(errors='replace') for *_, name in filters)}, which is not read here"
        )
    chunk = plist.get_chunk()
    if nbytes(chunk, item.dtype.itemsize) > MOST_BYTES:
        return f"comes in chunks of shape {chunk}, more than a file may hold"
    expected = math.prod(-(-a // b) for a, b in zip(item.shape, chunk, strict=True))
    there = item.id.get_num_chunks()
    if there != expected:
        return f"has shape {item.shape} of {item.dtype}, and only {there:,} of its {expected:,} chunks are there"
    infos = (item.id.get_chunk_info(k) for k in range(there))
    if any(info.byte_offset is None or info.byte_offset + info.size > size for info in infos):
        return "points beyond the end of the file"
    return None


def _inflates(item: "h5py.Dataset") -> bool:
    """Does a compressed chunk unpack to more than a chunk? HDF5 itself would go on to the end of it."""
    plist = item.id.get_create_plist()
    filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
    if DEFLATE not in filters:
        return False
    most = nbytes(item.chunks, item.dtype.itemsize)
    skipped = 1 << filters.index(DEFLATE)  # a chunk may say that one of the filters was not applied to it
    for k in range(item.id.get_num_chunks()):
        mask, raw = item.id.read_direct_chunk(item.id.get_chunk_info(k).chunk_offset)
        if not mask & skipped and len(zlib.decompressobj().decompress(raw, most + 1)) > most:
            return True
    return False
