"""Reading, writing and converting whole files: checked, staged, read back, and said what was done."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_all_into_place, move_into_place, refuse_existing, staging
from kindling.families.registry import KIND, Family, family_of
from kindling.version import __version__

from . import casting, vgg
from .carried import Carried, Carry
from .casting import Precision
from .forms import bundles, registry
from .forms.finding import prefix_of
from .forms.registry import Checkpoint
from .soundness import check, differences, fingerprint, left_behind

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did, after its output was read back and found bit-equal; or, dry, what it would do."""

    source: Path
    target: Path
    form: str
    """Of the target."""
    nets: list[str]
    variables: int
    parameters: int
    left_behind: list[str]
    """Optimizer slots and steps of the source, the top of a VGG: not carried over."""
    unwrapped: list[str]
    """Dictionaries and prefixes that the source had around its weights."""
    cast: list[str]
    """What was turned into float32, and what that did to the values."""
    sha256: str
    """Of the bytes of the source that were read."""
    fingerprint: str
    """Of the weights: equal in every form."""
    files: list[Path]
    """What was written, or would be."""
    dry: bool
    """Whether nothing was written."""

    def as_dict(self) -> dict[str, object]:
        """For JSON: paths as strings."""
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in vars(self).items()}
        return {**plain, "files": [str(file) for file in self.files]}


def read(path: AnyPath, *, cast: Precision | None = None, ema: bool = False, family: str = "") -> dict[str, np.ndarray]:
    """The weights of the nets in a file or folder of any known form.

    cast: "float32" to turn weights of another precision. ema: the exponential averages of the weights instead. family:
    the id of the family that they are of, "kind" or another of kindling/families/registry.py; by default it is told by
    the file. Returns slim name -> float32 array in TF axis order, in the order of the table of nets; every net that is
    there is whole and finite. Optimizer slots and steps are left out. Raises KindlingError with all that is wrong.
    """
    path = Path(path)
    contents = registry.read(path, ema=ema, family=family)
    variables, _ = casting.cast(contents.variables, cast, contents.family or KIND)
    return check(variables, str(path), contents.family)


def read_all(path: AnyPath, *, family: str = "") -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What `read` gives, and the metadata that the file holds beside it, with the id of the family in it."""
    contents = registry.read(Path(path), family=family)
    variables = check(contents.variables, str(path), contents.family)
    return variables, {**contents.metadata, **({"family": contents.family.id} if contents.family else {})}


def write(
    path: AnyPath,
    variables: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
    *,
    force: bool = False,
) -> None:
    """Write the weights of one or more whole nets in the form that `path`'s suffix asks for.

    variables: as `read` returns. metadata: what is to ride along; its "family" says whose they are where their names do
    not. Everything is written under a temporary name, read back, compared bit for bit and only
    then moved into place, all files or none. Raises KindlingError if something is there already and not `force`, or if
    reading `path` afterwards would not give these variables.
    """
    said = metadata or {}
    family = family_of(variables, said.get("family", "")) or KIND
    variables = check(variables, "the variables to be written", family)
    path, whole = _free(path, variables, force, family)
    own = {"kindling": __version__, **said, "family": family.id, "weights": fingerprint(variables)}
    files = registry.made(whole, variables, own)
    with staging(whole.parent) as folder:
        drafts = {file: folder / file.relative_to(whole.parent) for file in files}
        registry.put({drafts[file]: contents for file, contents in files.items()})
        draft = folder / whole.name
        wrong = differences(variables, registry.read(prefix_of(draft), family=family.id).variables)
        if wrong:
            raise KindlingError.of(f"{path}: what was written does not read back as it was", wrong, "nothing was kept")
        if draft.is_dir() and not whole.exists():
            os.rename(draft, whole)  # a new folder appears whole
        elif len(files) == 1:
            move_into_place(draft, whole)
        else:
            move_all_into_place([(draft, file) for file, draft in drafts.items()], folder)


def convert_file(
    source: AnyPath,
    target: AnyPath,
    *,
    force: bool = False,
    cast: Precision | None = None,
    ema: bool = False,
    dry: bool = False,
    family: str = "",
) -> Conversion:
    """Read `source`, write `target`, say there where it came from. Nothing is written if `source` is not sound.

    force: overwrite what is there. cast, ema, family: as in `read`. dry: look at everything and write nothing.
    """
    source, target = Path(source), Path(target)
    form = registry.form_of(target)
    contents = registry.read(source, ema=ema, family=family)
    turned, said = casting.cast(contents.variables, cast, contents.family or KIND)
    carry = next(carry for recognises, carry in KINDS if recognises(contents.variables))
    carried = carry(contents, turned, target)
    variables = carried.variables
    came_from = {"source": source.name, "sha256": contents.sha256, **({"cast": "; ".join(said)} if said else {})}
    carried.write({**contents.metadata, **came_from, "family": carried.family}, force=force, dry=dry)
    return Conversion(
        source=source,
        target=target,
        form=form,
        nets=carried.nets,
        variables=len(variables),
        parameters=sum(array.size for array in variables.values()),
        left_behind=[*carried.left_behind, *contents.beside],
        unwrapped=list(contents.unwrapped),
        cast=list(said),
        sha256=contents.sha256,
        fingerprint=fingerprint(variables),
        files=carried.files,
        dry=dry,
    )


def _carry_nets(contents: Checkpoint, turned: Mapping[str, np.ndarray], target: Path) -> Carried:
    """The nets of a family, or an error that says why they are none."""
    variables, family = check(turned, str(contents.path), contents.family), contents.family or KIND

    def put(metadata: Mapping[str, str], *, force: bool, dry: bool) -> None:
        if dry:
            _free(target, variables, force, family)
        else:
            write(target, variables, metadata, force=force)

    return Carried(
        family=family.id,
        variables=variables,
        nets=family.nets_in(variables),
        left_behind=left_behind(contents.variables, family),
        files=registry.outputs(target, list(variables), family),
        write=put,
    )


# What a file may hold: (whether these names are of the kind, how it is carried). What is of no other is taken for nets.
KINDS: tuple[tuple[Callable[[Iterable[str]], bool], Carry], ...] = (
    (vgg.is_vgg, vgg.carry),
    (lambda names: True, _carry_nets),
)


def _free(path: AnyPath, variables: Mapping[str, np.ndarray], force: bool, family: Family) -> tuple[Path, Path]:
    """(path, where it is from the root), once nothing is there that may not be overwritten, or be read beside it."""
    if not os.fspath(path):
        raise KindlingError("the name of the output is empty")
    path = Path(path)
    form = registry.form_of(path)
    whole = Path(os.path.abspath(path))  # `..` has no name to write a draft under
    refuse_existing(registry.outputs(path, list(variables), family), force)  # named as they were given
    if form == "tf" and whole.is_dir():
        bundles.refuse_company(whole)
    return path, whole
