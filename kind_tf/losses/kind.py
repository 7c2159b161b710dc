"""The losses KinD is trained with, term by term as in the authors' training graphs.

Zhang, Zhang, Guo, "Kindling the Darkness", ACM MM 2019, section 3; where the paper and the authors' graphs differ, the
graphs are followed. Images are NHWC in [0, 1]. Each loss returns its terms, unweighted and under the names of the
original's code, and their weighted sum as `total`. kind_torch/losses/kind.py is the same file in PyTorch.

Three details decide whether a training works (docs/training.md has the measurements): `gradient` sees zeros beyond
the last row and column, it is scaled by one minimum and one maximum of the whole batch, and both let gradients through.
"""

from typing import Literal

import tensorflow as tf

from kind_tf.losses.structure import ssim
from kind_tf.losses.tools import gray, total
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
    R_low: tf.Tensor,
    L_low: tf.Tensor,
    R_high: tf.Tensor,
    L_high: tf.Tensor,
    low: tf.Tensor,
    high: tf.Tensor,
    *,
    equal_r: float = DECOMPOSITION_WEIGHTS["equal_r"],
) -> dict[str, tf.Tensor]:
    """How far two photos of one scene, dark and bright, are from one reflectance under two smooth lights (3.1).

    R_low, R_high, low, high: (n, h, w, 3); L_low, L_high: (n, h, w, 1).
    equal_r: the weight of that term, 0.01 in the original. Returns six terms and `total`.
    """
    for name, image in {"R_low": R_low, "R_high": R_high, "low": low, "high": high}.items():
        check_input(name, image.shape, 3, "NHWC")
        check_same_size(name, image.shape, "R_low", R_low.shape, "NHWC")
    for name, image in {"L_low": L_low, "L_high": L_high}.items():
        check_input(name, image.shape, 1, "NHWC")
        check_same_size(name, image.shape, "R_low", R_low.shape, "NHWC")
    low_x, low_y, high_x, high_y = (gradient(L, d) for L in (L_low, L_high) for d in DIRECTIONS)
    terms = {
        "recon_low": tf.reduce_mean(tf.abs(R_low * L_low - low)),
        "recon_high": tf.reduce_mean(tf.abs(R_high * L_high - high)),
        "equal_r": tf.reduce_mean(tf.abs(R_low - R_high)),
        "mutual_i": tf.reduce_mean(_mutual(low_x + high_x) + _mutual(low_y + high_y)),
        "mutual_i_input_high": _mutual_input(high_x, high_y, high),
        "mutual_i_input_low": _mutual_input(low_x, low_y, low),
    }
    weights = DECOMPOSITION_WEIGHTS | {"equal_r": equal_r}
    return terms | {"total": total(weight * terms[name] for name, weight in weights.items())}


def adjustment_loss(out: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
    """How far the adjusted illumination is from the one wanted, in value and in edges (3.3).

    out, target: (n, h, w, 1). Returns `square`, `grad` and `total`.
    """
    check_input("out", out.shape, 1, "NHWC")
    check_input("target", target.shape, 1, "NHWC")
    check_same_size("out", out.shape, "target", target.shape, "NHWC")
    terms = {"square": tf.reduce_mean(tf.square(out - target)), "grad": _gradient_difference(out, target)}
    return terms | {"total": terms["square"] + terms["grad"]}


def restoration_loss(out: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
    """How far the restored reflectance is from the clean one, in value, in edges of its gray, in structure (3.2).

    out, target: (n, h, w, 3), at least 11x11. Returns `square`, `grad`, `ssim` and `total`.
    """
    check_input("out", out.shape, 3, "NHWC")
    check_input("target", target.shape, 3, "NHWC")
    terms = {
        "square": tf.reduce_mean(tf.square(out - target)),
        "grad": _gradient_difference(gray(out), gray(target)),
        "ssim": ssim(out, target),
    }
    return terms | {"total": terms["square"] + terms["grad"] + terms["ssim"]}


def gradient(x: tf.Tensor, direction: Direction) -> tf.Tensor:
    """Edge strength of x along `direction`, "x" or "y", scaled to [0, 1) by the batch's minimum and maximum.

    x: (n, h, w, 1). Returns the same shape. It is |difference of two neighbours| of the 2x2 kernel [[0, 0], [-1, 1]]
    ("y": its transpose) under SAME padding, so pixel (i, j) speaks of row i + 1 (of column j + 1), and a row and a
    column of zeros stand beyond the image: bright borders are edges.
    """
    check_input("x", x.shape, 1, "NHWC")
    if direction not in DIRECTIONS:
        raise KindlingError(f'direction is {direction!r}, expected "x" or "y"')
    padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
    ahead = padded[:, 1:, 1:]
    behind = padded[:, 1:, :-1] if direction == "x" else padded[:, :-1, 1:]
    edges = tf.abs(ahead - behind)
    low, high = tf.reduce_min(edges), tf.reduce_max(edges)
    return (edges - low) / (high - low + 0.0001)


def _mutual(edges: tf.Tensor) -> tf.Tensor:
    """s exp(-10 s): small where both lights are flat and where both have an edge, largest where only one has."""
    return edges * tf.exp(-10 * edges)


def _mutual_input(edges_x: tf.Tensor, edges_y: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """Edges of the light weighed by how faint the image's own edges are there: a light may only jump where it does."""
    shades = gray(image)
    across, along = (tf.maximum(gradient(shades, d), 0.01) for d in DIRECTIONS)
    return tf.reduce_mean(tf.abs(edges_x / across) + tf.abs(edges_y / along))


def _gradient_difference(out: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(total(tf.square(gradient(out, d) - gradient(target, d)) for d in DIRECTIONS))
