"""Seeded weights, and the goldens that the authors' own graphs gave with them (tests/seeded/*.npz).

They depend on nobody's files, so anyone can prove both frameworks against the authors' graphs. Every net draws from
`RandomState(2019)`, its variables in the order of `name + ":0"`: biases small, filters He-scaled, so that values
neither die out nor explode on their way through the layers.
"""

from pathlib import Path

import numpy as np

import convert
from kindling.families.kind.nets import NETS

SEED = 2019
GOLDENS = Path(__file__).parents[1] / "seeded"
STEPS = {"DecomNet": "decompose", "Restoration_net": "restore", "Illumination_adjust_net": "adjust"}
INPUTS = {"DecomNet": ("x",), "Restoration_net": ("r", "i"), "Illumination_adjust_net": ("i", "ratio")}
OUTPUTS = {"DecomNet": ("R", "L"), "Restoration_net": ("out",), "Illumination_adjust_net": ("out",)}


def seeded(*nets: str, seed: int = SEED) -> dict[str, np.ndarray]:
    """The variables of `nets` (default: all three), slim names, TF axis order, float32."""
    variables = {}
    for net in nets or NETS:
        rng = np.random.RandomState(seed)
        shapes = NETS[net].variables
        drawn = {name: _draw(rng, name, shapes[name]) for name in sorted(shapes, key=lambda name: name + ":0")}
        variables.update({name: drawn[name] for name in shapes})
    return variables


def authors_weights(reference: Path, target: Path) -> Path:
    """What the goldens and pictures in `reference` were made with, written to `target`: the two nets that the authors
    released, and the restoration seeded."""
    own = seeded("Restoration_net")
    for net in ("DecomNet", "Illumination_adjust_net"):
        own |= convert.read(reference / "checkpoint" / NETS[net].folder)
    convert.write(target, own)
    return target


def _draw(rng, name, shape):
    if name.endswith("/biases"):
        return (0.05 * rng.standard_normal(shape)).astype(np.float32)
    fan_in = shape[0] * shape[1] * shape[3 if "up_" in name else 2]
    return (np.sqrt(2 / fan_in) * rng.standard_normal(shape)).astype(np.float32)


def goldens(net: str):
    """(size, inputs, outputs) of the authors' graph of `net` with the seeded weights, NHWC."""
    with np.load(GOLDENS / f"{net}.npz") as golden:
        for size in sorted({key.split("/")[0] for key in golden.files}):
            yield size, [golden[f"{size}/{k}"] for k in INPUTS[net]], [golden[f"{size}/{k}"] for k in OUTPUTS[net]]


ALL_GOLDENS = [(net, *golden) for net in NETS for golden in goldens(net)]
GOLDEN_IDS = [f"{net}-{size}" for net, size, *_ in ALL_GOLDENS]
