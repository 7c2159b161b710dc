"""Models that are no framework's: a function in place of the nets, with a memory that can be too small."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from kindling.core.errors import OutOfMemory
from kindling.families.registry import KIND


class FakeModel:
    """A `kindling.core.model.Layered` whose nets are `compute(verb, *arrays, **dials)`.

    room: pixels of a tile beyond which it says that it is out of memory. `calls` lists what ran, with the pixels.
    """

    family = KIND
    runtime = "fake"
    device = "cpu"
    precision = "float32"
    said: ClassVar = {}
    nets = frozenset(net.scope for net in KIND.nets)

    def __init__(self, compute: Callable | None = None, room: float = float("inf"), nets=None):
        self.compute, self.room, self.calls, self.rests = compute or plain_light, room, [], 0
        self.nets = frozenset(nets) if nets else self.nets

    def run(self, verb, *arrays, core=None, **dials):
        pixels = arrays[0].shape[1] * arrays[0].shape[2]
        if pixels > self.room:
            raise OutOfMemory(f"the fake has no room for {pixels} pixels")
        self.calls.append((verb, pixels))
        results = self.compute(verb, *arrays, **dials)
        return tuple(x[:, *core] for x in results) if core else results

    def layers(self, net, *arrays) -> Iterator:
        return iter(())

    def bytes_per_pixel(self):
        return 1000

    def free_bytes(self):
        return 10**12

    def rest(self):
        self.rests += 1


def plain_light(verb, *arrays, ratio=1.0):
    """Reflectance is the photo, light its first channel; restoring changes nothing; adjusting multiplies."""
    if verb == "decompose":
        (x,) = arrays
        return x, x[..., :1].astype(np.float32)
    if verb == "restore":
        return (arrays[0],)
    return (np.minimum(arrays[0] * np.float32(ratio), 1),)
