"""The loss catalogue, and the losses that KinD itself is trained with. docs/losses.md has a section on each.

Images are NCHW. A catalogue loss is `name(prediction, target, ...)` and returns a scalar; a wrong shape, dtype or
range is a KindlingError, which is a ValueError. kind_tf/losses is the same in TensorFlow, file by file.
"""

from kind_torch.losses.color import color_angle, color_blur, color_cosine
from kind_torch.losses.kind import adjustment_loss, decomposition_loss, gradient, restoration_loss
from kind_torch.losses.objective import objective_loss
from kind_torch.losses.perceptual import VGG, perceptual
from kind_torch.losses.pixel import huber, l1, l1_regularised, l2, l2_regularised, log_mse, smooth_l1
from kind_torch.losses.probability import (
    adversarial_discriminator,
    adversarial_generator,
    binary_cross_entropy,
    cross_entropy,
)
from kind_torch.losses.pyramid import laplacian, laplacian_pyramid
from kind_torch.losses.scene import consistency, reflectance, region
from kind_torch.losses.structure import ms_ssim, ssim

__all__ = [
    "VGG",
    "adjustment_loss",
    "adversarial_discriminator",
    "adversarial_generator",
    "binary_cross_entropy",
    "color_angle",
    "color_blur",
    "color_cosine",
    "consistency",
    "cross_entropy",
    "decomposition_loss",
    "gradient",
    "huber",
    "l1",
    "l1_regularised",
    "l2",
    "l2_regularised",
    "laplacian",
    "laplacian_pyramid",
    "log_mse",
    "ms_ssim",
    "objective_loss",
    "perceptual",
    "reflectance",
    "region",
    "restoration_loss",
    "smooth_l1",
    "ssim",
]
