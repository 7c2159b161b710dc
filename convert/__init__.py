"""Carry KinD's weights between TensorFlow, PyTorch and neutral files, bit for bit, both ways.

    import convert
    variables = convert.read("checkpoints")                 # {"DecomNet/g_conv1_1/weights": array, ...}
    convert.write("kind.safetensors", variables)
    convert.convert_file("kind.safetensors", "kind.h5")     # the two in one, with where it came from

Also on the command line: `kindling convert SRC DST`, or `python -m convert SRC DST`.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_all_into_place, move_into_place, refuse_existing, staging
from kindling.core.names import slim_name, to_slim, to_torch, torch_key
from kindling.families.vgg import name_of
from kindling.version import __version__

from . import vgg
from .forms import bundles, registry
from .soundness import check, differences, fingerprint, left_behind, nets_in
from .vgg import read_vgg

__all__ = [
    "Conversion",
    "convert_file",
    "fingerprint",
    "nets_in",
    "read",
    "read_vgg",
    "slim_name",
    "to_slim",
    "to_torch",
    "torch_key",
    "write",
]


@dataclass(frozen=True)
class Conversion:
    """What a conversion did, after its output was read back and found bit-equal."""

    source: Path
    target: Path
    form: str
    nets: list[str]
    variables: int
    parameters: int
    left_behind: list[str]  # optimizer slots and steps of the source, the top of a VGG: not carried over
    unwrapped: list[str]  # dictionaries and prefixes that the source had around its weights
    fingerprint: str  # of the weights: equal in every form


def read(path) -> dict[str, np.ndarray]:
    """The weights of the KinD nets in a file or folder of any known form.

    Returns slim name -> float32 array in TF axis order, in the order of the table of nets; every net that is there
    is whole and finite. Optimizer slots and steps are left out. Raises KindlingError with all that is wrong.
    """
    path = Path(path)
    return check(registry.read(path).variables, str(path))


def write(path, variables: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None, *, force=False) -> None:
    """Write the weights of one or more whole nets in the form that `path`'s suffix asks for.

    variables: as `read` returns. Everything is written under a temporary name, read back, compared bit for bit and only
    then moved into place, all files or none. Raises KindlingError if something is there already and not `force`, or if
    reading `path` afterwards would not give these variables.
    """
    if not os.fspath(path):
        raise KindlingError("the name of the output is empty")
    path = Path(path)
    variables = check(variables, "the variables to be written")
    form = registry.form_of(path)
    whole = Path(os.path.abspath(path))  # `..` has no name to write a draft under
    targets = registry.outputs(whole, list(variables))
    refuse_existing(registry.outputs(path, list(variables)), force)  # named as they were given
    if form == "tf" and whole.is_dir():
        bundles.refuse_company(whole)
    with staging(whole.parent) as folder:
        draft = folder / whole.name
        own = {"family": "kind", "kindling": __version__, **(metadata or {}), "weights": fingerprint(variables)}
        registry.write(draft, variables, own)
        wrong = differences(variables, registry.read(bundles.prefix_of(draft)).variables)
        if wrong:
            raise KindlingError.of(f"{path}: what was written does not read back as it was", wrong, "nothing was kept")
        if draft.is_dir() and not whole.exists():
            os.rename(draft, whole)  # a new folder appears whole
        elif len(targets) == 1:
            move_into_place(draft, whole)
        else:
            move_all_into_place([(folder / target.relative_to(whole.parent), target) for target in targets], folder)


def convert_file(source, target, *, force=False) -> Conversion:
    """Read `source`, write `target`, say there where it came from. Nothing is written if `source` is not sound."""
    source, target = Path(source), Path(target)
    registry.form_of(target)
    held = registry.read(source)
    of_vgg = vgg.is_vgg(held.variables)  # the features of the perceptual loss; anything else is KinD's
    variables = (vgg.check if of_vgg else check)(held.variables, str(source))
    metadata = {**held.metadata, "source": source.name, "sha256": _sha256(held)}
    if of_vgg:
        registry.hold_against_fingerprint(source, variables, held.metadata)
        own = {"family": name_of(variables), "kindling": __version__, "weights": fingerprint(variables)}
        vgg.write(target, variables, {**metadata, **own}, force)
    else:
        write(target, variables, metadata, force=force)
    return Conversion(
        source,
        target,
        registry.form_of(target),
        [name_of(variables)] if of_vgg else nets_in(variables),
        len(variables),
        sum(array.size for array in variables.values()),
        [*(vgg.left_out if of_vgg else left_behind)(held.variables), *held.beside],
        list(held.unwrapped),
        fingerprint(variables),
    )


def _sha256(held: registry.Checkpoint) -> str:
    """Of the file, or of all files of all bundles one after the other."""
    files = [held.path]
    if held.form == "tf":
        files = [file for prefix in bundles.find(held.path) for file in bundles.files(prefix)]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
