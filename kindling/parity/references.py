"""What a port is held against: any function, a SavedModel, a frozen graph, an ONNX file, each as one `Reference`.

A function may return an array, several, a dictionary of them, or (its results, a dictionary of its layers). Of a graph
every operation is a layer by its name. Programs in files are run: only open what is trusted.
"""

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.parity.moves import Array
from kindling.parity.ports import Precision, Run, flat


class Reference(Protocol):
    """The side that is right."""

    name: str

    def run(self, arrays: Sequence[Array], precision: Precision) -> Run | None:
        """One run, or None if it has no such precision."""
        ...


def opened(reference: Any) -> Reference:
    """A reference of what is given: a callable, or the path of a SavedModel folder, a .pb or an .onnx file."""
    if callable(reference):
        return Function(reference)
    if not isinstance(reference, (str, os.PathLike)):
        raise KindlingError(f"the reference is a {type(reference).__name__}, expected a function or a path")
    path = Path(reference)
    if (path / "saved_model.pb").is_file():
        return Graph(path, _of_saved_model)
    if path.suffix == ".pb" and path.is_file():
        return Graph(path, _of_frozen)
    if path.suffix == ".onnx" and path.is_file():
        return Onnx(path)
    raise KindlingError(
        f"{path}: expected a SavedModel folder, a frozen graph .pb or an .onnx file"
        f"{'' if path.exists() else ', and there is nothing of that name'}"
    )


class Function:
    """A function of NumPy arrays that may compute by anything: TensorFlow, a session, JAX, NumPy."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.why_no_double = ""

    def run(self, arrays: Sequence[Array], precision: Precision) -> Run | None:
        """One run; in float64 None if what comes back is not float64, or it cannot take it."""
        given = [array.astype(precision) if array.dtype.kind == "f" else array for array in arrays]
        if precision == "float32":
            return self._taken(self.function(*given))
        try:
            found = self._taken(self.function(*given))
        except Exception as error:  # noqa: BLE001 - most cannot be run in float64, each saying it in its own way
            self.why_no_double = (str(error).strip().splitlines() or [type(error).__name__])[0]
            return None
        return found if all(array.dtype == np.float64 for array in found.outputs.values()) else None

    def _taken(self, result: Any) -> Run:
        layers: Mapping[str, Any] = {}
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
            result, layers = result
        outputs = {name: np.asarray(array) for name, array in flat(result).items()}
        if not outputs:
            raise KindlingError(
                f"{self.name} returns a {type(result).__name__}, expected an array, several, or a dictionary"
            )
        return Run(outputs=outputs, layers={name: np.asarray(array) for name, array in layers.items()})


class Graph:
    """A TensorFlow graph without variables, in a session of its own; every operation's result can be had."""

    def __init__(self, path: Path, read: Callable[[Any, Path], tuple[Any, list[str], list[str]]]):
        self.name = path.name
        tf = import_framework("tensorflow", f"running {path}")
        try:
            definition, self.inputs, outputs = read(tf, path)
            self.graph = tf.Graph()
            with self.graph.as_default():
                tf.graph_util.import_graph_def(definition, name="")
        except KindlingError:
            raise
        except Exception as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise KindlingError(f"{path}: cannot be read as a TensorFlow graph: {said}") from error
        self.session = tf.compat.v1.Session(graph=self.graph)
        self.outputs = outputs
        # What only the inputs lead to can be computed; constants and reshapes' shapes are no layers.
        self.layers = {
            op.name: op.outputs[0]
            for op in self.graph.get_operations()
            if op.outputs
            and op.outputs[0].dtype in (tf.float32, tf.float64)
            and op.type not in ("Const", "Placeholder")
        }

    def run(self, arrays: Sequence[Array], precision: Precision) -> Run | None:
        """One run in the graph's own precision."""
        if precision == "float64":
            return None
        if len(arrays) != len(self.inputs):
            raise KindlingError(
                f"{self.name} has {len(self.inputs)} inputs ({', '.join(self.inputs)}), got {len(arrays)}"
            )
        types = [self.graph.get_tensor_by_name(name).dtype.as_numpy_dtype for name in self.inputs]
        feed = {name: array.astype(kind) for name, array, kind in zip(self.inputs, arrays, types, strict=True)}
        outputs, layers = self.session.run([self.outputs, list(self.layers.values())], feed)
        named = dict(zip((name.removesuffix(":0") for name in self.outputs), outputs, strict=True))
        return Run(outputs=named, layers=dict(zip(self.layers, layers, strict=True)))


def _of_saved_model(tf: Any, path: Path) -> tuple[Any, list[str], list[str]]:
    """(the graph of its serving signature with variables as constants, inputs, outputs)."""
    freezing = importlib.import_module("tensorflow.python.framework.convert_to_constants")
    loaded = tf.saved_model.load(str(path))
    if not loaded.signatures:
        raise KindlingError(f"{path}: has no signature to call; save it with one (serving_default)")
    called = "serving_default" if "serving_default" in loaded.signatures else next(iter(loaded.signatures))
    frozen = freezing.convert_variables_to_constants_v2(loaded.signatures[called])
    definition = frozen.graph.as_graph_def()
    return definition, [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]


def _of_frozen(tf: Any, path: Path) -> tuple[Any, list[str], list[str]]:
    """Placeholders are its inputs, in their order; what nothing else reads are its outputs."""
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(path.read_bytes())
    read = {name.lstrip("^").split(":")[0] for node in definition.node for name in node.input}
    inputs = [f"{node.name}:0" for node in definition.node if node.op == "Placeholder"]
    ends = [
        node for node in definition.node if node.name not in read and node.op not in ("Placeholder", "Const", "NoOp")
    ]
    if not inputs or not ends:
        raise KindlingError(f"{path}: has {len(inputs)} placeholders and {len(ends)} results; is it a frozen graph?")
    return definition, inputs, [f"{node.name}:0" for node in ends]


class Onnx:
    """An ONNX file on ONNX Runtime, with the result of every node."""

    def __init__(self, path: Path):
        self.name = path.name
        onnx = import_framework("onnx", f"running {path}")
        runtime = import_framework("onnxruntime", f"running {path}")
        try:
            model = onnx.load(str(path))
            self.outputs = [output.name for output in model.graph.output]
            inside = [name for node in model.graph.node for name in node.output if name and name not in self.outputs]
            model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inside)
            self.session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        except KindlingError:
            raise
        except Exception as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise KindlingError(f"{path}: cannot be read as ONNX: {said}") from error
        self.inside = inside

    def run(self, arrays: Sequence[Array], precision: Precision) -> Run | None:
        """One run in the file's own precision."""
        inputs = self.session.get_inputs()
        if precision == "float64":
            return None
        if len(arrays) != len(inputs):
            raise KindlingError(f"{self.name} has {len(inputs)} inputs, got {len(arrays)}")
        feed = {
            one.name: array.astype(np.float64 if "double" in one.type else array.dtype)
            for one, array in zip(inputs, arrays, strict=True)
        }
        results = dict(
            zip([*self.outputs, *self.inside], self.session.run([*self.outputs, *self.inside], feed), strict=True)
        )
        outputs = {name: results[name] for name in self.outputs}
        layers = {name: array for name, array in results.items() if array.dtype.kind == "f"}
        return Run(outputs=outputs, layers=layers)
