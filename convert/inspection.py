"""What a checkpoint holds, sound or not, as a record that a program can read and a command can print."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kindling.families.registry import KIND, Family

from .conversion import AnyPath
from .forms import registry
from .soundness import fingerprint, is_training_state, left_behind, name_of_family, problems_with

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
    """Every reason why it is no sound checkpoint of its family."""
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


def inspect(path: AnyPath, *, ema: bool = False, family: str = "") -> Inspection:
    """What is in the file or folder at `path`. ema: look at the averages in it. family: as in `convert.read`.

    Raises KindlingError if it cannot be read; what can be read and is not sound has `problems`.
    """
    contents = registry.read(Path(path), ema=ema, family=family)
    own = contents.family or KIND
    weights = {name: contents.variables[name] for name in own.variables if name in contents.variables}
    nets = {}
    for net in own.nets_in(contents.variables):
        of = own.by_scope[net].variables
        nets[net] = (sum(name in weights for name in of), len(of))
    slots = left_behind(contents.variables, own)
    return Inspection(
        path=contents.path,
        form=contents.form,
        family=name_of_family(contents.variables, own.id),
        nets=nets,
        variables=tuple(_variables(contents.variables, nets, own)),
        problems=tuple(problems_with(contents.variables, contents.family)),
        unwrapped=contents.unwrapped,
        training=((f"{len(slots)} slots and steps",) if slots else ()) + contents.beside,
        metadata=contents.metadata,
        parameters=sum(array.size for array in weights.values()),
        sha256=contents.sha256,
        fingerprint=fingerprint(weights),
    )


def _variables(contents: Mapping[str, np.ndarray], nets: Iterable[str], family: Family) -> Iterator[Variable]:
    for net in nets:
        for name, shape in family.by_scope[net].variables.items():
            array = contents.get(name)
            if array is None:
                yield Variable(name=name, net=net, shape=tuple(shape), dtype="", state="missing")
            else:
                yield Variable(name=name, net=net, shape=array.shape, dtype=str(array.dtype), state="there")
    for name, array in contents.items():
        if name not in family.variables:
            state: State = "of training" if is_training_state(name, family) else "extra"
            yield Variable(name=name, net="", shape=array.shape, dtype=str(array.dtype), state=state)
