"""What a checkpoint holds, sound or not, as a record that a program can read and a command can print."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kindling.families.kind.nets import NETS

from .conversion import AnyPath
from .forms import registry
from .soundness import EXPECTED, family_of, fingerprint, is_training_state, left_behind, nets_in, problems_with

State = Literal["there", "missing", "of training", "extra"]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One variable that is in the file, or should be."""

    name: str
    net: str
    """The net that it belongs to, or empty."""
    shape: tuple[int, ...]
    """In TF's axis order; of a missing one, as it should be."""
    dtype: str
    """Empty for a missing one."""
    state: State


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a file or folder holds."""

    path: Path
    form: str
    """tf, h5, npz, safetensors or pth, told by its content."""
    family: str
    nets: Mapping[str, tuple[int, int]]
    """Net -> how many of its variables are there, of how many."""
    variables: tuple[Variable, ...]
    """Net by net in the table's order, then what belongs to none."""
    problems: tuple[str, ...]
    """Every reason why it is no sound checkpoint of KinD."""
    unwrapped: tuple[str, ...]
    """What was taken off the weights: dictionaries, prefixes, another byte order."""
    training: tuple[str, ...]
    """What is left of a training, and would be left behind by a conversion."""
    metadata: Mapping[str, str]
    parameters: int
    sha256: str
    """Of the bytes that were read."""
    fingerprint: str
    """Of the weights: equal in every form."""

    @property
    def sound(self) -> bool:
        """Whether every net that is in it is whole and finite, and nothing else is."""
        return not self.problems

    def as_dict(self) -> dict[str, object]:
        """For JSON: the fields, and whether it is sound."""
        return {**asdict(self), "path": str(self.path), "sound": self.sound}


def inspect(path: AnyPath, *, ema: bool = False) -> Inspection:
    """What is in the file or folder at `path`. ema: look at the averages in it.

    Raises KindlingError if it cannot be read; what can be read and is not sound has `problems`.
    """
    held = registry.read(Path(path), ema=ema)
    weights = {name: held.variables[name] for name in EXPECTED if name in held.variables}
    nets = {}
    for net in nets_in(held.variables):
        nets[net] = (sum(name in weights for name in NETS[net].variables), len(NETS[net].variables))
    slots = left_behind(held.variables)
    return Inspection(
        path=held.path,
        form=held.form,
        family=family_of(held.variables),
        nets=nets,
        variables=tuple(_variables(held.variables, nets)),
        problems=tuple(problems_with(held.variables)),
        unwrapped=held.unwrapped,
        training=((f"{len(slots)} slots and steps",) if slots else ()) + held.beside,
        metadata=held.metadata,
        parameters=sum(array.size for array in weights.values()),
        sha256=held.sha256,
        fingerprint=fingerprint(weights),
    )


def _variables(held: Mapping[str, np.ndarray], nets: Iterable[str]) -> Iterator[Variable]:
    for net in nets:
        for name, shape in NETS[net].variables.items():
            array = held.get(name)
            if array is None:
                yield Variable(name=name, net=net, shape=tuple(shape), dtype="", state="missing")
            else:
                yield Variable(name=name, net=net, shape=array.shape, dtype=str(array.dtype), state="there")
    for name, array in held.items():
        if name not in EXPECTED:
            state: State = "of training" if is_training_state(name) else "extra"
            yield Variable(name=name, net="", shape=array.shape, dtype=str(array.dtype), state=state)
