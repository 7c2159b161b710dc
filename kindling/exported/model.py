"""Graphs that run, as the rest of the house sees a model: NHWC arrays in and out, the same checks, the same errors."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.checks import check_input, check_same_size
from kindling.core.errors import KindlingError, MissingNetError, OutOfMemory
from kindling.core.model import Array, Core, Dial
from kindling.enhancing import memory
from kindling.exported.description import FILE, Description
from kindling.families.family import Family
from kindling.families.registry import FAMILIES
from kindling.families.table import Net

__all__ = ["Call", "Exported", "family_named", "opening", "reason"]

Call = Callable[..., tuple[Array, ...]]  # a net's inputs, (n, h, w, c) float32, to its outputs, alike
FULL = re.compile("alloc|out of memory|OOM", re.IGNORECASE)
RATIO = 5.0  # of `enhance`, where nobody gives another; the class KinD has the same


@dataclass(kw_only=True)
class Exported:
    """A kindling.core.model.Model whose nets are graphs of another runtime."""

    family: Family
    runtime: str
    device: str
    precision: str
    calls: Mapping[str, Call]
    """By scope: what runs each net that has weights."""
    bytes_of_pixel: int
    """What the nets take, at most, for each pixel of a tile, by the runtime's own measurement."""
    source: str = "this export"
    smallest: int = 1
    said: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nets = frozenset(self.calls)

    def run(self, verb: str, *arrays: Array, core: Core | None = None, **dials: Dial) -> tuple[Array, ...]:
        """One net, or "enhance", the whole chain, as kindling.core.model.Model; computed whole, then cut to `core`."""
        if verb == "enhance":
            options: dict[str, Any] = dict(dials)
            return self._enhance(*arrays, **options)
        net = self.family.net(verb)
        call = self._call(net)
        place = dials.pop("place", None)
        if place is not None and (place.rows, place.columns) != (slice(0, place.height), slice(0, place.width)):
            raise KindlingError(
                f"--runtime {self.runtime} takes {self.family.title}'s {net.scope} over whole photos only: --tile 0"
            )
        inputs = self._inputs(net, arrays, dials)
        for span, length in zip(core or (), inputs[0].shape[1:3], strict=core is not None):
            if not 0 <= span.start < span.stop <= length:
                raise KindlingError(f"core is {span.start}:{span.stop}, expected a part of the tile's 0:{length}")
        height, width = inputs[0].shape[1:3]
        if net.verb == "restore":  # what its authors cut off, a family's own class makes up in the same way
            beyond = (0, -height % self.family.multiple), (0, -width % self.family.multiple)
            inputs = (
                [np.pad(x, ((0, 0), *beyond, (0, 0)), mode="edge") for x in inputs] if any(map(sum, beyond)) else inputs
            )
        try:
            results = call(*inputs)
        except (RuntimeError, MemoryError) as error:  # what runtimes raise when an allocation fails
            if not isinstance(error, MemoryError) and not FULL.search(str(error)):
                raise
            raise OutOfMemory(f"{self.device} has no room for a tile of {inputs[0].shape}") from error
        core = core or (slice(0, height), slice(0, width))
        return tuple(x[:, *core] for x in results)

    def bytes_per_pixel(self) -> int:
        """What the nets take for each pixel of a tile."""
        return self.bytes_of_pixel

    def free_bytes(self) -> int:
        """Of main memory, also for a GPU, which these runtimes do not ask; where it is too much, tiles are halved."""
        return memory.free()

    def rest(self) -> None:
        """Give back what is kept for the next tile."""
        memory.give_back()

    def _call(self, net: Net) -> Call:
        if net.scope not in self.calls:
            raise MissingNetError(self.family.lacks(self.calls, self.source, net.scope))
        return self.calls[net.scope]

    def _inputs(self, net: Net, arrays: tuple[Array, ...], dials: Mapping[str, Any]) -> list[Array]:
        """The net's inputs as float32 arrays of one size; a ratio that is a number, or one an image, becomes a map."""
        given = list(arrays)
        if len(given) < len(net.inputs) and "ratio" in dials:
            ratio, like = np.asarray(dials["ratio"], np.float32), given[0][..., :1]
            given.append(np.broadcast_to(ratio.reshape(-1, 1, 1, 1) if ratio.ndim == 1 else ratio, like.shape))
        inputs = [np.ascontiguousarray(x, np.float32) for x in given]
        first = next(iter(net.inputs))
        for (name, channels), x in zip(net.inputs.items(), inputs, strict=True):
            check_input(name, x.shape, channels, "NHWC")
            check_same_size(first, inputs[0].shape, name, x.shape, "NHWC")
        if min(inputs[0].shape[1:3]) < self.smallest:
            raise KindlingError(
                f"{first} has shape {inputs[0].shape}: --runtime {self.runtime} takes sides of {self.smallest} pixels "
                "and more; --runtime onnx takes any"
            )
        return inputs

    def _enhance(self, x: Array, *, ratio: Any = RATIO, adjustment: bool = False) -> tuple[Array, ...]:
        """The chain of the family's own program. adjustment: of one that adjusts its light only on demand."""
        R, L = self.run("decompose", x)
        restored = self.run("restore", R, L)[0] if self.family.does("restore") else R
        fuse = self.family.relit if adjustment and self.family.relit else self.family.fuse
        adjusted = np.ones_like(L)
        if adjustment or not self.family.relit:
            reads = self.family.net("adjust").reads
            given = [{"R": R, "L": L}[name] for name in reads if name in ("R", "L")]
            (adjusted,) = self.run("adjust", *given, **({"ratio": ratio} if "ratio" in reads else {}))
        assert fuse is not None  # a family that runs has one
        parts = zip(x, R, L, restored, adjusted, strict=True)
        return (np.stack([fuse(*images) for images in parts]).astype(np.float32),)


def family_named(folder: Path, description: Description) -> Family:
    """The row of kindling/families/registry.py that the kindling.json in `folder` names.

    Raises KindlingError if there is none that runs, or if it has no net of a name that is there.
    """
    path = folder / FILE
    family = next((family for family in FAMILIES if family.id == description.family and family.nets), None)
    if family is None:
        raise KindlingError(
            f"{path}: names the family {description.family!r}, and this version of Kindling does not run it"
        )
    known = [net.scope for net in family.nets]
    for scope in description.nets:
        if scope not in known:
            raise KindlingError(f"{path}: names the net {scope!r}, and those of {family.title} are {', '.join(known)}")
    return family


@contextlib.contextmanager
def opening(path: Path | str, runtime: str) -> Iterator[None]:
    """Whatever `runtime` raises while it opens the graph in `path`, as one sentence that names the file."""
    try:
        yield
    except (KindlingError, MemoryError):
        raise
    except Exception as error:  # the runtimes' errors have no class in common but this
        raise KindlingError(f"{path}: {runtime} cannot open it ({reason(error)}); export the weights again") from error


def reason(error: BaseException) -> str:
    """What a runtime's error says, in a line: the last, since OpenVINO's begin with where they come from."""
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1]
