"""A net as one file that runs without this package: a SavedModel, or a file of TensorFlow Lite.

All take and give NHWC float32, of any batch, height and width. kind_torch/export.py is the same in PyTorch.
"""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from kind_tf.kind import KinD
from kindling.core.errors import OutOfMemory
from kindling.core.model import Array
from kindling.core.optional import stderr_held_back
from kindling.families.table import Net

__all__ = ["load", "write"]

SIGNATURE = "serving_default"


def write(kind: KinD, net: Net, form: str, path: Path) -> None:
    """Write one net of `kind` to `path` as `form`: "savedmodel" or "tflite"."""
    FORMS[form](kind, net, path)


def load(path: Path, net: Net, form: str) -> Callable[..., tuple[Array, ...]]:
    """A function of NHWC arrays to the net's NHWC results, of what `write` made."""
    return _saved_model(path, net) if form == "savedmodel" else _lite(path, net)


def _write_saved_model(kind: KinD, net: Net, path: Path) -> None:
    module = tf.Module(name=net.scope)
    module.nets = [getattr(kind, net.scope)]  # by which a SavedModel finds the variables
    module.kept = [v for name, v in kind.by_name.items() if name.split("/")[0] == net.scope]
    specs = [tf.TensorSpec([None, None, None, c], tf.float32, name) for name, c in net.inputs.items()]

    @tf.function(input_signature=specs)
    def run(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        results = module.nets[0](*inputs)
        results = results if isinstance(results, (tuple, list)) else (results,)
        return dict(zip(net.outputs, results, strict=True))

    module.run = run
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: run})


def _write_lite(kind: KinD, net: Net, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(kind, net, Path(folder) / net.scope)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder) / net.scope))
        path.write_bytes(converter.convert())


FORMS: Mapping[str, Callable[[KinD, Net, Path], None]] = {"savedmodel": _write_saved_model, "tflite": _write_lite}


def _saved_model(path: Path, net: Net) -> Callable[..., tuple[Array, ...]]:
    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures[SIGNATURE]

    def run(*arrays: Array) -> tuple[Array, ...]:
        _ = loaded  # the variables live as long as what loaded them
        try:
            results = function(**{name: tf.constant(x) for name, x in zip(net.inputs, arrays, strict=True)})
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemory(f"there is no room for a tile of {arrays[0].shape}") from error
        return tuple(results[name].numpy() for name in net.outputs)

    return run


def _lite(path: Path, net: Net) -> Callable[..., tuple[Array, ...]]:
    with warnings.catch_warnings(), stderr_held_back():  # its C++ greets on stderr
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated")  # LiteRT, which it names, runs it too
        interpreter: Any = tf.lite.Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner(SIGNATURE)

    def run(*arrays: Array) -> tuple[Array, ...]:
        results = runner(**dict(zip(net.inputs, arrays, strict=True)))
        return tuple(results[name] for name in net.outputs)

    return run
