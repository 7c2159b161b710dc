"""Whether a model has all that a picture takes, before the first photo is read."""

from kindling.core.errors import MissingNetError
from kindling.core.model import Model

__all__ = ["check_needed"]


def check_needed(model: Model, denoise: float = 1.0) -> None:
    """Raise MissingNetError, with what there is and what can be run, if a net that enhancing takes has no weights.

    denoise: as in `Prepared.at`; at 0 the restoration is not needed.
    """
    for net in model.family.nets:
        if net.scope not in model.nets and not (net.verb == "restore" and denoise == 0):
            source = getattr(model, "source", "this model")
            raise MissingNetError(model.family.lacks(model.nets, source, net.scope))
