"""The loss catalogue, and the losses that KinD itself is trained with. docs/losses.md has a section on each.

Images are NHWC. A catalogue loss is `name(prediction, target, ...)` and returns a scalar; a wrong shape, dtype or
range is a KindlingError, which is a ValueError. kind_torch/losses is the same in PyTorch, file by file.
"""

from kind_tf.losses.color import color_angle, color_blur, color_cosine
from kind_tf.losses.kind import adjustment_loss, decomposition_loss, gradient, restoration_loss
from kind_tf.losses.objective import objective_loss
from kind_tf.losses.perceptual import VGG, perceptual
from kind_tf.losses.pixel import huber, l1, l1_regularised, l2, l2_regularised, log_mse, smooth_l1
from kind_tf.losses.probability import (
    adversarial_discriminator,
    adversarial_generator,
    binary_cross_entropy,
    cross_entropy,
)
from kind_tf.losses.pyramid import laplacian, laplacian_pyramid
from kind_tf.losses.scene import consistency, reflectance, region
from kind_tf.losses.structure import ms_ssim, ssim

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
