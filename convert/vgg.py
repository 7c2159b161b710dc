"""Carry VGG16 and VGG19 between Keras and torchvision, so that a perceptual loss sees the same features in both.

Only convolutions are carried. Keras' .h5 (what it downloads, with or without the top; `model.save`; `save_weights`)
has them by layer, torchvision's state_dict by their place in `features`, .npz by the names of kindling/families/vgg.py.
"""

import io
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, refuse_existing, staging
from kindling.core.names import slim_name
from kindling.families.vgg import SHAPES, name_of, torchvision, variables
from kindling.version import __version__

from .carried import Carried
from .forms import h5, registry
from .forms.registry import Checkpoint
from .soundness import differences, fingerprint

BY_LAYER = re.compile(r"(?:^|/)(block\d_conv\d)/")
BY_COUNT = re.compile(r"^layers/conv2d(?:_(\d+))?/vars/[01]$")  # Keras 3's .weights.h5
IN_FEATURES = re.compile(r"^features/\d+/(?:weights|biases)$")
ONLY_19 = re.compile(r"block3_conv4/|^layers/conv2d_1[345]/|^features/3[024]/")


def is_vgg(names: Iterable[str]) -> bool:
    """Whether a file that holds these names looks like a VGG: as its first convolution is called."""
    names = list(names)
    return any(
        BY_LAYER.search(name) or BY_COUNT.match(name) or name == "features/0/weights" for name in names
    ) and not any(name.startswith("DecomNet/") for name in names)


def read_vgg(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The convolutions of the VGG16 or VGG19 in a file of Keras', of torchvision's, or of `kindling convert`'s.

    Returns `block1_conv1/weights` (kh, kw, in, out), `block1_conv1/biases`, ..., float32. Raises KindlingError with
    all that is wrong.
    """
    path = Path(path)
    contents = registry.read(path)
    arrays = check(contents.variables, str(path))
    registry.hold_against_fingerprint(path, arrays, contents.metadata)
    return arrays


def check(given: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """The convolutions in `given`, under whatever names, in their order; or one error. Anything else is left."""
    if not is_vgg(given):
        raise KindlingError(f"{source}: this is no VGG16 or VGG19: it holds {', '.join(list(given)[:3]) or 'nothing'}")
    found = _renamed(given)
    shapes = SHAPES[name_of(found)]
    problems = [f"{name} is missing" for name in shapes if name not in found]
    for name in (name for name in shapes if name in found):
        array = found[name]
        if array.shape != shapes[name] or array.dtype != np.float32:
            problems.append(f"{name} is {array.dtype} {array.shape}, expected float32 {shapes[name]}")
        elif not np.isfinite(array).all():
            problems.append(f"{name} holds values that are NaN or infinite")
    if problems:
        raise KindlingError.of(source, problems)
    return {name: found[name] for name in shapes}


def carry(contents: Checkpoint, turned: Mapping[str, np.ndarray], target: Path) -> Carried:
    """What a conversion needs of a file that `is_vgg`; one of ours must have the weights whose fingerprint it says."""
    variables = check(turned, str(contents.path))
    if all(turned[name] is array for name, array in contents.variables.items()):  # cast weights have another one
        registry.hold_against_fingerprint(contents.path, variables, contents.metadata)
    own = {"kindling": __version__, "weights": fingerprint(variables)}
    return Carried(
        family=name_of(variables),
        variables=variables,
        nets=[name_of(variables)],
        left_behind=left_out(contents.variables),
        files=[target],
        write=lambda metadata, **how: write(target, variables, {**metadata, **own}, **how),
    )


def write(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str], *, force: bool, dry: bool = False
) -> None:
    """Write the convolutions in the form of `path`'s suffix: .h5 as Keras', .pth and .safetensors as torchvision's.

    Read back and compared before it is moved into place. dry: only see whether it could be written.
    """
    name, form = name_of(arrays), registry.form_of(path)
    if form == "tf":
        raise KindlingError(f"{path}: {name} is written as .h5, .npz, .safetensors or .pth, not as a TF checkpoint")
    refuse_existing([path], force)
    if dry:
        return
    whole = Path(os.path.abspath(path))
    if form == "h5":
        data = _made_keras(arrays, metadata)
    else:
        keys = torchvision(name)
        own = arrays if form == "npz" else {slim_name(keys[v]): array for v, array in arrays.items()}
        data = registry.made(whole, own, metadata)[whole]
    with staging(whole.parent) as folder:
        draft = folder / whole.name
        registry.put({draft: data})
        if wrong := differences(arrays, read_vgg(draft)):
            raise KindlingError.of(f"{path}: what was written does not read back as it was", wrong, "nothing was kept")
        move_into_place(draft, whole)


def left_out(given: Mapping[str, np.ndarray]) -> list[str]:
    """What a file holds beside convolutions: the layers of the top."""
    return [name for name in given if not (BY_LAYER.search(name) or BY_COUNT.match(name) or IN_FEATURES.match(name))]


def _renamed(given):
    """The convolutions under our names, whatever they were called; a kernel is told from a bias by its axes."""
    net = "vgg19" if any(ONLY_19.search(name) for name in given) else "vgg16"
    layers = [name.split("/")[0] for name in SHAPES[net] if name.endswith("weights")]
    places = {slim_name(key): name for name, key in torchvision(net).items()}
    found = {}
    for name, array in given.items():
        if name in places:
            found[places[name]] = array
        elif layer := _layer(name, layers):
            found[variables(layer)[array.ndim != 4]] = array
    return found


def _layer(name, layers):
    """The convolution that one of Keras' names speaks of, or None."""
    if by_layer := BY_LAYER.search(name):
        return by_layer[1]
    by_count = BY_COUNT.match(name)
    place = int(by_count[1] or 0) if by_count else len(layers)
    return layers[place] if place < len(layers) else None


def _made_keras(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """As `save_weights` of Keras 2 wrote it, which Keras of any version loads by layer."""
    layers = [name.split("/")[0] for name in arrays if name.endswith("weights")]
    memory = io.BytesIO()
    with h5.created(memory, libver=None) as file:
        h5.put_attributes(file, metadata)
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            group, names = file.create_group(layer), [f"{layer}/kernel:0", f"{layer}/bias:0"]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, variables(layer), strict=True):
                group.create_dataset(name, data=arrays[variable])
    return memory.getvalue()
