"""Variables found under whatever names a file gives them: behind prefixes, as averages, beside optimizers.

A variable of a family's table is told by the end of its name. What stands before that end is a prefix: a dictionary's,
a wrapper's, an attribute's. All names of a file are judged together, since one prefix may hold the weights, another
their exponential averages, and a third the moments of an optimizer. What was taken off is said; where two candidates
would give different weights, neither is taken.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from kindling.core.errors import KindlingError
from kindling.core.names import BACK
from kindling.families.registry import RUNNABLE, Family

Parts = tuple[str, ...]  # a name, parted into its scopes
# Under which training scripts keep the weights in what they save.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights", "params_ema", "ema")  # fmt: skip  # noqa: E501
# Put in front of a key, or behind the net's name, by what a model is wrapped in: DataParallel, torch.compile.
SEGMENTS = {"module", "_orig_mod"}
AVERAGE = "ExponentialMovingAverage"  # how TensorFlow names an average, behind the variable's own name
AVERAGED = re.compile(r"(?i:(.*_)?(ema|swa|averaged?|shadow)\d?(_.*)?)|.*[a-z]E(MA|ma)|ema[A-Z].*")
OPTIMIZER = re.compile(
    r"\.?(optim(izers?)?(_\w*)?|optimizer_slot|n?adam[wx]?(_\d+)?|sgd|rmsprop|adagrad|momentums?|exp_avg(_sq)?"
    r"|velocit(y|ies)|slots?)",
    re.IGNORECASE,
)
# Other words for the last part of a variable's name: any of TensorFlow's for PyTorch's, and one maker's for another's
SAME = {**BACK, "weights": BACK["weight"], "biases": BACK["bias"], "kernel": ("weights",)}


@dataclass(frozen=True, kw_only=True)
class Names:
    """What names of a family are looked for."""

    whole: Collection[str]
    """Variables of the table."""
    bare: Mapping[str, str]
    """The same without the scope of their net -> that net."""
    layers: frozenset[str]
    """The scopes that variables lie in, one of which is the last or the last but one of a name that is worth a look."""
    deepest: int
    """Parts of a name that are worth a look."""


@cache
def names_of(family: Family) -> Names:
    """The names of a family's variables, made once."""
    whole = family.variables
    bare = {name.partition("/")[2]: net.scope for net in family.nets for name in net.variables}
    return Names(
        whole=whole,
        bare=bare,
        layers=frozenset(name.split("/")[-2] for name in whole),
        deepest=max(name.count("/") for name in whole) + 1 + len(SEGMENTS),
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which variable of the table a name of the file stands for."""

    name: str
    prefix: Parts
    """What stands in front of it."""
    inside: Parts = ()
    """Wrappers within it."""
    notes: Parts = ()
    """What else of the name had to be overlooked or put there."""
    averaged: bool = False
    slot: str = ""
    """An optimizer's word behind it."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What of a file is handed on, and under which names."""

    names: Mapping[str, str]
    """Name in the file -> name in the table, or for a stranger its own."""
    prefixes: Collection[Parts]
    unwrapped: Parts
    """Prefixes and endings that were taken off."""
    beside: Parts
    """What lies outside of the weights, and is not handed on."""


def tell(parts: Mapping[str, Parts], hint: str = "") -> Family | None:
    """The family whose table most of a file's names end in, whatever stands before; None if no name ends in any.

    hint: the id of the family that is meant where several have as many; without one it is the first of them.
    """
    counts = {
        family: len({place.name for place in _places(parts, family).values() if not place.slot}) for family in RUNNABLE
    }
    most = [family for family, count in counts.items() if count == max(counts.values()) > 0]
    return next((family for family in most if family.id == hint), most[0] if most else None)


def choose(
    parts: Mapping[str, Parts],
    equal: Callable[[str, str], bool],
    source: str,
    family: Family | None,
    *,
    ema: bool = False,
) -> Choice:
    """Tell the weights among all names of a file.

    parts: name in the file -> its scopes. family: whose table they are looked for in. equal: whether two names stand
    for the same numbers. ema: take the averages instead of the weights. Raises KindlingError where weights are there
    twice and differ, or where averages are asked for and there are none.
    """
    places = _places(parts, family) if family else {}
    candidates = {n: place for n, place in places.items() if not place.slot and not _of_optimizer(place.prefix)}
    averages = {name for name, place in candidates.items() if place.averaged}
    if ema and not averages:
        whose = family.title if family else "KinD"
        raise KindlingError(f"{source}: it holds no averages (EMA) of {whose}'s weights; leave --ema out")
    wanted = averages if ema or len(averages) == len(candidates) else candidates.keys() - averages
    chosen = _unique({name: candidates[name] for name in parts if name in wanted}, equal, source)
    if not chosen:
        return _strangers(parts)
    prefixes = {candidates[name].prefix for name in chosen.values()}
    names = {old: new for new, old in chosen.items()}
    beside = []
    for name, scopes in parts.items():
        place = places.get(name)
        if name in names:
            continue
        if name in candidates:
            other = chosen.get(candidates[name].name)
            if other and equal(name, other):
                continue
            beside.append("weights that are not averaged" if ema else "averages (EMA), which --ema takes")
        elif place and place.slot and place.prefix in prefixes:
            names[name] = f"{place.name}/{place.slot}"
        elif not _of_optimizer(scopes[:-1]) and any(scopes[: len(prefix)] == prefix for prefix in prefixes):
            names[name] = "/".join(_behind(scopes, prefixes))
        else:
            beside.append(leaves_at(scopes, prefixes))
    said = _said([candidates[name] for name in chosen.values()])
    if wanted == averages:
        said += ("averages (EMA)" if ema else "averages (EMA), and nothing else is in it",)
    return Choice(names=names, prefixes=prefixes, unwrapped=said, beside=tuple(dict.fromkeys(beside)))


def place_of(scopes: Sequence[str], names: Names, *, bare: bool = False) -> Place | None:
    """The variable that a name ends in, or that it hangs on; None if it is none of them.

    bare: without the scope of its net.
    """
    *front, last = scopes
    if not names.layers.intersection(front[-2:]):
        return None
    if found := _ending(front, last, names, bare):
        return found
    hangs_on = _ending(front[:-1], front[-1], names, bare) if front else None
    if hangs_on is None:
        return None
    return replace(hangs_on, averaged=True) if last.startswith(AVERAGE) else replace(hangs_on, slot=last)


def leaves_at(scopes: Parts, prefixes: Iterable[Parts]) -> str:
    """The scope by which a name leaves the way to the weights: `optimizer` of optimizer/state/0/step."""
    shared = max((len(_begin_alike([prefix, scopes[:-1]])) for prefix in prefixes), default=0)
    return scopes[shared]


def _places(parts: Mapping[str, Parts], family: Family) -> dict[str, Place]:
    """Every name of the file that stands for a variable of the table, or hangs on one."""
    names = names_of(family)
    places = {name: place for name, scopes in parts.items() if (place := place_of(scopes, names))}
    return places | _bare({name: scopes for name, scopes in parts.items() if name not in places}, family)


def _ending(front: Sequence[str], last: str, names: Names, bare: bool) -> Place | None:
    leaf, colon, _ = last.partition(":")
    among = names.bare if bare else names.whole
    begin = max(0, len(front) - names.deepest)
    kept = [k for k in range(begin, len(front)) if front[k] not in SEGMENTS]
    for start in kept:
        for word in dict.fromkeys((leaf, *SAME.get(leaf, ()))):
            name = "/".join([*(front[k] for k in kept if k >= start), word])
            if name in among:
                return Place(
                    name=name,
                    prefix=tuple(front[:start]),
                    inside=tuple(scope for scope in front[start:] if scope in SEGMENTS),
                    notes=(":0 behind names",) if colon else (),
                    averaged=any(map(AVERAGED.fullmatch, front[:start])),
                )
    return None


def _bare(parts: Mapping[str, Parts], family: Family) -> dict[str, Place]:
    """Places of nets whose scope is missing: all variables of one net behind the same prefix, or none is taken."""
    names = names_of(family)
    behind = {name: place for name, scopes in parts.items() if (place := place_of(scopes, names, bare=True))}
    names_in: dict[tuple[Parts, bool, str], set[str]] = defaultdict(set)
    for place in behind.values():
        if not place.slot:
            names_in[place.prefix, place.averaged, names.bare[place.name]].add(place.name)
    found = {}
    for name, place in behind.items():
        net = names.bare[place.name]
        if len(names_in[place.prefix, place.averaged, net]) == len(family.by_scope[net].variables):
            notes = (*place.notes, f"a single net without its scope, {net}")
            found[name] = replace(place, name=f"{net}/{place.name}", notes=notes)
    return found


def _unique(found: Mapping[str, Place], equal: Callable[[str, str], bool], source: str) -> dict[str, str]:
    """Name in the table -> name in the file; the first of several that are the same numbers."""
    chosen: dict[str, str] = {}
    for name, place in found.items():
        other = chosen.setdefault(place.name, name)
        if other == name or equal(other, name):
            continue
        ours, theirs = found[other].prefix, place.prefix
        if _unwrapped(ours) == _unwrapped(theirs):
            twice = f"{place.name} is in it twice, once behind a prefix; save one of them by itself"
            raise KindlingError(f"{source}: {twice}")
        raise KindlingError(
            f"{source}: it holds weights under {_shown(ours)} and other ones under {_shown(theirs)}; save those that "
            "are meant by themselves"
        )
    return chosen


def _strangers(parts: Mapping[str, Parts]) -> Choice:
    """A file without any variable of the table: its names as they are, less the dictionaries around all of them."""
    own = {name: scopes for name, scopes in parts.items() if not _of_optimizer(scopes[:-1])} or dict(parts)
    shared = _begin_alike([scopes[:-1] for scopes in own.values()])
    prefix = tuple(itertools.takewhile(WRAPPERS.__contains__, shared))
    names = {name: "/".join(scopes[len(prefix) :]) for name, scopes in own.items()}
    beside = tuple(dict.fromkeys(scopes[0] for name, scopes in parts.items() if name not in own))
    return Choice(names=names, prefixes={prefix}, unwrapped=_prefixed([prefix]), beside=beside)


def _said(places: Sequence[Place]) -> Parts:
    """What was taken off, each once."""
    notes = dict.fromkeys(note for place in places for note in place.notes)
    return (*_prefixed((*place.prefix, *place.inside) for place in places), *notes)


def _prefixed(prefixes: Iterable[Parts]) -> Parts:
    return tuple(f"prefix {'.'.join(prefix)}" for prefix in dict.fromkeys(prefixes) if prefix)


def _behind(scopes: Parts, prefixes: Iterable[Parts]) -> Parts:
    """A name without the longest of the prefixes that it has."""
    return scopes[max(len(prefix) for prefix in prefixes if scopes[: len(prefix)] == prefix) :]


def _begin_alike(names: Iterable[Parts]) -> Parts:
    """The scopes that all names have at their beginning."""
    levels = zip(*names, strict=False)  # as long as the shortest
    return tuple(level[0] for level in itertools.takewhile(lambda level: len(set(level)) == 1, levels))


def _of_optimizer(scopes: Iterable[str]) -> bool:
    return any(map(OPTIMIZER.fullmatch, scopes))


def _unwrapped(prefix: Parts) -> Parts:
    return tuple(scope for scope in prefix if scope not in SEGMENTS)


def _shown(prefix: Parts) -> str:
    return ".".join(prefix) or "no prefix"
