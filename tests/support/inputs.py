"""Inputs of the nets: random ones in sizes on which ports go wrong, and those of the authors' goldens."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kindling.families.kind.nets import NETS
from tests.support.weights import STEPS

ODD_SIZES = [(1, 1, 1), (1, 2, 3), (1, 5, 7), (3, 16, 16), (1, 17, 33), (1, 37, 51), (2, 31, 48), (1, 95, 130)]


def random_inputs(net: str, size: tuple[int, int, int], dtype: type = np.float32) -> list[np.ndarray]:
    """One array for each input of `net`, (n, h, w, channels) in [0, 1); size: (n, h, w), which is the seed too."""
    rng = np.random.default_rng([7, *size])
    return [rng.random((*size, channels), np.float32).astype(dtype) for channels in NETS[net].inputs.values()]


def reference_goldens(reference: Path) -> Iterator[tuple[str, str, list[np.ndarray], list[np.ndarray]]]:
    """(name, step, inputs, outputs) of every forward golden made by the authors' graphs."""
    from kindling.images import load_images

    folder = reference / "goldens"
    photos = {p.stem: load_images(p)[np.newaxis] for p in sorted((reference / "images").iterdir())}
    for file in sorted(folder.glob("decom_*.npz")):
        if file.stem == "decom_layers":
            continue
        with np.load(file) as golden:
            x = golden["x"] if "x" in golden else photos[file.stem.removeprefix("decom_image_")]
            yield file.stem, "decompose", [x], [golden["R"], golden["L"]]
    for file in sorted(folder.glob("adjust_*.npz")):
        with np.load(file) as golden:
            if "i" in golden:
                yield file.stem, "adjust", [golden["i"], golden["ratio"]], [golden["out"]]
            else:
                photo, ratio = file.stem.removeprefix("adjust_image_").split("_")
                with np.load(folder / f"decom_image_{photo}.npz") as decomposed:
                    i = decomposed["L"]
                yield file.stem, "adjust", [i, np.full_like(i, float(ratio))], [golden["out"]]
    for file in sorted(folder.glob("restoration_*.npz")):
        with np.load(file) as golden:
            yield file.stem, "restore", [golden["r"], golden["i"]], [golden["out"]]


def reference_inputs(reference: Path, net: str) -> Iterator[list[np.ndarray]]:
    """Of the goldens of one net: what its graph was given."""
    for _, step, inputs, _ in reference_goldens(reference):
        if step == STEPS[net]:
            yield inputs
