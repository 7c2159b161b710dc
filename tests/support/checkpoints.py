"""What the tests of checkpoints share: the forms there are, and ways to make a sound one unsound."""

from pathlib import Path

import numpy as np
import pytest

FORMS = ["out.h5", "out.hdf5", "out.npz", "out.safetensors", "out.pth", "out.pt", "out.ckpt", "folder"]
NEEDS = {".pth": "torch", ".pt": "torch"}
NAME = "DecomNet/g_conv1_1/weights"


def form(name):
    mark = NEEDS.get(Path(name).suffix)
    return pytest.param(name, id=name, marks=[getattr(pytest.mark, mark)] if mark else [])


def without(variables, *names):
    return {name: array for name, array in variables.items() if name not in names}


def changed(variables, name, array):
    return {**variables, name: array}


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def with_nan(array):
    return np.full_like(array, np.nan)


def with_one_infinite(array):
    return np.where(array == array.max(), np.float32(np.inf), array)


def truncate(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
