"""What can run a model: a row for each runtime, and the doors that open one.

A row names the module that opens it, by a string, so that no framework is imported before it is asked for. To add a
runtime is to add a row, and a file that turns arrays of weights into a `kindling.core.model.Model`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Layered, Model
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.exported.description import Description, is_export, read_description
from kindling.exported.formats import find_format
from kindling.exported.writing import export as write_export
from kindling.exported.writing import refuse
from kindling.families.registry import KIND
from kindling.training.protocols import Trainer

if TYPE_CHECKING:  # what the rows name by strings keeps the protocols
    import kind_tf.joint
    import kind_tf.runtime
    import kind_tf.train
    import kind_torch.joint
    import kind_torch.runtime
    import kind_torch.train

    _MODELS: tuple[type[Layered], ...] = (kind_torch.runtime.Model, kind_tf.runtime.Model)
    _TRAINERS: tuple[type[Trainer], ...] = (
        kind_torch.train.Trainer, kind_torch.joint.JointTrainer, kind_tf.train.Trainer, kind_tf.joint.JointTrainer,
    )  # fmt: skip

__all__ = [
    "RUNTIMES",
    "Precision",
    "Runtime",
    "default_weights",
    "export",
    "open_arrays",
    "open_model",
    "open_weights",
    "trainer",
]

Precision = Literal["float32", "float64", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One way to run a model's weights."""

    name: str
    framework: str
    """What must be installed, a key of kindling/core/optional.py; its extra is named there."""
    open: str = ""
    """`module:function` that makes a Model of (variables, device=, precision=, source=); empty if it runs exports
    only."""
    open_export: str = ""
    """`module:function` that makes a Model of (folder, description, device=, precision=) of kindling/exported."""
    forms: tuple[str, ...] = ()
    """The forms of export that it runs, keys of kindling/exported/formats.py."""
    trainer: str = ""
    """`module:class` that trains one net; empty if it cannot."""
    joint_trainer: str = ""
    """`module:class` that trains all nets together."""
    layered: bool = False
    """Whether it shows its layers and computes in float64 too, as parity asks of a reference."""
    keeps_memory: bool = True
    """Whether it keeps freed memory for itself; PyTorch asks the system anew for each large tensor."""


RUNTIMES: Mapping[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime(
            name="torch",
            framework="torch",
            open="kind_torch.runtime:open_model",
            trainer="kind_torch.train:Trainer",
            joint_trainer="kind_torch.joint:JointTrainer",
            layered=True,
            keeps_memory=False,
        ),
        Runtime(
            name="tf",
            framework="tensorflow",
            open="kind_tf.runtime:open_model",
            trainer="kind_tf.train:Trainer",
            joint_trainer="kind_tf.joint:JointTrainer",
            layered=True,
        ),
        Runtime(
            name="onnx",
            framework="onnxruntime",
            open="kindling.exported.onnx:open_model",
            open_export="kindling.exported.onnx:open_export",
            forms=("onnx",),
        ),
        Runtime(
            name="openvino",
            framework="openvino",
            open="kindling.exported.openvino:open_model",
            open_export="kindling.exported.openvino:open_export",
            forms=("openvino", "onnx"),
        ),
        *(
            Runtime(
                name=form,
                framework=framework,
                open_export="kindling.exported.programs:open_export",
                forms=(form,),
                keeps_memory=framework != "torch",
            )
            for form, framework in (("savedmodel", "tensorflow"), ("tflite", "tensorflow"), ("torch-export", "torch"))
        ),
    )
}


def open_model(
    weights: str | os.PathLike[str] | None = None,
    runtime: str = "torch",
    *,
    device: str = "auto",
    precision: Precision = "float32",
    family: str = "",
) -> Model:
    """A model with the weights of any file or folder that `kindling convert` reads, or of an export.

    weights: by default those of `default_weights`. runtime: a name of RUNTIMES. device: "auto", which takes a GPU where
    the runtime sees one, "cpu", "cuda", "cuda:1", "mps". precision: float32, on GPUs bfloat16 or float16 too, and
    bfloat16 on CPUs that are faster in it. family: the id of the one that the weights are of, where names alone do not
    tell. Raises KindlingError if the runtime is not installed, has no such device or precision, does not run this form
    of export, or the weights are not sound.
    """
    return open_weights(weights or default_weights(), runtime, device=device, precision=precision, family=family)[0]


def open_weights(
    weights: str | os.PathLike[str],
    runtime: str = "torch",
    *,
    device: str = "auto",
    precision: Precision = "float32",
    family: str = "",
) -> tuple[Model, str]:
    """As `open_model`, and the fingerprint of the weights."""
    path, row = Path(weights), find_runtime(runtime)  # a wrong word is said before a large file is read
    if is_export(path):
        description = read_description(path)
        return _open_export(path, description, row, device, precision), description.weights
    variables, said = own("convert").read_all(path, family=family)
    model = open_arrays(variables, runtime, device=device, precision=precision, source=str(path), said=said)
    return model, own("convert").fingerprint(variables)


