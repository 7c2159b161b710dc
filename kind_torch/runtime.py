"""A family's nets on PyTorch as the rest of the house sees them: a `kindling.core.model.Model`, on a CPU or a GPU.

kind_tf/runtime.py is the same in TensorFlow.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import torch

from kind_torch import arrays
from kind_torch.nets import Nets
from kindling.core.errors import KindlingError, OutOfMemory
from kindling.core.model import Array, Core, Dial
from kindling.enhancing import memory
from kindling.families.family import Family
from kindling.families.registry import KIND, family_of

__all__ = ["Model", "class_of", "open_model"]

HALVES = ("bfloat16", "float16")
FULL = re.compile("out of memory|can't allocate memory|ALLOC_FAILED")


class Model:
    """Loaded nets and the way to run them on arrays; see kindling.core.model.Model for what each part is."""

    runtime = "torch"

    def __init__(self, kind: Nets, said: Mapping[str, str] | None = None):
        self.kind = kind
        self.family: Family = kind.family
        self.source = kind.source
        self.said: Mapping[str, str] = dict(said or {})
        self._like = next(kind.parameters())
        self.device = str(self._like.device)
        self.precision = str(self._like.dtype).removeprefix("torch.")
        self.nets = frozenset(name for name, _ in kind.named_children())

    def run(self, verb: str, *arrays_in: Array, core: Core | None = None, **dials: Dial) -> tuple[Array, ...]:
        """One net, or "enhance", the whole chain, on NHWC arrays; always a tuple of arrays of float32 or float64."""
        options: dict[str, Any] = dict(dials) if core is None else {**dials, "core": core}
        try:
            with _exact_products(self._like.device):
                return arrays.run(self.kind, verb, *arrays_in, **options)
        except RuntimeError as error:  # not every allocator of PyTorch has an error of its own
            if not isinstance(error, torch.OutOfMemoryError) and not FULL.search(str(error)):
                raise
            raise OutOfMemory(f"{self.device} has no room for a tile of {arrays_in[0].shape}") from error

    def layers(self, net: str, *arrays_in: Array) -> Iterator[tuple[str, Array]]:
        """Every layer of one net in the order it runs: its op name in the authors' graph, its result."""
        with _exact_products(self._like.device):
            yield from arrays.layers(self.kind, net, *arrays_in)

    def bytes_per_pixel(self) -> int:
        """What the nets take for each pixel of a tile."""
        return self.kind.float32_bytes * self._like.element_size() // 4

    def free_bytes(self) -> int:
        """Of the GPU's memory where there is one, with what PyTorch keeps of it; else of main memory."""
        if self._like.device.type == "cuda":
            kept = torch.cuda.memory_reserved(self._like.device) - torch.cuda.memory_allocated(self._like.device)
            return torch.cuda.mem_get_info(self._like.device)[0] + kept
        if self._like.device.type == "mps":
            return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return memory.free()

    def rest(self) -> None:
        """Give back what is kept for the next tile."""
        if self._like.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self._like.device.type == "mps":
            torch.mps.empty_cache()
        memory.give_back()


def open_model(
    variables: Mapping[str, Array],
    *,
    device: str = "auto",
    precision: str = "float32",
    source: str = "these weights",
    said: Mapping[str, str] | None = None,
) -> Model:
    """A Model of slim variables, whose family is told by their names and by what is `said`. device: auto, cpu, cuda,
    cuda:1, mps. precision: float32, float64; on GPUs bfloat16 and float16 too, and bfloat16 on CPUs with AMX.

    Raises KindlingError if there is no such device, or the precision is none that it computes in.
    """
    place = arrays.choose_device(device)
    if precision in HALVES and place.type == "cpu":
        _refuse_half(precision)
    family = family_of(variables, (said or {}).get("family", "")) or KIND
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are thrown away, and must cost nobody's seed
        kind = class_of(family)(family.nets_in(variables), "float64" if precision == "float64" else "float32", source)
    kind.assign(variables)
    # In the order of memory that its convs compute in, or each call would turn every kernel around.
    kind.to(place, getattr(torch, precision), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Model(kind.eval(), said)


def _refuse_half(precision: str) -> None:
    """Unless this CPU is quicker in it, as those with AMX are in bfloat16; with avx512_bf16 alone PyTorch is not."""
    if precision != "bfloat16":
        raise KindlingError(f"--precision {precision} is for GPUs, and this model runs on a CPU; float32 is for CPUs")
    if not torch.cpu._is_amx_tile_supported():
        raise KindlingError(
            "--precision bfloat16 is for GPUs and for CPUs with AMX; on this one PyTorch is no quicker in it than in "
            "float32 (--runtime openvino is, where the CPU has avx512_bf16)"
        )


def class_of(family: Family) -> type[Nets]:
    """The class that has the nets of a family, by its row."""
    module, _, name = family.model.partition(":")
    found: type[Nets] = getattr(import_module(f"kind_torch.{module}"), name)
    return found


@contextlib.contextmanager
def _exact_products(device: torch.device) -> Iterator[None]:
    """float32 as it is: TF32, which cuDNN takes by default, keeps 10 bits, and parity would be 1e-3."""
    if device.type != "cuda":
        yield
        return
    # cudnn.conv is put on its module when it is imported, where a type checker does not look.
    switches: tuple[Any, ...] = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = [switch.fp32_precision for switch in switches]
    for switch in switches:
        switch.fp32_precision = "ieee"
    try:
        yield
    finally:
        for switch, precision in zip(switches, before, strict=True):
            switch.fp32_precision = precision
