"""The other families in tests: their seeded weights, their authors' goldens, and their graphs run as they saved them.

The goldens lie in `families/<id>/` of the folder of the authors' files. Their seeded weights draw from `RandomState`,
the variables of a net sorted by name, kernels He-scaled; with the released nets they make a whole model.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

import convert
from kindling.families.registry import FAMILIES, Family

SEEDS = {"kind_plus": 2020, "retinexnet": 2021}
RELEASED = {"kind_plus": "checkpoint", "retinexnet": "checkpoint/Decom"}  # where the weights that can be had lie


def families(*ids: str) -> list[Family]:
    """The families that can run beside KinD, or those of these ids."""
    return [family for family in FAMILIES if family.nets and family.id != "kind" and (not ids or family.id in ids)]


def seeded(family: Family, *scopes: str) -> dict[str, np.ndarray]:
    """The variables of the family's nets, or of those of these scopes: slim names, TF axis order, float32."""
    variables = {}
    for net in family.nets:
        if not scopes or net.scope in scopes:
            random, shapes = np.random.RandomState(SEEDS[family.id]), net.variables
            drawn = {name: _drawn(random, name, shapes[name]) for name in sorted(shapes)}
            variables |= {name: drawn[name].astype(np.float32) for name in shapes}
    return variables


def _drawn(random, name, shape):
    scope, leaf = name.split("/")[-2:]
    z = random.standard_normal(shape)
    if leaf in ("weights", "kernel"):
        transposed = scope.startswith(("conv_up", "g_up"))
        z = 0.02 * z if (scope, leaf) == ("conv2d_8", "kernel") else z  # the light, which nothing bounds
        return np.sqrt(2 / (shape[0] * shape[1] * shape[3 if transposed else 2])) * z
    if leaf == "bias":
        return 0.05 * z + (0.6 if scope == "conv2d_8" else 0)
    if leaf == "gamma":
        return 1 + 0.1 * z
    return np.exp(0.2 * z) if leaf == "moving_variance" else 0.05 * z


def folder(reference: Path, family: Family) -> Path:
    """Of the family's files among the authors'."""
    return reference / "families" / family.id


def whole(reference: Path, family: Family) -> dict[str, np.ndarray]:
    """What the family's goldens and pictures were made with: what its authors released, the rest seeded."""
    return seeded(family) | convert.read(folder(reference, family) / RELEASED[family.id])


GOLDENS = {  # of a family: files, the net's verb, its inputs and outputs in them
    "kind_plus": (
        ("decom_*", "decompose", ("x",), ("R", "L")),
        ("adjust_*", "adjust", ("i", "ratio"), ("out",)),
        ("restoration_[0-9]*", "restore", ("r", "i"), ("out",)),
    ),
    "retinexnet": (
        ("chain_*", "decompose", ("x",), ("R", "L")),
        ("chain_*", "adjust", ("L", "R"), ("delta",)),
        ("relight_*", "adjust", ("L", "R"), ("delta",)),
    ),
}


def goldens(reference: Path, family: Family) -> Iterator[tuple[str, str, list[np.ndarray], list[np.ndarray]]]:
    """(name, verb, inputs, outputs) of all goldens of the authors' graphs, NHWC."""
    for pattern, verb, inputs, outputs in GOLDENS[family.id]:
        for file in sorted((folder(reference, family) / "goldens").glob(f"{pattern}.npz")):
            with np.load(file) as held:
                yield f"{file.stem} {verb}", verb, [held[k] for k in inputs], [held[k] for k in outputs]


@contextlib.contextmanager
def graph(
    prefix: Path, feeds: tuple[str, ...], fetches: tuple[str, ...], weights: Mapping[str, np.ndarray] | None = None
):
    """A function from NHWC inputs to outputs, in the graph beside `prefix`, its checkpoint restored by its own Saver.

    weights: set by name, in place of a checkpoint that is not whole.
    """
    import tensorflow as tf

    imported = tf.Graph()
    with imported.as_default():
        saver = tf.compat.v1.train.import_meta_graph(f"{prefix}.meta", clear_devices=True)
        variables = {v.op.name: v for v in tf.compat.v1.global_variables()}
    with contextlib.closing(tf.compat.v1.Session(graph=imported)) as session:
        with imported.as_default():
            if weights is None:
                saver.restore(session, str(prefix))
            for name, array in (weights or {}).items():
                variables[name].load(array, session)
        yield lambda *inputs: session.run(fetches, dict(zip(feeds, inputs, strict=True)))
