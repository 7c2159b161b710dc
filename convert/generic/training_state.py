"""What a checkpoint holds of its training beside the weights: averages, an optimizer's slots, steps.

Of any model, so it is told by names and shapes. KinD's own variables are known, and what is left over beside them is
said by convert/soundness.py.
"""

from collections.abc import Mapping

from ..forms.naming import AVERAGE, AVERAGED, OPTIMIZER
from ..soundness import TRAINING_STATE
from .layers import Array
from .table import Table


def averages_of(names: Mapping[str, object]) -> dict[str, str]:
    """Variable -> its exponential average, where there is one."""
    found = {}
    for name in names:
        front, _, last = name.rpartition("/")
        if last.startswith(AVERAGE) and front in names:
            found[front] = name
            continue
        scopes = name.split("/")
        kept = [scope for scope in scopes if not AVERAGED.fullmatch(scope)]
        if len(kept) < len(scopes) and "/".join(kept) in names:
            found.setdefault("/".join(kept), name)
    return found


def left_behind(names: Mapping[str, Array], used: Mapping[str, object], table: Table | None = None) -> list[str]:
    """The names of a training's state: slots of variables (v/Adam beside v), averages, steps, an optimizer's own; and
    what a table names."""
    averages = set(averages_of(names).values())
    kept = []
    for name in names:
        scopes = name.split("/")
        parent = names.get("/".join(scopes[:-1]))
        slot = parent is not None and (parent.shape == names[name].shape or bool(OPTIMIZER.fullmatch(scopes[-1])))
        of_training = (
            slot
            or name in averages
            or bool(TRAINING_STATE.match(name))
            or any(OPTIMIZER.fullmatch(scope) for scope in scopes[:-1])
            or any(scope.startswith(("optimizer", "seed_generator")) for scope in scopes)
        )
        if name not in used and (of_training or (table is not None and table.leaves_behind(name))):
            kept.append(name)
    return kept
