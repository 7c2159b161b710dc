"""The losses KinD is trained with, term by term as in the authors' training graphs.

Zhang, Zhang, Guo, "Kindling the Darkness", ACM MM 2019, section 3; where the paper and the authors' graphs differ, the
graphs are followed. Images are NCHW in [0, 1]. Each loss returns its terms, unweighted and under the names of the
original's code, and their weighted sum as `total`. kind_tf/losses/kind.py is the same file in TensorFlow.

Three details decide whether a training works (docs/training.md has the measurements): `gradient` sees zeros beyond
the last row and column, it is scaled by one minimum and one maximum of the whole batch, and both let gradients through.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from kind_torch.losses.structure import ssim
from kind_torch.losses.tools import gray, total
from kindling.core.checks import check_input, check_same_size
from kindling.core.errors import KindlingError

Direction = Literal["x", "y"]
DIRECTIONS: tuple[Direction, Direction] = ("x", "y")

# In the order the original adds them up.
DECOMPOSITION_WEIGHTS = {
    "recon_high": 1,
    "recon_low": 1,
    "equal_r": 0.01,
    "mutual_i": 0.2,
    "mutual_i_input_high": 0.15,
    "mutual_i_input_low": 0.15,
}


def decomposition_loss(
    R_low: Tensor,
    L_low: Tensor,
    R_high: Tensor,
    L_high: Tensor,
    low: Tensor,
    high: Tensor,
    *,
    equal_r: float = DECOMPOSITION_WEIGHTS["equal_r"],
) -> dict[str, Tensor]:
    """How far two photos of one scene, dark and bright, are from one reflectance under two smooth lights (3.1).

    R_low, R_high, low, high: (n, 3, h, w); L_low, L_high: (n, 1, h, w).
    equal_r: the weight of that term, 0.01 in the original. Returns six terms and `total`.
    """
    for name, image in {"R_low": R_low, "R_high": R_high, "low": low, "high": high}.items():
        check_input(name, image.shape, 3, "NCHW")
        check_same_size(name, image.shape, "R_low", R_low.shape, "NCHW")
    for name, image in {"L_low": L_low, "L_high": L_high}.items():
        check_input(name, image.shape, 1, "NCHW")
        check_same_size(name, image.shape, "R_low", R_low.shape, "NCHW")
    low_x, low_y, high_x, high_y = (gradient(L, d) for L in (L_low, L_high) for d in DIRECTIONS)
    terms = {
        "recon_low": (R_low * L_low - low).abs().mean(),
        "recon_high": (R_high * L_high - high).abs().mean(),
        "equal_r": (R_low - R_high).abs().mean(),
        "mutual_i": (_mutual(low_x + high_x) + _mutual(low_y + high_y)).mean(),
        "mutual_i_input_high": _mutual_input(high_x, high_y, high),
        "mutual_i_input_low": _mutual_input(low_x, low_y, low),
    }
    weights = DECOMPOSITION_WEIGHTS | {"equal_r": equal_r}
    return terms | {"total": total(weight * terms[name] for name, weight in weights.items())}


def adjustment_loss(out: Tensor, target: Tensor) -> dict[str, Tensor]:
    """How far the adjusted illumination is from the one wanted, in value and in edges (3.3).

    out, target: (n, 1, h, w). Returns `square`, `grad` and `total`.
    """
    check_input("out", out.shape, 1, "NCHW")
    check_input("target", target.shape, 1, "NCHW")
    check_same_size("out", out.shape, "target", target.shape, "NCHW")
    terms = {"square": (out - target).square().mean(), "grad": _gradient_difference(out, target)}
    return terms | {"total": terms["square"] + terms["grad"]}


def restoration_loss(out: Tensor, target: Tensor) -> dict[str, Tensor]:
    """How far the restored reflectance is from the clean one, in value, in edges of its gray, in structure (3.2).

    out, target: (n, 3, h, w), at least 11x11. Returns `square`, `grad`, `ssim` and `total`.
    """
    check_input("out", out.shape, 3, "NCHW")
    check_input("target", target.shape, 3, "NCHW")
    terms = {
        "square": (out - target).square().mean(),
        "grad": _gradient_difference(gray(out), gray(target)),
        "ssim": ssim(out, target),
    }
    return terms | {"total": terms["square"] + terms["grad"] + terms["ssim"]}


def gradient(x: Tensor, direction: Direction) -> Tensor:
    """Edge strength of x along `direction`, "x" or "y", scaled to [0, 1) by the batch's minimum and maximum.

    x: (n, 1, h, w). Returns the same shape. It is |difference of two neighbours| of the 2x2 kernel [[0, 0], [-1, 1]]
    ("y": its transpose) under SAME padding, so pixel (i, j) speaks of row i + 1 (of column j + 1), and a row and a
    column of zeros stand beyond the image: bright borders are edges.
    """
    check_input("x", x.shape, 1, "NCHW")
    if direction not in DIRECTIONS:
        raise KindlingError(f'direction is {direction!r}, expected "x" or "y"')
    padded = F.pad(x, (0, 1, 0, 1))
    ahead = padded[..., 1:, 1:]
    behind = padded[..., 1:, :-1] if direction == "x" else padded[..., :-1, 1:]
    edges = (ahead - behind).abs()
    low, high = edges.min(), edges.max()
    return (edges - low) / (high - low + 0.0001)


def _mutual(edges: Tensor) -> Tensor:
    """s exp(-10 s): small where both lights are flat and where both have an edge, largest where only one has."""
    return edges * torch.exp(-10 * edges)


def _mutual_input(edges_x: Tensor, edges_y: Tensor, image: Tensor) -> Tensor:
    """Edges of the light weighed by how faint the image's own edges are there: a light may only jump where it does."""
    shades = gray(image)
    across, along = (gradient(shades, d).clamp(min=0.01) for d in DIRECTIONS)
    return ((edges_x / across).abs() + (edges_y / along).abs()).mean()


def _gradient_difference(out: Tensor, target: Tensor) -> Tensor:
    return total((gradient(out, d) - gradient(target, d)).square() for d in DIRECTIONS).mean()
