"""The nets of a family as one object: built by their scopes, their weights in and out under slim names.

Each net is a v1 function carried into eager TF2 by `tf.compat.v1.wrap_function`, which runs tf_slim as it is and gives
the authors' results bit for bit. kind_tf/kind.py and kind_tf/families/ say which nets and what to do with them.
kind_torch/nets.py is the same class in PyTorch.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import tensorflow as tf

from kindling.core.checks import check_dtype, check_input, check_nets, check_state
from kindling.core.errors import KindlingError, MissingNetError
from kindling.families.family import Family

__all__ = ["Nets"]


class Nets(tf.Module):
    """nets: which of the family's to build, by default all; freshly initialised as their authors do. `source` names
    where the weights came from, for error messages. device: where weights and calls are placed, by TensorFlow's own
    name such as "/GPU:1"; by default it chooses. A net that was not built is a MissingNetError wherever it is asked
    for.
    """

    family: ClassVar[Family]
    parts: ClassVar[Mapping[str, Callable[..., Any]]]
    """Scope -> the function of the net."""
    float32_bytes: ClassVar[int]
    """What the nets take for each pixel of a tile, as benchmarks/enhance.py measures it."""
    scopes: ClassVar[Mapping[str, str]]
    """What a net does -> its scope; of every class, by its family."""

    def __init_subclass__(cls) -> None:
        cls.scopes = {net.verb: net.scope for net in cls.family.nets}

    def __init__(
        self,
        nets: Sequence[str] | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        source: str = "this model",
        device: str = "",
    ) -> None:
        super().__init__(name=type(self).__name__)
        nets = tuple(self.parts) if nets is None else nets
        check_nets(nets, tuple(self.parts), self.family.title)
        self.source = source
        self.dtype = tf.as_dtype(dtype)
        self.device = device
        self.nets: dict[str, Any] = {}
        self._again: dict[Callable[..., Any], Any] = {}
        for net in nets:
            function, channels = self.parts[net], self.family.by_scope[net].inputs.values()
            signature = [tf.TensorSpec([None, None, None, c], self.dtype) for c in channels]
            with self.placed(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".layer.apply. is deprecated")  # tf_slim's habit, not the caller's
                self.nets[net] = tf.compat.v1.wrap_function(function, signature, name=net)
        # Slim name (`DecomNet/g_conv1_1/weights`) -> variable, in the order the original creates them.
        created = (v for net in self.nets.values() for v in net.graph.get_collection("variables"))
        self.by_name: dict[str, tf.Variable] = {v.name.removesuffix(":0"): v for v in created}

    def __getattr__(self, name: str) -> Any:
        """Python looks here last: for the nets, and a net of the family that is not among them gets a sentence."""
        if name not in self.parts:
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        if name not in self.nets:
            raise MissingNetError(self.family.lacks(self.nets, self.source, name))
        return self.nets[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """What copy.deepcopy and pickle take: a graph cannot be copied, so it is built again around the weights."""
        return _restored, (type(self), list(self.nets), self.dtype.name, self.source, self.device, self.state())

    def net(self, verb: str) -> Any:
        """The net that does `verb`."""
        return getattr(self, self.scopes[verb])

    def again(self, verb: str, function: Callable[..., Any], *more: tf.TensorSpec) -> Any:
        """Another v1 function on the variables of the net that does `verb`; made once.

        more: what it is given besides the net's inputs.
        """
        if function not in self._again:
            variables, channels = self.by_name, self.family.net(verb).inputs.values()

            def on_the_same(*inputs: tf.Tensor) -> Any:
                with tf.compat.v1.variable_scope("", custom_getter=lambda getter, name, **_: variables[name]):
                    return function(*inputs)

            signature = [tf.TensorSpec([None, None, None, c], self.dtype) for c in channels]
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".layer.apply. is deprecated")
                made = tf.compat.v1.wrap_function(on_the_same, [*signature, *more], name=self.scopes[verb])
            self._again[function] = made
        return self._again[function]

    def fit(self, net: str, *inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """The inputs of a net in a size that it can have; of most nets as they are."""
        return inputs

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the weights as arrays, under their slim names, in TF axis order."""
        with self.placed():
            return {name: variable.numpy().copy() for name, variable in self.by_name.items()}

    def assign(self, state: Mapping[str, np.ndarray]) -> None:
        """Set every weight from an array of the same slim name and shape, cast to the model's dtype.

        Raises KindlingError, and changes nothing, if a name is missing or extra or a shape is another.
        """
        variables = self.by_name
        shapes = {name: variable.shape for name, variable in variables.items()}
        check_state(self.source, shapes, {name: array.shape for name, array in state.items()})
        with self.placed():
            for name, variable in variables.items():
                variable.assign(tf.cast(state[name], self.dtype))

    @contextlib.contextmanager
    def placed(self) -> Iterator[None]:
        """Work on this model's device; refused in a TensorFlow 1 graph, where it would silently compute nothing."""
        if not tf.compat.v1.executing_eagerly_outside_functions():
            raise KindlingError(
                f"{type(self).__name__} runs eagerly or in tf.function, and this is a TensorFlow 1 graph (tf.Graph or "
                "disable_v2_behavior); build it from kind_tf.model.DecomNet_simple and the others, and let a Saver "
                "restore their weights"
            )
        with tf.device(self.device):
            yield

    def check(self, name: str, x: tf.Tensor, channels: int) -> tf.Tensor:
        x = tf.convert_to_tensor(x)
        if x.shape.rank is None:
            raise KindlingError(f"{name} has no known number of axes, expected (n, h, w, {channels})")
        check_input(name, x.shape, channels, "NHWC")
        check_dtype(name, x.dtype.name, self.dtype.name)
        return x


def _restored(
    cls: type[Nets],
    nets: Sequence[str],
    dtype: Literal["float32", "float64"],
    source: str,
    device: str,
    state: Mapping[str, np.ndarray],
) -> Nets:
    kind = cls(nets, dtype, source, device)
    kind.assign(state)
    return kind
