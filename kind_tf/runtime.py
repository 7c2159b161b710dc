"""A family's nets on TensorFlow as the rest of the house sees them: a `kindling.core.model.Model`.

kind_torch/runtime.py is the same in PyTorch.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import tensorflow as tf

from kind_tf import arrays
from kind_tf.nets import Nets
from kindling.core.errors import KindlingError, OutOfMemory
from kindling.core.model import Array, Core, Dial
from kindling.enhancing import memory
from kindling.families.family import Family
from kindling.families.registry import KIND, family_of

__all__ = ["Model", "class_of", "open_model"]

GPU_BYTES = int(4e9)  # TensorFlow does not tell how much a GPU has left; where this is too much, tiles are halved


class Model:
    """Loaded nets and the way to run them on arrays; see kindling.core.model.Model for what each part is."""

    runtime = "tf"

    def __init__(self, kind: Nets, said: Mapping[str, str] | None = None):
        self.kind = kind
        self.family: Family = kind.family
        self.source = kind.source
        self.said: Mapping[str, str] = dict(said or {})
        self._gpu = "GPU" in (kind.device or _first_device())
        self.device = "cpu" if not self._gpu else f"cuda:{(kind.device or 'GPU:0').rpartition(':')[2]}"
        self.precision: str = kind.dtype.name
        self.nets = frozenset(kind.nets)

    def run(self, verb: str, *arrays_in: Array, core: Core | None = None, **dials: Dial) -> tuple[Array, ...]:
        """One net, or "enhance", the whole chain, on NHWC arrays; always a tuple of arrays of float32 or float64."""
        options: dict[str, Any] = dict(dials) if core is None else {**dials, "core": core}
        try:
            return arrays.run(self.kind, verb, *arrays_in, **options)
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemory(f"{self.device} has no room for a tile of {arrays_in[0].shape}") from error

    def layers(self, net: str, *arrays_in: Array) -> Iterator[tuple[str, Array]]:
        """Every layer of one net in the order it runs: its op name in the authors' graph, its result."""
        yield from arrays.layers(self.kind, net, *arrays_in)

    def bytes_per_pixel(self) -> int:
        """What the nets take for each pixel of a tile."""
        return self.kind.float32_bytes * self.kind.dtype.size // 4

    def free_bytes(self) -> int:
        """Of main memory; of a GPU, what any has."""
        return GPU_BYTES if self._gpu else memory.free()

    def rest(self) -> None:
        """Give back what is kept for the next tile."""
        memory.give_back()


def open_model(
    variables: Mapping[str, Array],
    *,
    device: str = "auto",
    precision: str = "float32",
    source: str = "these weights",
    said: Mapping[str, str] | None = None,
) -> Model:
    """A Model of slim variables, whose family is told by their names and by what is `said`. device: as `choose_device`
    of arrays.py. precision: float32 or float64.

    Raises KindlingError if there is no such device, or the precision is none that it computes in.
    """
    place = arrays.choose_device(device)
    if precision not in ("float32", "float64"):
        raise KindlingError(f"--runtime tf computes in float32, not in {precision}; --runtime torch does, on GPUs")
    family = family_of(variables, (said or {}).get("family", "")) or KIND
    kind = class_of(family)(
        family.nets_in(variables), "float64" if precision == "float64" else "float32", source, place
    )
    kind.assign(variables)
    return Model(kind, said)


def class_of(family: Family) -> type[Nets]:
    """The class that has the nets of a family, by its row."""
    module, _, name = family.model.partition(":")
    found: type[Nets] = getattr(import_module(f"kind_tf.{module}"), name)
    return found


def _first_device() -> str:
    """Where TensorFlow computes if nobody says where."""
    return "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
