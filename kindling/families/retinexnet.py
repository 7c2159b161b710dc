"""RetinexNet (Wei et al., BMVC 2018): the tables of its two nets, its fusion, its row.

Wei, Wang, Yang, Liu, "Deep Retinex Decomposition for Low-light Enhancement", BMVC 2018; read off the authors' model.py
(MIT) and their saved graphs. A photo is divided by 255 and not stretched; the second net lights the illumination, told
nothing but the photo's own parts; the picture is reflectance times light. There is no restoration: the paper ran BM3D.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from kindling.families.family import Family
from kindling.families.originals import Original, Originals
from kindling.families.table import LAYERS, Layer, Net, conv, join, resize

__all__ = ["RETINEXNET"]

REPOSITORY = "https://raw.githubusercontent.com/weichen582/RetinexNet"
MODEL = f"{REPOSITORY}/fce786fdcfebe31e1eceb23e98772f72a178904e/model"
PREFIX = "RetinexNet-tensorflow"


def _conv(name: str, inputs: int, outputs: int, of: str | tuple[str, ...], after: str = "", **more: int | str) -> Layer:
    return replace(conv(name, inputs, outputs, of, after=after, leaves=LAYERS), **more)  # type: ignore[arg-type]


def _decom() -> Iterator[Layer]:
    yield replace(join("brightest", "max", "input_im"), outputs=1)
    yield _conv("shallow_feature_extraction", 4, 64, ("brightest", "input_im"), size=9)
    below = "shallow_feature_extraction"
    for k in range(5):
        yield _conv(f"activated_layer_{k}", 64, 64, below, "relu")
        below = f"activated_layer_{k}"
    yield _conv("recon_layer", 64, 4, below, "sigmoid", gives="R, L")


def _relight() -> Iterator[Layer]:
    """Down to an eighth of the resolution and up again, each level added to the one on the way down."""
    yield _conv("conv2d", 4, 64, ("input_R", "input_L"))
    for k in (1, 2, 3):
        yield _conv(f"conv2d_{k}", 64, 64, "conv2d" if k == 1 else f"conv2d_{k - 1}", "relu", stride=2)
    below = "conv2d_3"
    for k, skip in ((4, "conv2d_2"), (5, "conv2d_1"), (6, "conv2d")):
        yield resize(f"up_{k}", below, 2)
        yield _conv(f"conv2d_{k}", 64, 64, f"up_{k}", "relu")
        below = f"deconv{k - 3}"
        yield join(below, "plus", f"conv2d_{k}", skip)
    yield resize("deconv1_resize", "deconv1", 4)
    yield resize("deconv2_resize", "deconv2", 2)
    yield _conv("conv2d_7", 192, 64, ("deconv1_resize", "deconv2_resize", "deconv3"), size=1)
    yield _conv("conv2d_8", 64, 1, "conv2d_7", gives="delta")


def fuse(image: np.ndarray, R: np.ndarray, L: np.ndarray, restored: np.ndarray, adjusted: np.ndarray) -> np.ndarray:
    """S = R * delta, which is not bounded; what is beyond 1 is cut off when it is written.

    restored, which nothing cleaned: (h, w, 3); adjusted: (h, w, 1). Returns (h, w, 3) float32.
    """
    return restored * adjusted


DECOM = Net(
    scope="DecomNet",
    verb="decompose",
    task="decomposition",
    folder="Decom",
    function="DecomNet",
    inputs={"input_im": 3},
    outputs={"R": 3, "L": 1},
    reads=("image",),
    parts=("R", "L"),
    layers=tuple(_decom()),
    prefix=PREFIX,
)
RELIGHT = Net(
    scope="RelightNet",
    verb="adjust",
    task="adjustment",
    folder="Relight",
    function="RelightNet",
    inputs={"input_L": 1, "input_R": 3},
    outputs={"delta": 1},
    reads=("L", "R"),
    parts=("adjusted",),
    layers=tuple(_relight()),
    prefix=PREFIX,
    unreleased="of its checkpoint only the index could be had here",
)
RETINEXNET = Family(
    id="retinexnet",
    title="RetinexNet",
    paper="Wei, Wang, Yang, Liu, Deep Retinex Decomposition for Low-light Enhancement, BMVC 2018",
    source="weichen582/RetinexNet, model.py",
    nets=(DECOM, RELIGHT),
    model="families.retinexnet:RetinexNet",
    fuse=fuse,
    ratio=None,
    stretched=False,
    # Of an earlier version of the second net, and of a third; `model/Decom` has the one, `model/Relight` the other.
    leftovers={"RelightNet/global_fusion_1/kernel": "RelightNet/", "DenoiseNet/recon_layer/kernel": "DenoiseNet/"},
    originals=Originals(
        (
            Original(
                f"Decom/{PREFIX}.index",
                3_100,
                "ee034c9bea109e8557db700cfd50636f1f93590a8b2e3af7ad873a865cbc45cd",
                f"{MODEL}/Decom/{PREFIX}.index",
            ),
            Original(
                f"Decom/{PREFIX}.data-00000-of-00001",
                4_026_440,
                "c12d0caa441bcb2c36f4d0cbba445909ebdd53306aa06fddc7668cf16b881cf3",
                f"{MODEL}/Decom/{PREFIX}.data-00000-of-00001",
            ),
        )
    ),
)
