"""The sum of losses that kindling/losses/expression.py has parsed, taken of what a net of KinD gave.

kind_tf/losses/objective.py is the same file in TensorFlow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import Tensor

from kind_torch.losses import color, kind, perceptual, pixel, probability, pyramid, scene, structure
from kindling.losses import expression as catalogue

LOSSES = {
    function.__name__: function
    for function in (
        pixel.l1, pixel.l2, pixel.l1_regularised, pixel.l2_regularised, pixel.smooth_l1, pixel.huber, pixel.log_mse,
        perceptual.perceptual, structure.ssim, structure.ms_ssim, probability.binary_cross_entropy, scene.region,
        scene.reflectance, scene.consistency, color.color_angle, color.color_cosine, color.color_blur,
        pyramid.laplacian,
    )
}  # fmt: skip
OWN: Mapping[str, Callable[..., dict[str, Tensor]]] = {
    "decomposition": kind.decomposition_loss,
    "adjustment": kind.adjustment_loss,
    "restoration": kind.restoration_loss,
}


def objective_loss(
    objective: catalogue.Objective,
    images: Sequence[Tensor],
    weights: Iterable[Tensor] = (),
    features: perceptual.Features | None = None,
) -> dict[str, Tensor]:
    """The terms of `objective` by their names, unweighted, and their weighted sum as `total`.

    images: of decomposition R_low, L_low, R_high, L_high, low, high; of the others out, target. A catalogue loss
    judges out by target; on decomposition both R * L by their photos, summed, but `reflectance` and `consistency`
    judge R_low by R_high. weights: what is trained, for the regularised losses. features: phi of `perceptual`.
    """
    return catalogue.terms_of(objective, images, LOSSES, OWN.get(objective.task), weights, features)
