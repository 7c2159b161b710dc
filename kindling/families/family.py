"""What a row of the families says: all that the rest of the house knows of a family of models."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kindling.families.kind import fusion
from kindling.families.originals import Originals
from kindling.families.table import Net

__all__ = ["Family", "Fuse"]

Array = np.ndarray
Fuse = Callable[[Array, Array, Array, Array, Array], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """A family of models; one that is `refused` has neither nets nor fusion."""

    id: str
    """What metadata and options call it."""
    title: str
    paper: str = ""
    source: str = ""
    """The public code that its names and nets were read off."""
    signs: tuple[str, ...] = ()
    """Of a refused family: regular expressions; a file of it has a variable that matches one from its first letter."""
    nets: tuple[Net, ...] = ()
    model: str = ""
    """`module:class` that holds its nets, in kind_tf and in kind_torch: "kind:KinD"."""
    fuse: Fuse | None = None
    """(image, R, L, restored, adjusted) -> the enhanced picture, as its authors' program puts the parts together."""
    relit: Fuse | None = None
    """The same where their program adjusts the light only on demand, with the adjusted light."""
    blend: Callable[[Array, Array, Array, fusion.Hues | None], Array] = fusion.blend
    """(image, L, restored * adjusted, the photo's colours) -> the picture, with what is bright already left to
    the photo."""
    fuse_reach: int = 0
    """How many pixels beyond a pixel `fuse` looks, and `blend` where it may look for colours."""
    ratio: float | None = 5.0
    """What its authors' program asks of the adjustment when it is told nothing; None if it cannot be asked."""
    true_ratio: Callable[[float, float], float] | None = None
    """(ratio of the light, ratio of the reflectance) to a well-lit partner -> what its evaluation on LOL asks for;
    None if that is the ratio of the light alone."""
    stretched: bool = True
    """Whether a photo is stretched to its own minimum and maximum first; else it is divided by its largest number."""
    multiple: int = 1
    """Of what height and width must be multiples for its authors, who cut off the rest of a photo."""
    originals: Originals | None = None
    """What `kindling fetch` gets."""
    leftovers: Mapping[str, str] = field(default_factory=dict)
    """Variable that gives it away -> the beginning of the names that are then no weights of this family's."""
    refused: str = ""
    """Why a file of it cannot be run here."""

    def net(self, verb: str) -> Net:
        """The net that does `verb`, such as "decompose"."""
        return next(net for net in self.nets if net.verb == verb)

    def does(self, verb: str) -> bool:
        """Whether one of its nets does `verb`."""
        return any(net.verb == verb for net in self.nets)

    @cached_property
    def by_scope(self) -> Mapping[str, Net]:
        """Its nets by their scopes, in the table's order."""
        return {net.scope: net for net in self.nets}

    @cached_property
    def variables(self) -> Mapping[str, tuple[int, ...]]:
        """Every variable of its nets -> shape, in the table's order."""
        return {name: shape for net in self.nets for name, shape in net.variables.items()}

    def nets_in(self, names: Iterable[str]) -> list[str]:
        """The scopes of its nets that these names of variables belong to, in the table's order."""
        scopes = {name.split("/")[0] for name in names if name in self.variables}
        return [net.scope for net in self.nets if net.scope in scopes]

    @property
    def step(self) -> int:
        """The coarsest step of its nets' pools: tiles of a photo begin on multiples of it."""
        return max(net.reach.step for net in self.nets)

    @property
    def halo(self) -> int:
        """The widest margin that any of its nets asks for."""
        return max(net.reach.halo for net in self.nets)

    def lacks(self, present: Iterable[str], source: str, wanted: str) -> str:
        """Why `wanted`, the scope of one of its nets, cannot run with these weights, and what can: one sentence."""
        there = [net.scope for net in self.nets if net.scope in set(present)]
        net = self.by_scope[wanted]
        why = f" ({net.unreleased})" if net.unreleased else ""
        begins = f"{source} holds {', '.join(there) or 'no net'}, so {wanted} has no weights{why}; "
        if net.verb == "restore" and self.net("decompose").scope in there:
            return f"{begins}load a file that holds it too, or leave it out with --denoise 0"
        rest = "; what is there can be converted and compared" if there else ""
        return f"{begins}load a file that holds it too{rest}"
