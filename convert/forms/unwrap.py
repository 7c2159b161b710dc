"""What a PyTorch file holds, laid flat: dictionaries in dictionaries, every tensor with the way that leads to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kindling.core.errors import KindlingError

Way = tuple[str, ...]
DEEPEST = 12  # dictionaries within dictionaries
MOST = 100_000  # things in all of them; KinD with its training is a few hundred


@dataclass(frozen=True)
class Flat:
    """Everything in a file: tensors by the keys that lead to them, with dots between, and the ways to all else."""

    tensors: dict[str, Any]
    others: tuple[Way, ...]


def flat(node: object, tensor: type, source: str) -> Flat:
    """node: as torch.load gives it. tensor: the class of tensors. Raises KindlingError if there is no tensor in it."""
    if not isinstance(node, Mapping):
        raise KindlingError(f"{source}: expected a state_dict, names and tensors, but it is a {type(node).__name__}")
    tensors: dict[str, Any] = {}
    others = []
    for count, (way, value) in enumerate(_walk(node, (), DEEPEST)):
        if count >= MOST:
            raise KindlingError(
                f"{source}: it holds more than {MOST:,} things, and no checkpoint of KinD does; refused"
            )
        if not isinstance(value, tensor):
            others.append(way)
            continue
        name = ".".join(way)
        if name in tensors:
            raise KindlingError(f"{source}: {name} is in it twice, once in a dictionary; save one of them by itself")
        tensors[name] = value
    if not tensors:
        keys = ", ".join(repr(str(key)) for key in list(node)[:3]) or "nothing"
        raise KindlingError(
            f"{source}: expected a state_dict, names and tensors, and no tensor is in it: it holds {keys}"
        )
    return Flat(tensors, tuple(others))


def _walk(node: object, way: Way, depth: int) -> Iterator[tuple[Way, object]]:
    """Every end of the dictionaries and lists inside, with the keys that lead to it."""
    inside = (
        node.items() if isinstance(node, Mapping) else list(enumerate(node)) if isinstance(node, (list, tuple)) else ()
    )
    if not inside or not depth:
        yield way, node
        return
    for key, value in inside:
        yield from _walk(value, (*way, str(key)), depth - 1)
