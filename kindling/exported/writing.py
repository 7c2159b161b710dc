"""Weights out to another runtime: each graph written, opened by that runtime, held against ours, then moved into place.

Nothing that differs is ever left under the name that was asked for.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_all_into_place, staging
from kindling.core.model import Array, Model
from kindling.core.optional import EXTRAS, import_framework
from kindling.core.packages import own
from kindling.exported.description import FILE, Description, Graph, is_export
from kindling.exported.formats import Format
from kindling.families.table import Net
from kindling.parity.distance import distance
from kindling.version import __version__

__all__ = ["BAR", "SIZES", "export"]

# Twelve: even and odd, smaller than the nets' own step, multiples of it and one beside, a batch.
SIZES = (
    "1x1", "2x3", "5x7", "16x16", "17x33", "21x34", "31x18", "37x51", "40x56", "64x48", "95x130", "3x24x40",
)  # fmt: skip
BAR = 1e-5  # of float32, on outputs in [0, 1]
CHANCE = 2.0
RATIO = 5.0
Open = Callable[[Path, Description], Model]


def export(
    variables: Mapping[str, Array],
    said: Mapping[str, str],
    row: Format,
    out: Path,
    open_export: Open,
    *,
    force: bool = False,
    progress: Callable[[str], None] = lambda scope: None,
) -> Description:
    """Write the nets that `variables` hold to the new folder `out` in the form of `row`, a folder for all or nothing.

    said: what the file of the weights says beside them. open_export: opens the finished folder in the runtime of `row`.
    progress: told each net before it is written. Returns what kindling.json says. Raises KindlingError if `out` is
    there already and not `force`, if something is not installed, or if any output is farther than BAR from ours.
    """
    refuse(out, force)
    for name in row.written_with:
        import_framework(name, f"kindling export --to {row.name}")
    ours = _ours(variables, said)
    sizes = tuple(size for size in SIZES if min(_shape(size)[1:]) >= row.smallest)
    write = _load(row.write)
    with staging(out.absolute().parent) as folder:
        draft = folder / "draft"
        draft.mkdir()
        graphs: dict[str, Graph] = {}
        for net in (net for net in ours.family.nets if net.scope in ours.nets):
            progress(net.scope)
            write(variables, net, draft / f"{net.scope}{row.suffix}")
            graphs[net.scope] = Graph(
                file=f"{net.scope}{row.suffix}",
                verb=net.verb,
                inputs=dict(net.inputs),
                outputs=dict(net.outputs),
                largest_difference=0.0,
            )
        description = Description(
            form=row.name,
            family=ours.family.id,
            weights=own("convert").fingerprint(variables),
            nets=graphs,
            opset=row.opset,
            smallest=row.smallest,
            bytes_per_pixel=ours.bytes_per_pixel(),
            tolerance=BAR,
            compared_with=f"kind_{ours.runtime}, float32",
            sizes=sizes,
            versions=_versions(row, ours.runtime),
            said=dict(said),
            kindling=__version__,
        )
        exact = lru_cache(partial(_ours, variables, said, "float64"))  # made only if it is asked for
        description = _proven(description, open_export(draft, description), ours, exact)
        (draft / FILE).write_text(description.text(), encoding="utf-8")
        move_all_into_place([(draft, out)], folder)  # on any error the export that was there is back
    return description


def refuse(out: Path, force: bool) -> None:
    """Say if `out` is in the way: whatever is no export, even with `force`, and an export without it."""
    if not os.path.lexists(out) or (out.is_dir() and not any(out.iterdir())):
        return
    if not is_export(out):
        raise KindlingError(f"{out}: is there already and is no export; name a new folder")
    if not force:
        raise KindlingError(f"{out}: the output exists already; give another name, or --force to overwrite")


def _ours(variables: Mapping[str, Array], said: Mapping[str, str], precision: str = "float32") -> Any:
    """What an export is held against: kind_torch, or, where PyTorch is not installed, kind_tf."""
    package = "kind_torch" if find_spec("torch") else "kind_tf"
    return import_module(f"{package}.runtime").open_model(variables, device="cpu", precision=precision, said=said)


def _proven(description: Description, theirs: Model, ours: Model, exact: Callable[[], Model]) -> Description:
    """The description with what was measured of each net; a KindlingError that lists every output that is over.

    exact: the same weights in float64. Weights that float32 can hardly compute bring any two runtimes farther apart
    than BAR; there an output may be as far from float64 as ours is, or twice, since which is closer is chance.
    """
    measured, wrong = {}, []
    for net in (net for net in ours.family.nets if net.scope in description.nets):
        largest = 0.0
        for size in description.sizes:
            inputs = _inputs(net, _shape(size))
            results = theirs.run(net.verb, *inputs), ours.run(net.verb, *inputs)
            for k, (name, a, b) in enumerate(zip(net.outputs, *results, strict=True)):
                apart = distance(a, b)
                largest = max(largest, apart)
                if apart <= BAR:
                    continue
                right = exact().run(net.verb, *inputs)[k]
                if not distance(a, right) <= max(BAR, CHANCE * distance(b, right)):  # NaN is over, too
                    wrong.append(f"{net.scope} gives {name} {apart:.1e} from {description.compared_with} at {size}")
        graph = description.nets[net.scope]
        measured[net.scope] = replace(graph, largest_difference=float(largest))
    if wrong:
        raise KindlingError.of(
            f"the export as {description.form}", wrong, f"the bar is {BAR:g}, and nothing was written"
        )
    largest = max(graph.largest_difference for graph in measured.values())
    return replace(description, nets=measured, tolerance=max(BAR, largest))


def _inputs(net: Net, shape: tuple[int, int, int]) -> list[Array]:
    """Uniform random inputs of one size; a ratio up to 5."""
    rng = np.random.default_rng(shape)
    inputs = {name: rng.random((*shape, channels), np.float32) for name, channels in net.inputs.items()}
    return [RATIO * x if name.endswith("ratio") else x for name, x in inputs.items()]


def _shape(size: str) -> tuple[int, int, int]:
    n, h, w = [1, *map(int, size.split("x"))][-3:]
    return n, h, w


def _versions(row: Format, ours: str) -> dict[str, str]:
    used = dict.fromkeys((*row.written_with, {"torch": "torch", "tf": "tensorflow"}[ours]))
    modules = {name: import_framework(name, "kindling export") for name in used}
    return {EXTRAS[name][0][0]: str(module.__version__) for name, module in modules.items()}


def _load(name: str) -> Callable[..., None]:
    module, _, attribute = name.partition(":")
    function: Callable[..., None] = getattr(import_module(module), attribute)
    return function
