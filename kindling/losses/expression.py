"""What a training minimises, as a person writes it: "recon + 0.1*ms_ssim(scales=3) + 0.2*color_cosine".

The one registry of losses, without a framework: which there are, what they take, and which of KinD's outputs they can
judge. kind_torch/losses/objective.py and kind_tf/losses/objective.py bring the functions to what is parsed here.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from kindling.core.checks import check_choice, check_levels, check_positive, check_share, check_window
from kindling.core.errors import KindlingError
from kindling.losses.ssim import WINDOW, least_side, scale_weights

__all__ = ["LOSSES", "OWN", "Loss", "Objective", "Term", "parse", "terms_of"]

# KinD's own terms on each net. `recon` is what the net is mainly asked for: both reconstructions, or the mean square.
OWN = {
    "decomposition": (
        "recon", "recon_low", "recon_high", "equal_r", "mutual_i", "mutual_i_input_low", "mutual_i_input_high",
    ),
    "adjustment": ("recon", "square", "grad"),
    "restoration": ("recon", "square", "grad", "ssim"),
    "joint": (),
}  # fmt: skip
RECON = {"decomposition": ("recon_high", "recon_low"), "adjustment": ("square",), "restoration": ("square",)}
TERM = re.compile(
    r"\s*(?:(?P<weight>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*)?\s*"
    r"(?P<name>[A-Za-z_]\w*)\s*(?:\((?P<options>[^()]*)\))?\s*(?P<more>\+|$)"
)


def _number(name, text):
    try:
        return float(text)
    except ValueError:
        raise KindlingError(f"{name} is {text!r}, expected a number") from None


def _checked(check, make=float):
    """Reads a number and shows it to one of the checks that the losses themselves have."""

    def read(name, text):
        number = _number(name, text)
        check(number) if check is not check_positive else check(**{name: number})
        return make(number)

    return read


def _words(*known):
    def read(name, text):
        check_choice(name, text, known)
        return text

    return read


def _from_zero(name, text):
    number = _number(name, text)
    if not 0 <= number < float("inf"):
        raise KindlingError(f"{name} is {text}, expected a number from 0 up")
    return number


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A row of the catalogue, as far as --loss is concerned."""

    options: Mapping[str, Callable] = field(default_factory=dict)  # name -> how its text is read
    color: bool = False  # wants three channels
    least: Callable[..., int] = lambda **options: 1  # pixels a side
    judges: str = "image"  # on decomposition: each "image" made again, or the two "reflectance" maps
    refused: str = ""  # why no training of KinD can use it


