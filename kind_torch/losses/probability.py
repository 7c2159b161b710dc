"""Losses of probabilities: cross-entropies, and both sides of adversarial training.

Logarithms of probabilities are floored at log(1e-7) (Keras' epsilon); the slope stays what it is there, 1e7, so that a
prediction of 0 or 1 that is wrong still learns. Logits need no floor. kind_tf/losses/probability.py is the same file
in TensorFlow.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from kind_torch.losses.tools import check_classes, check_pair, check_range, check_scores, floored_log
from kindling.core.checks import check_choice

Game = Literal["original", "non_saturating", "least_squares"]
GAMES = ("original", "non_saturating", "least_squares")


def binary_cross_entropy(prediction: Tensor, target: Tensor, from_logits: bool = False) -> Tensor:
    """-mean(y log p + (1 - y) log(1 - p)); y the target, p the prediction, or its sigmoid where `from_logits`.

    Any shape; targets in [0, 1], predictions too unless they are logits. Some surveys print p as a base.
    """
    check_pair(prediction, target)
    check_range("target", target)
    if from_logits:
        return F.binary_cross_entropy_with_logits(prediction, target)
    check_range("prediction", prediction)
    return -(target * floored_log(prediction) + (1 - target) * floored_log(1 - prediction)).mean()


def cross_entropy(prediction: Tensor, target: Tensor, from_logits: bool = False) -> Tensor:
    """-sum_i y_i log p_i over the classes, averaged over the batch and, if there are any, its pixels.

    prediction, target: (n, classes, ...), each set of classes summing to 1; logits any numbers.
    """
    check_pair(prediction, target)
    check_classes("target", target)
    if from_logits:
        return F.cross_entropy(prediction, target)
    check_classes("prediction", prediction)
    return -(target * floored_log(prediction)).sum(1).mean()


def adversarial_generator(fake: Tensor, kind: Game = "non_saturating") -> Tensor:
    """What the generator pays when the discriminator gives its pictures the scores `fake`.

    fake: what D says before any sigmoid, any shape. With p = sigmoid(fake), `original` is mean log(1 - p), the minimax
    game of Goodfellow 2014, flat where D is sure; `non_saturating` is -mean log p, of the same paper, steep there;
    `least_squares` is mean (fake - 1)^2 / 2, of Mao 2017.
    """
    check_choice("kind", kind, GAMES)
    check_scores(fake=fake)
    if kind == "least_squares":
        return (fake - 1).square().mean() / 2
    return F.logsigmoid(-fake).mean() if kind == "original" else -F.logsigmoid(fake).mean()


def adversarial_discriminator(real: Tensor, fake: Tensor, kind: Game = "non_saturating") -> Tensor:
    """What the discriminator pays for the scores it gives to real pictures and to the generator's.

    real, fake: before any sigmoid, any shapes. `original` and `non_saturating`: -mean log sigmoid(real) - mean log(1 -
    sigmoid(fake)), binary cross-entropy; `least_squares`: mean (real - 1)^2 / 2 + mean fake^2 / 2.
    """
    check_choice("kind", kind, GAMES)
    check_scores(real=real, fake=fake)
    if kind == "least_squares":
        return (real - 1).square().mean() / 2 + fake.square().mean() / 2
    return -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()
