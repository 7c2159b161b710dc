"""Kindling for programs: the steps of the command line as functions, with progress by callback.

import kindling
brighter = kindling.enhance("night.jpg")                          # or a PIL image, an array, the bytes of a file
model = kindling.open_model("checkpoints", "tf")                  # loaded once, for many photos
brighter = kindling.enhance(photos, model, ratio=3.0)             # (n, h, w, 3)
prepared = kindling.prepare("night.jpg")                          # the costly part, once
series = [prepared.at(ratio) for ratio in (1, 3, 5)]
evaluation = kindling.evaluate("low", "high")                     # pairs of photos, measured
report = kindling.parity()                                        # TensorFlow and PyTorch, side by side

The doors are all in this file. What `parity` opens to have two sides is in kindling/api/sides.py.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kindling.api.sides import conditions, parity_weights, photo_case, port_side, side_of
from kindling.core.checks import check_choice
from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.core.words import ProtocolName, Ratio
from kindling.enhancing import pictures
from kindling.enhancing.ratio import check_ratio
from kindling.enhancing.render import Prepared, Tile
from kindling.evaluating import evaluation
from kindling.evaluating.evaluation import Evaluation, Folder
from kindling.evaluating.scores import Settings
from kindling.evaluating.validation import Validation
from kindling.families.registry import KIND, family_of
from kindling.parity.check import SIZES, Case, Report, compare, random_cases
from kindling.parity.diagnosis import diagnose
from kindling.runtimes import (
    RUNTIMES,
    Precision,
    default_weights,
    export,
    open_arrays,
    open_model,
    open_weights,
    trainer,
)
from kindling.training.joint_run import train as train_joint
from kindling.training.plan import RECIPES
from kindling.training.run import Done, Doors
from kindling.training.run import train as run_training

if TYPE_CHECKING:
    from PIL.Image import Image

    Picture = str | os.PathLike[str] | bytes | Array | Image

__all__ = ["enhance", "evaluate", "export", "inspect", "open_model", "parity", "prepare", "train"]


def enhance(
    image: "Picture",
    model: Model | str = "torch",
    ratio: Ratio = "default",
    tile: Tile = "auto",
    *,
    protocol: ProtocolName | Literal["default"] = "default",
    strength: float = 1.0,
    denoise: float = 1.0,
    device: str = "auto",
    precision: Precision = "float32",
    progress: Callable[[int], None] = lambda pixels: None,
) -> Any:
    """One photo, or a batch of them, made brighter.

    With weights that bring no estimator it is the authors' evaluate.py (Zhang et al., ACM MM 2019); ours bring one.

    image: a file's path or its bytes; a PIL image; or an array (h, w), (h, w, 1), (h, w, 3), (h, w, 4) or (n, h, w, 3)
    of uint8, uint16 or floats in [0, 1]. Each photo is stretched to its own minimum and maximum first, as the original
    does. model: what `open_model` gave, or the name of a runtime, whose default weights are then loaded once. ratio:
    how much lighter, usefully 0 to 5, or "auto", from the photo itself. protocol: "lol", "blend", "photo" or
    "adjusted", as in `Prepared.at`. Of both, "default" is what suits the weights (kindling/enhancing/ratio.py). tile:
    pixels, "auto" by the memory at hand, or 0 for none; the result is the same. strength: from 0, the photo itself, to
    1. denoise: from 0, no restoration, to 1. device, precision: as in `open_model`, of a model that is only named.
    progress: told of pixels as they are finished.

    Returns a PIL image for a PIL image, and else an array, of the shape and dtype of `image`; of a file (h, w, 3), or
    (h, w, 4) where something shines through, at its own depth. Whole numbers are truncated as the original does; a
    photo without colour stays without; alpha is carried over. Raises KindlingError for another shape or dtype, NaN,
    floats beyond [0, 1], a dial out of its range.
    """
    if not (isinstance(ratio, str) and ratio in ("auto", "default")):
        ratio = check_ratio(ratio)
    array = pictures.pixels_of(image)
    if array.ndim == 4:
        opened = _loaded(model, device, precision)
        return np.stack(
            [
                enhance(
                    one, opened, ratio, tile, protocol=protocol, strength=strength, denoise=denoise, progress=progress
                )
                for one in array
            ]
        )
    prepared, dtype = pictures.prepared(array, _loaded(model, device, precision), tile), array.dtype
    if dtype.kind == "f":
        colours = prepared.at(ratio, protocol=protocol, strength=strength, denoise=denoise)
        progress(array.shape[0] * array.shape[1])
    else:
        wanted = [("enhanced", prepared.number(ratio))]
        dials = {"strength": strength, "denoise": denoise}
        rendered = prepared.render(wanted, dtype.type, protocol=protocol, done=progress, **dials)
        (colours,) = rendered.values()
    return pictures.like(image, array, colours.astype(dtype, copy=False))


def prepare(
    image: "Picture",
    model: Model | str = "torch",
    tile: Tile = "auto",
    *,
    device: str = "auto",
    precision: Precision = "float32",
) -> Prepared:
    """Decompose a photo once, for any number of ratios, strengths and looks at its parts.

    image, model, tile, device, precision: as in `enhance`, but no batch. `Prepared.at(ratio)` gives floats in [0, 1].
    """
    array = pictures.pixels_of(image)
    if array.ndim == 4:
        raise KindlingError(f"the image has shape {array.shape}: expected one photo, (h, w, 3)")
    return pictures.prepared(array, _loaded(model, device, precision), tile)


def evaluate(
    low: Folder | None = None,
    high: Folder | None = None,
    *,
    model: Model | str | None = "torch",
    weights: Folder | None = None,
    family: str = "",
    device: str = "auto",
    precision: Precision = "float32",
    ratio: float | Literal["auto", "gt"] = "gt",
    protocol: ProtocolName = "lol",
    gt_mean: bool = False,
    denoise: float = 1.0,
    tile: Tile = "auto",
    results: Iterable[Folder] | Mapping[str, Folder] = (),
    out: Folder | None = None,
    force: bool = False,
    progress: Callable[[Evaluation], None] = lambda evaluation: None,
) -> Evaluation:
    """Dark photos enhanced and measured against their well-lit partners, as the original's evaluate_LOLdataset.py.

    low, high: two folders, two photos, or, without high, one folder whose layout is recognised. model: what
    `open_model` gave, or the name of a runtime, which then opens `weights`, by default `default_weights`, on `device`,
    as those of `family` where their names do not tell. ratio: a number, "auto", or "gt", which the partner gives away.
    protocol: "lol", "blend", "photo" or "adjusted", as in `Prepared.at`. gt_mean: set the brightness to the partner's
    before measuring. denoise: from 0, no restoration, to 1. results: folders of other methods' pictures, to be measured
    too, or, without low, alone. out: where pictures and evaluation.csv, .json, .md and .tex go. progress: told of the
    evaluation after every picture.

    Returns scores, means, and a sentence for everything that could not be measured. Raises KindlingError where there is
    nothing to measure, a setting is wrong, or a file of `out` is there already and `force` is not given.
    """
    settings = Settings(ratio=ratio, protocol=protocol, gt_mean=gt_mean, denoise=denoise, tile=tile)
    plan = evaluation.plan(low, high, results, out, force)
    opened: Model | None = None
    about: dict[str, object] = {}
    if plan.pairs and model is not None:
        opened, about = _opened_for(model, weights, family, device, precision)
    return evaluation.measure(plan, opened, settings, about=about, progress=progress)


def inspect(path: str | os.PathLike[str]) -> Any:
    """What a checkpoint holds, sound or not, as a convert.Inspection. Raises KindlingError if it cannot be read."""
    return own("convert").inspect(path)


def parity(
    weights: str | os.PathLike[str] | None = None,
    port_weights: str | os.PathLike[str] | None = None,
    *,
    reference: str | None = None,
    port: str = "torch",
    device: str = "cpu",
    images: Iterable[str | os.PathLike[str]] = (),
    sizes: Sequence[str] = SIZES,
    seed: int = 0,
    tolerance: float | None = None,
    family: str = "",
    progress: Callable[[str, int, int], None] = lambda case, number, count: None,
) -> Report:
    """Do two runtimes compute the same? Every output and every layer on the same arrays, in float32 and float64.

    A port that is a graph, such as "onnx", has neither layers nor float64: its outputs are held against the float64 of
    the reference. weights: by default `default_weights`. port_weights: of the port, if from a file of their own, or an
    export. reference: by default "tf" for "torch", and "torch" for any other port. device: where the
    port runs; the reference runs on the CPU. images: photos to compare on, too; of one larger than 512 a side the
    bottom right corner. sizes: of random input, "HxW" or "NxHxW". tolerance: judge float32 by it alone. family: the id
    of the one that the weights are of, where their names do not tell. progress: told the name of each case, its number
    and how many there are. Raises KindlingError if a runtime or a net is missing.
    """
    reference = reference or ("tf" if port == "torch" else "torch")
    cases = [photo_case(image) for image in images] + random_cases(sizes, seed)
    source = str(weights or default_weights())
    variables, ported = parity_weights(source, port_weights, (reference, port), family)
    first = side_of(reference, variables, source, "cpu", family)
    second = port_side(port, ported, port_weights, source, device, family)

    def announced() -> Iterator[Case]:
        for number, case in enumerate(cases, start=1):
            progress(case.name, number, len(cases))
            yield case

    report = compare(first, second, announced(), tolerance)
    sources = (source, str(port_weights or source))
    report = replace(report, about=conditions(sources, (variables, ported), (first, second)))
    return report if report.ok or second.double is None else replace(report, diagnosis=diagnose(variables, ported))


def train(
    task: str,
    data: str | os.PathLike[str] | Sequence[tuple[str | os.PathLike[str], float]],
    out: str | os.PathLike[str],
    *,
    runtime: str = "torch",
    **options: Any,
) -> Done:
    """Train one net from pairs of photos, with the original's recipe unless told otherwise, or all nets together.

    task: "decomposition", then "adjustment" and "restoration", and after these "joint". data: a folder with low/ and
    high/; of a joint training also several, each with its weight in the mix: [("lol", 5), ("night", 1)]. options: the
    files, settings, callbacks and switches of `train` in kindling/training/run.py or, of a joint training,
    kindling/training/joint_run.py, which this is with the doors opened. Returns how far it came; after Ctrl-C,
    resume=True goes on from there. Raises KindlingError for whatever can be seen to be wrong, before any step.
    """
    check_choice("task", task, (*RECIPES, "joint"))
    convert = own("convert")
    doors = Doors(
        runtime=runtime,
        trainer=partial(trainer, runtime),
        joint_trainer=partial(trainer, runtime, joint=True),
        open_model=lambda path: _opened_kind(path, runtime, options.get("device", "auto")),
        read=lambda path: _read_kind(path)[0],
        read_vgg=convert.read_vgg,
        write=partial(convert.write, force=True),
        fingerprint=convert.fingerprint,
    )
    named = {name: Path(options[name]) for name in ("decom", "start", "features", "init") if options.get(name)}
    if task == "joint":
        folders = [(data, 1.0)] if isinstance(data, (str, os.PathLike)) else data
        if "init" not in named:
            raise KindlingError("a joint training starts from weights of all three nets: name them as `init`")
        apart = [Path(folder) for folder in options.pop("val", ())]
        return train_joint(
            [(Path(folder), weight) for folder, weight in folders], Path(out), doors,
            **{**options, **named}, val=apart, validation=Validation,
        )  # fmt: skip
    if not isinstance(data, (str, os.PathLike)):
        raise KindlingError(f"{task} trains on one folder, and {len(data)} are named; several are for joint")
    return run_training(task, Path(data), Path(out), doors, **{**options, **named})


def _read_kind(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Weights that a training can begin with, and what their file says."""
    variables, said = own("convert").read_all(path)
    if (family := family_of(variables, said.get("family", ""))) not in (KIND, None):
        raise KindlingError(f"{path}: these are weights of {family.title}, and only KinD is trained here")
    return variables, said


def _opened_kind(path: str | os.PathLike[str], runtime: str, device: str) -> Model:
    variables, said = _read_kind(path)
    return open_arrays(variables, runtime, device=device, source=str(path), said=said)


def _opened_for(
    model: Model | str, weights: Folder | None, family: str, device: str, precision: Precision
) -> tuple[Model, dict[str, object]]:
    """A model, opened where it is only named, and what evaluation.json says of it."""
    about: dict[str, object] = {}
    if isinstance(model, str):
        source = str(weights or default_weights())
        model, fingerprint = open_weights(source, model, device=device, precision=precision, family=family)
        about = {"weights": source, "fingerprint": fingerprint}
    if model.runtime in RUNTIMES:
        name = RUNTIMES[model.runtime].framework
        about["versions"] = {name: import_framework(name, f"--runtime {model.runtime}").__version__}
    return model, about


def _loaded(model: Model | str, device: str, precision: Precision) -> Model:
    if not isinstance(model, str):
        return model
    return _open_once(model, str(default_weights().resolve()), device, precision)


@lru_cache(maxsize=2)
def _open_once(runtime: str, weights: str, device: str, precision: Precision) -> Model:
    return open_model(weights, runtime, device=device, precision=precision)
