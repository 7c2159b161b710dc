"""How a module of a running net is changed for as long as an experiment lasts, and put back as it was.

Four things can be: how it computes, a number that it holds, its weights, and what becomes of its result. What is worth
trying is in kindling/parity/faults.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kindling.parity.diagnosis import FindingKind

__all__ = ["Experiment", "attribute", "forward", "result", "weights"]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One change to one module."""

    kind: FindingKind
    module: str
    sentence: str
    """What is wrong if the change puts it right."""
    group: str
    """Experiments of one group are one fault in several modules."""
    begin: Callable[[], Callable[[], None]]
    """Makes the change, and gives what takes it back."""


def forward(
    kind: FindingKind, name: str, module: Any, sentence: str, forward: Callable[..., Any], group: str
) -> Experiment:
    """Another way to compute, in place of the module's own `forward`."""

    def begin() -> Callable[[], None]:
        before = module.__dict__.get("forward")
        module.forward = forward

        def end() -> None:
            if before is None:
                del module.forward
            else:
                module.forward = before

        return end

    return Experiment(kind=kind, module=name, sentence=sentence, group=group, begin=begin)


def attribute(kind: FindingKind, name: str, module: Any, attribute: str, value: Any, sentence: str) -> Experiment:
    """Another value of one number or word that the module holds."""

    def begin() -> Callable[[], None]:
        before = getattr(module, attribute)
        setattr(module, attribute, value)
        return lambda: setattr(module, attribute, before)

    return Experiment(kind=kind, module=name, sentence=sentence, group=f"{attribute} {value}", begin=begin)


def weights(kind: FindingKind, name: str, module: Any, weights: dict[str, Any], sentence: str) -> Experiment:
    """Other tensors in place of its parameters. weights: parameter -> tensor of its shape."""

    def begin() -> Callable[[], None]:
        own = dict(module.named_parameters())
        before = {leaf: own[leaf].data for leaf in weights}
        for leaf, weight in weights.items():
            own[leaf].data = weight

        def end() -> None:
            for leaf, weight in before.items():
                own[leaf].data = weight

        return end

    group = f"{kind} {sentence.rpartition(': ')[2]}" if kind not in ("flatten", "gates") else kind
    return Experiment(kind=kind, module=name, sentence=sentence, group=group, begin=begin)


def result(
    kind: FindingKind, name: str, module: Any, sentence: str, function: Callable[[Any], Any], group: str
) -> Experiment:
    """Its result put through a function, as by an activation that follows it."""

    def begin() -> Callable[[], None]:
        handle = module.register_forward_hook(lambda _, given, result: function(result))
        return lambda: handle.remove()

    return Experiment(kind=kind, module=name, sentence=sentence, group=group, begin=begin)
