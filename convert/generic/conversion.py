"""`kindling convert SRC DST --map TABLE`: a whole file of any model's weights, carried by a table."""

import os
from dataclasses import dataclass
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.version import __version__

from .. import casting
from ..casting import Precision
from . import files
from .carrying import to_tf, to_torch
from .table import read_table

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class TableConversion:
    """What a conversion by a table did, after its output was read back bit-equal; or, dry, what it would do."""

    source: Path
    target: Path
    table: Path
    layers: int
    variables: int
    """Arrays that were written."""
    parameters: int
    left_behind: list[str]
    """Optimizer slots, steps, averages, and what the table names: not carried."""
    epsilons: dict[str, float]
    """Module -> the epsilon that it has to be built with, where PyTorch's default is another."""
    notes: list[str]
    cast: list[str]
    sha256: str
    """Of the bytes of the source that were read."""
    fingerprint: str
    """Of what was written."""
    files: list[Path]
    dry: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON: paths as strings."""
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in vars(self).items()}
        return {**plain, "files": [str(file) for file in self.files]}


def convert_by_table(
    source: AnyPath,
    target: AnyPath,
    table: AnyPath,
    *,
    force: bool = False,
    cast: Precision | None = None,
    ema: bool = False,
    dry: bool = False,
) -> TableConversion:
    """Carry the weights in `source` to `target` by the rows of `table`; the target's suffix says in which direction.

    .pth, .pt and .safetensors are PyTorch's state; .npz, .h5 and NAME.ckpt the original's variables under their own
    names. Bit for bit, there and back. Nothing is written unless every variable is carried or named as left behind and
    every shape fits. Raises KindlingError with all that is wrong, by file and line.
    """
    source, target, rows = Path(source), Path(target), read_table(Path(table))
    forward = files.is_for_torch(target)
    if ema and not forward:
        raise KindlingError(f"{target}: ema is of TensorFlow's checkpoints; a state of PyTorch's holds what it holds")
    if not dry:
        refuse_existing(files.outputs(target), force)
    contents = files.read(source)
    turned, said = casting.cast(contents.variables, cast)
    carried = to_torch(rows, turned, str(source), ema=ema) if forward else to_tf(rows, turned, str(source))
    metadata = {"written_by": f"Kindling {__version__}", "source": source.name, "sha256": contents.sha256}
    if carried.epsilons:
        metadata["epsilon"] = ", ".join(f"{module} {number:g}" for module, number in carried.epsilons.items())
    written = files.outputs(target) if dry else files.write(target, carried.arrays, metadata, force=force)
    return TableConversion(
        source=source,
        target=target,
        table=rows.path,
        layers=len(rows.rows),
        variables=len(carried.arrays),
        parameters=sum(array.size for array in carried.arrays.values()),
        left_behind=carried.left_behind,
        epsilons=carried.epsilons,
        notes=[*contents.notes, *carried.notes],
        cast=list(said),
        sha256=contents.sha256,
        fingerprint=files.fingerprint(carried.arrays),
        files=written,
        dry=dry,
    )
