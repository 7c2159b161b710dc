"""The sum of losses that kindling/objective.py has parsed, taken of what a net of KinD gave.

kind_tf/losses/objective.py is the same file in TensorFlow.
"""

from kind_torch.losses import color, kind, perceptual, pixel, probability, pyramid, scene, structure
from kindling import objective as catalogue

LOSSES = {
    function.__name__: function
    for function in (
        pixel.l1, pixel.l2, pixel.l1_regularised, pixel.l2_regularised, pixel.smooth_l1, pixel.huber, pixel.log_mse,
        perceptual.perceptual, structure.ssim, structure.ms_ssim, probability.binary_cross_entropy, scene.region,
        scene.reflectance, scene.consistency, color.color_angle, color.color_cosine, color.color_blur,
        pyramid.laplacian,
    )
}  # fmt: skip
OWN = {
    "decomposition": kind.decomposition_loss,
    "adjustment": kind.adjustment_loss,
    "restoration": kind.restoration_loss,
}
RECON = {"decomposition": ("recon_high", "recon_low"), "adjustment": ("square",), "restoration": ("square",)}


def objective_loss(objective, images, weights=(), features=None):
    """The terms of `objective` by their names, unweighted, and their weighted sum as `total`.

    images: of decomposition R_low, L_low, R_high, L_high, low, high; of the others out, target. A catalogue loss
    judges out by target; on decomposition both R * L by their photos, summed, but `reflectance` and `consistency`
    judge R_low by R_high. weights: what is trained, for the regularised losses. features: phi of `perceptual`.
    """
    own = {}
    if any(objective.is_own(term) for term in objective.terms):
        own = OWN[objective.task](*images)
        own["recon"] = sum(own[name] for name in RECON[objective.task])
    terms = {
        term.key: own[term.name] if objective.is_own(term) else _catalogue_loss(term, images, weights, features)
        for term in objective.terms
    }
    return terms | {"total": sum(term.weight * terms[term.key] for term in objective.terms)}


def _catalogue_loss(term, images, weights, features):
    function, options = LOSSES[term.name], dict(term.options)
    if term.name == "perceptual":
        options = {"features": features}
    if term.name.endswith("_regularised"):
        options["weights"] = weights
    first, *others = _pairs(term.name, *images)
    loss = function(*first, **options)
    if term.name.endswith("_regularised"):
        function, options = pixel.l1, {}  # the weights count once, however many images
    return sum((function(*pair, **options) for pair in others), loss)


def _pairs(name, *images):
    """What the loss called `name` is taken of: (prediction, target), once or twice."""
    if len(images) == 2:
        return [images]
    R_low, L_low, R_high, L_high, low, high = images
    if catalogue.LOSSES[name].judges == "reflectance":
        return [(R_low, R_high)]
    return [(R_low * L_low, low), (R_high * L_high, high)]
