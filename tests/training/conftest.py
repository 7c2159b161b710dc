"""What trainings are tried on: a few small pairs, and a DecomNet to look through."""

import numpy as np
import pytest
from PIL import Image

import convert
from tests.support.weights import seeded


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Four pairs of 40x44: blocks of colour, bright, and the same at a fifth of the light."""
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(4):
        random = np.random.default_rng(number)
        bright = np.kron(random.integers(40, 256, (5, 4, 3)), np.ones((8, 11, 1))).astype(np.uint8)
        for side, image in (("low", bright // 5), ("high", bright)):
            (folder / side).mkdir(exist_ok=True)
            Image.fromarray(image).save(folder / side / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def decom(tmp_path_factory):
    """A DecomNet to look through."""
    path = tmp_path_factory.mktemp("decom") / "decom.npz"
    convert.write(path, seeded("DecomNet"))
    return path
