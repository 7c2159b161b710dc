"""Kindling for programs: the steps of the command line as functions, with progress by callback.

import kindling
brighter = kindling.enhance("night.jpg")                          # or a PIL image, an array, the bytes of a file
model = kindling.open_model("checkpoints", "tf")                  # loaded once, for many photos
brighter = kindling.enhance(photos, model, ratio=3.0)             # (n, h, w, 3)
prepared = kindling.prepare("night.jpg")                          # the costly part, once
series = [prepared.at(ratio) for ratio in (1, 3, 5)]
evaluation = kindling.evaluate("low", "high")                     # pairs of photos, measured
report = kindling.parity()                                        # TensorFlow and PyTorch, side by side
"""

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.model import Array, Model
from kindling.core.names import to_slim, to_torch
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.enhancing.ratio import check_ratio
from kindling.enhancing.render import Prepared, Tile, choose_grid
from kindling.evaluating import evaluation
from kindling.evaluating.evaluation import Evaluation, Folder
from kindling.evaluating.scores import Settings
from kindling.images import stretch
from kindling.parity.check import SIZES, Case, Report, Side, compare, random_cases
from kindling.photos.photo import Photo, read_photo
from kindling.runtimes import RUNTIMES, Precision, default_weights, find_runtime, open_arrays, open_model

if TYPE_CHECKING:
    from PIL.Image import Image

    Picture = str | os.PathLike[str] | bytes | Array | Image

__all__ = ["enhance", "evaluate", "inspect", "open_model", "parity", "prepare"]

LARGEST = 512  # a side of a photo in parity; float64 through the restoration net takes 10 kB a pixel, so 2.6 GB
ROUNDING = 1e-5  # how far beyond [0, 1] a float may be and still be meant as one of its ends


def enhance(
    image: "Picture",
    model: Model | str = "torch",
    ratio: float | str = 5.0,
    tile: Tile = "auto",
    *,
    strength: float = 1.0,
    denoise: float = 1.0,
    progress: Callable[[int], None] = lambda pixels: None,
) -> Any:
    """The authors' evaluate.py (Zhang et al., ACM MM 2019) on one photo or a batch of them.

    image: a file's path or its bytes; a PIL image; or an array (h, w), (h, w, 1), (h, w, 3), (h, w, 4) or
    (n, h, w, 3) of uint8, uint16 or floats in [0, 1]. Each photo is stretched to its own minimum and maximum first, as
    the original does. model: what `open_model` gave, or the name of a runtime, whose default weights are then loaded
    once. ratio: how much lighter, usefully 0 to 5, or "auto" (kindling/enhancing/ratio.py). tile: pixels, "auto" by the
    memory at hand, or 0 for none; the result is the same. strength: from 0, the photo itself, to 1. denoise: from 0,
    no restoration, to 1. progress: told of pixels as they are finished.

    Returns a PIL image for a PIL image, and else an array, of the shape and dtype of `image`; of a file (h, w, 3) at
    its own depth. Whole numbers are truncated as the original does; a photo without colour stays without; alpha is
    carried over. Raises KindlingError for another shape or dtype, NaN, floats beyond [0, 1], a dial out of its range.
    """
    if ratio != "auto":
        ratio = check_ratio(ratio)
    array = _pixels(image)
    if array.ndim == 4:
        dials = {"tile": tile, "strength": strength, "denoise": denoise, "progress": progress}
        return np.stack([enhance(one, _loaded(model), ratio, **dials) for one in array])
    prepared, dtype = _prepare(array, _loaded(model), tile), array.dtype
    if dtype.kind == "f":
        colours = prepared.at(ratio, strength=strength, denoise=denoise)
        progress(array.shape[0] * array.shape[1])
    else:
        wanted = [("enhanced", prepared.number(ratio))]
        pictures = prepared.render(wanted, dtype.type, strength=strength, denoise=denoise, done=progress)
        (colours,) = pictures.values()
    return _like(image, array, colours.astype(dtype, copy=False))


def prepare(image: "Picture", model: Model | str = "torch", tile: Tile = "auto") -> Prepared:
    """Decompose a photo once, for any number of ratios, strengths and looks at its parts.

    image, model, tile: as in `enhance`, but no batch. `Prepared.at(ratio)` gives floats in [0, 1].
    """
    array = _pixels(image)
    if array.ndim == 4:
        raise KindlingError(f"the image has shape {array.shape}: expected one photo, (h, w, 3)")
    return _prepare(array, _loaded(model), tile)