_POSITIVE = _checked(check_positive)
LOSSES: Mapping[str, Loss] = {
    "l1": Loss(),
    "l2": Loss(),
    "l1_regularised": Loss(options={"factor": _from_zero}),
    "l2_regularised": Loss(options={"factor": _from_zero}),
    "smooth_l1": Loss(options={"beta": _POSITIVE}),
    "huber": Loss(options={"delta": _POSITIVE}),
    "log_mse": Loss(),
    "perceptual": Loss(options={"preprocessing": _words("caffe", "torch")}, color=True, least=lambda **_: 8),
    "ssim": Loss(least=lambda **_: WINDOW),
    "ms_ssim": Loss(
        options={"scales": _checked(scale_weights, int)}, least=lambda scales=5: least_side(len(scale_weights(scales)))
    ),
    "binary_cross_entropy": Loss(),
    "cross_entropy": Loss(refused="it judges probabilities of classes, and KinD's nets give images"),
    "adversarial_generator": Loss(refused="it wants a discriminator, which KinD has not"),
    "adversarial_discriminator": Loss(refused="it wants a discriminator, which KinD has not"),
    "region": Loss(options={"share": _checked(check_share), "w_low": _from_zero, "w_high": _from_zero}),
    "reflectance": Loss(
        options={"kind": _words("l2", "ssim", "l1")}, color=True, judges="reflectance",
        least=lambda kind="l2": WINDOW if kind == "ssim" else 1,
    ),
    "consistency": Loss(options={"kind": _words("l2", "l1")}, judges="reflectance"),
    "color_angle": Loss(color=True),
    "color_cosine": Loss(options={"levels": _checked(check_levels, int), "epsilon": _POSITIVE}, color=True),
    "color_blur": Loss(options={"sigma": _POSITIVE, "size": _checked(check_window, int)}, color=True),
    "laplacian": Loss(options={"levels": _checked(check_levels, int)}),
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """One summand: weight * name(options)."""

    weight: float
    name: str
    options: tuple[tuple[str, float | int | str], ...] = ()

    @property
    def key(self) -> str:
        """What it is called in losses.csv."""
        return self.name + (f"({', '.join(f'{k}={v}' for k, v in self.options)})" if self.options else "")


@dataclass(frozen=True)
class Objective:
    """A sum that one net can be trained with."""

    task: str
    terms: tuple[Term, ...]

    def __str__(self):
        """In one spelling, whatever the spaces and zeros were; parsed again, it is the same."""
        return " + ".join(term.key if term.weight == 1 else f"{term.weight!r}*{term.key}" for term in self.terms)

    def is_own(self, term: Term) -> bool:
        """Whether a term is one of KinD's on this net."""
        return term.name in OWN[self.task] and not term.options

    @property
    def perceptual(self) -> Term | None:
        """The term that needs the features of a VGG, if there is one."""
        return next((term for term in self.terms if term.name == "perceptual"), None)


def parse(text: str, task: str, side: int) -> Objective:
    """`text` as what `task` ("decomposition", "adjustment" or "restoration") minimises.

    side: pixels a side of what the loss will see. Raises KindlingError with all that is wrong: a sum that cannot be
    read, a name that is not known, options a loss does not have, a loss that cannot judge this net's output or patch.
    """
    terms, place = [], 0
    while True:
        match = TERM.match(text, place)
        if not match or (match["more"] == "+" and not text[match.end() :].strip()):
            raise KindlingError(
                f"--loss {text!r} cannot be read at {text[place:].strip() or 'its end'!r}: expected terms such as "
                "ssim, 0.1*l1 or 2e-3*huber(delta=0.5), with + between them"
            )
        terms.append(match)
        place = match.end()
        if not match["more"]:
            break
    problems, read = [], []
    for match in terms:
        try:
            read.append(_term(match, task, side))
        except KindlingError as error:
            problems.append(str(error))
    keys = ["perceptual" if term.name == "perceptual" else term.key for term in read]  # one VGG is enough
    problems += [f"{key} stands there twice; add the weights" for key in sorted({k for k in keys if keys.count(k) > 1})]
    if problems:
        raise KindlingError.of(f"--loss {text!r}", problems)
    return Objective(task, tuple(read))


def terms_of(
    objective: Objective,
    images: Sequence[Any],
    losses: Mapping[str, Callable[..., Any]],
    own: Callable[..., Any] | None,
    weights: Iterable[Any] = (),
    features: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """What a framework's `objective_loss` returns: the terms by their names, unweighted, and their sum as `total`.

    losses: the catalogue of that framework by name; own: KinD's loss on this net. It only adds and multiplies, so the
    tensors may be of either framework.
    """
    named: dict[str, Any] = {}
    if own and any(objective.is_own(term) for term in objective.terms):
        named = own(*images)
        named["recon"] = sum(named[name] for name in RECON[objective.task])
    terms = {
        term.key: named[term.name]
        if objective.is_own(term)
        else _catalogue_loss(term, images, losses, weights, features)
        for term in objective.terms
    }
    return terms | {"total": sum(term.weight * terms[term.key] for term in objective.terms)}


def _term(match, task, side):
    name, weight = match["name"], float(match["weight"] or 1)
    own = name in OWN[task]
    if not own and name not in LOSSES:
        raise KindlingError(_unknown(name, task))
    loss = LOSSES.get(name, Loss())
    if not 0 < weight < float("inf"):
        raise KindlingError(f"the weight of {name} is {match['weight']}, expected a number above 0")
    if loss.refused:
        raise KindlingError(f"{name} cannot train KinD: {loss.refused}")
    if loss.color and task == "adjustment":
        raise KindlingError(f"{name} judges colours, and adjustment gives light, of one channel")
    options = _options(name, loss, match["options"])
    least = WINDOW if own and task == "restoration" else loss.least(**dict(options))  # its own loss has SSIM in it
    if side < least:
        hint = "; ms_ssim(scales=3) needs 41" if name == "ms_ssim" and least > 41 else ""
        raise KindlingError(
            f"{Term(1, name, options).key} needs {least}x{least} pixels or more, and the loss sees {side}x{side}: "
            f"a larger --patch (or --cell) helps{hint}"
        )
    return Term(weight, name, options)


def _options(name, loss, text):
    read = {}
    for part in filter(str.strip, (text or "").split(",")):
        option, _, value = (piece.strip() for piece in part.partition("="))
        if option not in loss.options or not value:
            known = ", ".join(f"{known}=" for known in loss.options) or "no options"
            raise KindlingError(f"{name} cannot take {part.strip()!r}; it takes {known}")
        try:
            read[option] = loss.options[option](option, value)
        except KindlingError as error:
            raise KindlingError(f"{name}: {error}") from error
    return tuple(sorted(read.items()))


def _unknown(name, task):
    usable = [n for n, loss in LOSSES.items() if not loss.refused and not (loss.color and task == "adjustment")]
    known = list(dict.fromkeys([*OWN[task], *usable]))
    near = get_close_matches(name, known, 1)
    elsewhere = [other for other, own in OWN.items() if name in own]
    hint = f", but for {' and '.join(elsewhere)}" if elsewhere else f"; did you mean {near[0]}?" if near else ""
    return f"there is no loss {name} for {task}{hint}; known are {', '.join(known)}"


def _catalogue_loss(term, images, losses, weights, features):
    function, options = losses[term.name], dict(term.options)
    if term.name == "perceptual":
        options = {"features": features}
    if term.name.endswith("_regularised"):
        options["weights"] = weights
    first, *others = _pairs(term.name, *images)
    loss = function(*first, **options)
    if term.name.endswith("_regularised"):
        function, options = losses["l1"], {}  # the weights count once, however many images
    return sum((function(*pair, **options) for pair in others), loss)


def _pairs(name, *images):
    """What the loss called `name` is taken of: (prediction, target), once or twice."""
    if len(images) == 2:
        return [images]
    R_low, L_low, R_high, L_high, low, high = images
    if LOSSES[name].judges == "reflectance":
        return [(R_low, R_high)]
    return [(R_low * L_low, low), (R_high * L_high, high)]