def export(
    weights: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    to: str,
    *,
    force: bool = False,
    progress: Callable[[str], None] = lambda net: None,
) -> Description:
    """Write weights as graphs that run without this package, prove them, and only then put them in place.

    weights: of any form that `kindling convert` reads, by default `default_weights`. out: the new folder, with a graph
    for each net and kindling.json. to: "onnx", "openvino", "savedmodel", "torch-export" or "tflite". progress: told
    each net before it is written. Raises KindlingError if `out` is in the way (an export only without `force`), if
    something is not installed, or if an output differs from kind_torch's by more than 1e-5.
    """
    form = find_format(to)
    refuse(Path(out), force)  # before a large file is read
    row = RUNTIMES[form.runtime]
    variables, said = own("convert").read_all(Path(weights or default_weights()))
    return write_export(
        variables, said, form, Path(out),
        lambda folder, description: _open_export(folder, description, row, "cpu", "float32"),
        force=force, progress=progress,
    )  # fmt: skip


def open_arrays(
    variables: Mapping[str, Array],
    runtime: str = "torch",
    *,
    device: str = "auto",
    precision: Precision = "float32",
    source: str = "these weights",
    said: Mapping[str, str] | None = None,
) -> Model:
    """A model with `variables`, by slim name and in TF axis order.

    source: what error messages call them. said: what their file says beside them (`Model.said`).
    """
    row = find_runtime(runtime)
    if not row.open:
        raise KindlingError(
            f"--runtime {runtime} runs exports, and {source} is none: `kindling export {source} OUT --to {runtime}`, "
            "then --weights OUT"
        )
    import_framework(row.framework, f"--runtime {runtime}")
    model: Model = _load(row.open)(variables, device=device, precision=precision, source=source, said=said)
    return model


def trainer(runtime: str, *arguments: Any, joint: bool = False, **options: Any) -> Trainer:
    """The object that trains a net on `runtime`, or, `joint`, all of them together.

    arguments, options: as kind_torch.train.Trainer and kind_torch.joint.JointTrainer have them.
    """
    row = find_runtime(runtime)
    if not row.trainer:
        able = ", ".join(name for name, other in RUNTIMES.items() if other.trainer)
        raise KindlingError(f"--runtime {runtime} cannot train; these can: {able}")
    import_framework(row.framework, f"--runtime {runtime}")
    made: Trainer = _load(row.joint_trainer if joint else row.trainer)(*arguments, **options)
    return made


def find_runtime(name: str) -> Runtime:
    """The row called `name`; a KindlingError that lists the known ones if there is none."""
    if name not in RUNTIMES:
        raise KindlingError(f"there is no runtime {name!r}; there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name]


def default_weights() -> Path:
    """The weights that are meant when none are named, the first of these that is there:

    $KINDLING_WEIGHTS; a folder checkpoints/ in the working folder, if there is a model in it; those that `kindling
    fetch` put into the user's cache, if all nets are there; those that came with the installation.
    """
    named = os.environ.get("KINDLING_WEIGHTS")
    if named:
        if not Path(named).exists():
            raise KindlingError(f"KINDLING_WEIGHTS is {named}, and there is nothing; name a file or folder of weights")
        return Path(named)
    candidates = [folder for folder in (Path("checkpoints"), _fetched()) if folder and _holds_all_nets(folder)]
    shipped = [folder for folder in _shipped() if folder.is_dir()]
    if not candidates + shipped:
        raise KindlingError("there are no weights in this installation; name a file or folder with --weights")
    return (candidates + shipped)[0]


def _shipped() -> tuple[Path, Path]:
    """In a wheel beside the code, in a checkout at its top."""
    package = Path(__file__).parent
    return package / "weights", package.parent / "checkpoints"


def _fetched() -> Path | None:
    try:
        return Path(own("convert.originals.fetching").default_folder())
    except (OSError, RuntimeError):  # there is no home to keep anything in
        return None


def _holds_all_nets(folder: Path) -> bool:
    """By the layout alone, so that nothing large is read twice."""
    return all((folder / net.folder / "model.ckpt.index").is_file() for net in KIND.nets)


def _open_export(folder: Path, description: Description, row: Runtime, device: str, precision: str) -> Model:
    if description.form not in row.forms:
        able = ", ".join(f"--runtime {name}" for name, other in RUNTIMES.items() if description.form in other.forms)
        raise KindlingError(f"{folder}: is an export as {description.form}, which runs with {able or 'none here'}")
    import_framework(row.framework, f"--runtime {row.name}")
    model: Model = _load(row.open_export)(folder, description, device=device, precision=precision)
    return model


def _load(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function