def evaluate(
    low: Folder | None = None,
    high: Folder | None = None,
    *,
    model: Model | str | None = "torch",
    weights: Folder | None = None,
    device: str = "auto",
    precision: Precision = "float32",
    ratio: float | str = "gt",
    protocol: str = "lol",
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
    `open_model` gave, or the name of a runtime, which then opens `weights`, by default `default_weights`, on `device`.
    ratio: a number, "auto", or "gt", which the partner gives away. protocol: "lol" or "photo", see
    kindling/evaluating/scores.py. gt_mean: set the brightness to the partner's before measuring. denoise: from 0, no
    restoration, to 1. results: folders of other methods' pictures, to be measured too, or, without low, alone. out:
    where pictures and evaluation.csv, .json, .md and .tex go. progress: told of the evaluation after every picture.

    Returns scores, means, and a sentence for everything that could not be measured. Raises KindlingError where there is
    nothing to measure, a setting is wrong, or a file of `out` is there already and `force` is not given.
    """
    settings = Settings(ratio=ratio, protocol=protocol, gt_mean=gt_mean, denoise=denoise, tile=tile)
    plan = evaluation.plan(low, high, results, out, force)
    opened: Model | None = None
    about: dict[str, object] = {}
    if plan.pairs and model is not None:
        opened, about = _opened_for(model, weights, device, precision)
    return evaluation.measure(plan, opened, settings, about=about, progress=progress)


def inspect(path: str | os.PathLike[str]) -> Any:
    """What a checkpoint holds, sound or not: form, variables, metadata. Raises KindlingError if it cannot be read."""
    return own("convert.forms.registry").read(Path(path))


def parity(
    weights: str | os.PathLike[str] | None = None,
    port_weights: str | os.PathLike[str] | None = None,
    *,
    reference: str = "tf",
    port: str = "torch",
    device: str = "cpu",
    images: Iterable[str | os.PathLike[str]] = (),
    sizes: Sequence[str] = SIZES,
    seed: int = 0,
    tolerance: float | None = None,
    progress: Callable[[str, int, int], None] = lambda case, number, count: None,
) -> Report:
    """Do two runtimes compute the same? Every output and every layer on the same arrays, in float32 and float64.

    weights: by default `default_weights`. port_weights: of the port, if from a file of their own. device: where the
    port runs; the reference runs on the CPU. images: photos to compare on, too; of one larger than 512 a side the
    bottom right corner. sizes: of random input, "HxW" or "NxHxW". tolerance: judge float32 by it alone. progress: told
    the name of each case, its number and how many there are. Raises KindlingError if a runtime or a net is missing.
    """
    cases = [photo_case(image) for image in images] + random_cases(sizes, seed)
    sides = parity_sides(weights or default_weights(), port_weights, reference, port, device)

    def announced():
        for number, case in enumerate(cases, start=1):
            progress(case.name, number, len(cases))
            yield case

    return compare(*sides, announced(), tolerance)


def parity_sides(
    weights: str | os.PathLike[str],
    port_weights: str | os.PathLike[str] | None = None,
    reference: str = "tf",
    port: str = "torch",
    device: str = "cpu",
) -> tuple[Side, Side]:
    """The same weights on both runtimes, in float32 and float64; the port's went there and back by the naming rule."""
    for name in (reference, port):
        import_framework(find_runtime(name).framework, "kindling parity")
    convert = own("convert")
    variables = convert.read(weights)
    # There and back by the rule that every converted file goes through, so that a fault in it is seen here.
    ported = convert.read(port_weights) if port_weights else to_slim(to_torch(variables))
    nets = convert.nets_in(variables)
    missing = [net for net in nets if net not in convert.nets_in(ported)]
    if missing:
        raise KindlingError(f"{port_weights}: {', '.join(missing)} is not in it, but in {weights}")
    ported = {name: array for name, array in ported.items() if name.split("/")[0] in nets}
    sides = []
    for name, arrays, source, place in (
        (reference, variables, weights, "cpu"),
        (port, ported, port_weights or weights, device),
    ):
        single, double = (
            open_arrays(arrays, name, device=place, precision=precision, source=str(source))
            for precision in ("float32", "float64")
        )
        sides.append(Side({"tf": "TF"}.get(name, name), single, double))
    return sides[0], sides[1]


def photo_case(path: str | os.PathLike[str]) -> Case:
    """A photo to compare on; of a large one its bottom right corner, and the name says so."""
    x = read_photo(Path(path)).stretched()[np.newaxis]
    h, w = x.shape[1:3]
    name = Path(path).name
    if max(h, w) <= LARGEST:
        return Case(name, x)
    return Case(f"{name}, corner of {h}x{w}", x[:, -LARGEST:, -LARGEST:])


def _opened_for(
    model: Model | str, weights: Folder | None, device: str, precision: Precision
) -> tuple[Model, dict[str, object]]:
    """A model, opened where it is only named, and what evaluation.json says of it."""
    about: dict[str, object] = {}
    if isinstance(model, str):
        find_runtime(model)  # a wrong word is said before a large file is read
        source = str(weights or default_weights())
        variables = own("convert").read(Path(source))
        about = {"weights": source, "fingerprint": own("convert").fingerprint(variables)}
        model = open_arrays(variables, model, device=device, precision=precision, source=source)
    if model.runtime in RUNTIMES:
        name = RUNTIMES[model.runtime].framework
        about["versions"] = {name: import_framework(name, f"--runtime {model.runtime}").__version__}
    return model, about


def _loaded(model):
    return _open_once(model, str(default_weights())) if isinstance(model, str) else model


@lru_cache(maxsize=2)
def _open_once(runtime, weights):
    return open_model(weights, runtime)


def _prepare(array, model, tile):
    """Prepared of the colours of one photo."""
    colours = array[..., np.newaxis] if array.ndim == 2 else array
    grey = colours.shape[2] < 3
    colours = np.repeat(colours[..., :1], 3, axis=2) if grey else colours[..., :3]
    if array.dtype.kind == "u":
        photo = Photo(np.ascontiguousarray(colours))
        grid = choose_grid(photo.size, tile, model, colours.nbytes)
        return Prepared(photo.stretched, grid, model, photo.pixels, grey)
    colours = np.clip(colours, 0, 1).astype(np.float32)
    stretched, grid = stretch(colours), choose_grid(colours.shape[:2], tile, model, colours.nbytes)
    return Prepared(lambda rows, columns: stretched[rows, columns], grid, model, colours, grey)


def _like(image, array, colours):
    """The result as the image was given: its channels, its alpha, a PIL image."""
    if array.ndim == 2:
        result = colours[..., 0]
    elif array.shape[2] in (2, 4):
        result = np.concatenate([colours[..., : array.shape[2] - 1], array[..., -1:]], axis=2)
    else:
        result = colours[..., : array.shape[2]]
    if not hasattr(image, "getbands"):
        return result
    from PIL import Image

    return Image.fromarray(result)


def _pixels(image):
    """What was given, as an array (h, w), (h, w, c) or (n, h, w, 3) that has been checked."""
    if isinstance(image, (str, os.PathLike)):
        return read_photo(Path(image)).pixels
    if isinstance(image, (bytes, bytearray)):
        return _opened(image)
    if hasattr(image, "getbands"):  # a PIL image
        image = image.convert("RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB")
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise KindlingError(f"the image is no array: {error}") from error
    _check(array)
    return array


def _opened(data):
    """The bytes of a file, read as the file would be."""
    import tempfile

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            kind = (opened.format or "png").lower()
    except UnidentifiedImageError as error:
        raise KindlingError("these bytes are no photo that can be read") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"photo.{kind}"
        path.write_bytes(data)
        return read_photo(path).pixels


def _check(image):
    channels = image.shape[-1] if image.ndim in (3, 4) else 1
    known = image.ndim == 2 or (image.ndim == 3 and channels in (1, 2, 3, 4)) or (image.ndim == 4 and channels == 3)
    if not known or 0 in image.shape:
        raise KindlingError(
            f"the image has shape {image.shape}, expected (h, w), (h, w, 3), (h, w, 4) or (n, h, w, 3), none of them 0"
        )
    if image.dtype in (np.uint8, np.uint16):
        return
    if image.dtype.kind != "f":
        raise KindlingError(f"the image is {image.dtype}, expected uint8, uint16 or floats in [0, 1]")
    if np.isnan(image).any():
        raise KindlingError(f"the image holds NaN in {int(np.isnan(image).sum())} of its {image.size} values")
    if image.min() < -ROUNDING or image.max() > 1 + ROUNDING:
        raise KindlingError(
            f"the image's floats go from {image.min():g} to {image.max():g}, expected [0, 1]; divide by the largest "
            "value its file can hold, such as 255"
        )
