"""Losses made for scenes: dark regions apart, one reflectance under two lights, one prediction under two disturbances.

kind_tf/losses/scene.py is the same file in TensorFlow.
"""

from typing import Literal

from torch import Tensor

from kind_torch.losses.pixel import l1, l2
from kind_torch.losses.structure import ssim
from kind_torch.losses.tools import check_classes, check_images, check_pair, floored_log, gray, total
from kindling.core.checks import check_choice, check_share


def region(
    prediction: Tensor,
    target: Tensor,
    dark: Tensor | None = None,
    share: float = 0.4,
    w_low: float = 4.0,
    w_high: float = 1.0,
) -> Tensor:
    """w_low * mean |d| over the darkest pixels + w_high * mean |d| over the others, of each image, averaged.

    prediction, target: (n, 1 or 3, h, w). Lv et al. 2018 (MBLLEN). The darkest are the `share` of an image's pixels
    that have the least gray in `dark`, by default the target; all that are as dark as the last of them belong to them,
    so of a constant image all. Which they are is no matter of the slope.
    """
    check_images(prediction, target, [1, 3], why="brightness is of one channel or three")
    dark = target if dark is None else dark
    check_images(dark, target, first="dark")
    check_share(share)
    brightness = (gray(dark) if dark.shape[1] == 3 else dark).detach().flatten(1)
    count = max(1, int(share * brightness.shape[1]))
    low = brightness <= brightness.kthvalue(count, keepdim=True).values
    error = (prediction - target).abs().mean(1).flatten(1)
    parts = (_mean_where(side, error) for side in (low, ~low))
    return total(weight * part for weight, part in zip((w_low, w_high), parts, strict=True))


def reflectance(prediction: Tensor, target: Tensor, kind: Literal["l2", "ssim", "l1"] = "l2") -> Tensor:
    """How far two reflectance maps of one scene are apart: "l2" (MSE), "ssim" (1 - SSIM), "l1" (KinD's equal_R).

    prediction, target: (n, 3, h, w).
    """
    check_choice("kind", kind, ("l2", "ssim", "l1"))
    check_images(prediction, target, [3], why="reflectance has three channels")
    return {"l2": l2, "ssim": ssim, "l1": l1}[kind](prediction, target)


def consistency(prediction: Tensor, target: Tensor, kind: Literal["l2", "l1", "kl"] = "l2") -> Tensor:
    """How far a prediction is from the one under another disturbance of the input: "l2", "l1" or "kl".

    target: a constant, no gradient goes there. "kl" is sum_i y_i log(y_i / p_i) over classes as in cross_entropy,
    averaged; for the others any shape will do.
    """
    check_choice("kind", kind, ("l2", "l1", "kl"))
    check_pair(prediction, target)
    target = target.detach()
    if kind != "kl":
        return {"l2": l2, "l1": l1}[kind](prediction, target)
    check_classes("prediction", prediction)
    check_classes("target", target)
    return (target * (floored_log(target) - floored_log(prediction))).sum(1).mean()


def _mean_where(side: Tensor, error: Tensor) -> Tensor:
    """The mean of `error` where `side` is, of each image, averaged; 0 for an image where it is nowhere."""
    side = side.to(error.dtype)
    return ((side * error).sum(1) / side.sum(1).clamp(min=1)).mean()
