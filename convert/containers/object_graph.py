"""Whose the tensors of an object-based checkpoint are, read off the graph of objects that it carries.

`tf.train.Checkpoint` and SavedModel name a tensor by the attributes that lead to its variable, and keep beside it what
the variable itself was called. After tensorflow/core/protobuf/trackable_object_graph.proto; nothing is imported or run.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .messages import Damaged, messages, number, text

ATTRIBUTE = "/.ATTRIBUTES/"
SLOT = "/.OPTIMIZER_SLOT/"
VALUE = "VARIABLE_VALUE"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One variable's value in an object-based checkpoint."""

    key: str
    """Its name in the bundle."""
    path: str
    """The attributes that lead to it, parted by /, each as it was called: model/by_name/DecomNet/g_conv1_1/weights."""
    name: str
    """What the variable was called, or empty: DecomNet/g_conv1_1/weights."""
    is_slot: bool
    """Whether an optimizer keeps it beside a variable."""


def saved(graph: bytes) -> Iterator[Saved]:
    """Every variable's value that the TrackableObjectGraph message `graph` speaks of. Raises Damaged."""
    try:
        nodes = messages(graph, 1)
        slots = {number(slot, 3) for node in nodes for slot in messages(node, 3)}
        for place, node in enumerate(nodes):
            for attribute in messages(node, 2):
                key = text(attribute, 3)
                if text(attribute, 1) == VALUE:
                    is_slot = place in slots or SLOT in key
                    yield Saved(key=key, path=_path(key), name=text(attribute, 2), is_slot=is_slot)
    except (IndexError, UnicodeDecodeError) as error:
        raise Damaged("its object graph makes no sense") from error


def _path(key: str) -> str:
    """Attributes are written with `.S` for a slash in a name and `..` for a dot."""
    return key.split(ATTRIBUTE)[0].replace("..", "\0").replace(".S", "/").replace("\0", ".")
