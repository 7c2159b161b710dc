"""KinD as one object: the three nets under their names, and the four things to do with them.

Each net is the v1 function of kind_tf/model.py carried into eager TF2 by `tf.compat.v1.wrap_function`, which runs
tf_slim as it is and gives the authors' results bit for bit. In a Keras model a layer of a few lines makes the weights
trainable (docs/architecture.md). kind_torch/kind.py is the same class in PyTorch.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from kind_tf import fusion, model
from kindling.core.checks import check_dtype, check_input, check_nets, check_same_size, check_state
from kindling.core.errors import KindlingError, MissingNetError
from kindling.families.kind.nets import RESTORATION
from kindling.families.reach import Spans

__all__ = ["KinD"]

NETS = {
    "DecomNet": (model.DecomNet_simple, (3,)),
    "Restoration_net": (model.Restoration_net, (3, 1)),
    "Illumination_adjust_net": (model.Illumination_adjust_net, (1, 1)),
}


class KinD(tf.Module):
    """The nets of KinD (Zhang et al., ACM MM 2019) as eager TF2 functions; tensors NHWC in [0, 1].

    nets: which of the three to build, by default all; freshly initialised as slim does. `source` names where the
    weights came from, for error messages. device: where weights and calls are placed, by TensorFlow's own name such as
    "/GPU:1"; by default it chooses. A net that was not built is a MissingNetError wherever it is asked for. In a
    TensorFlow 1 graph there is a KindlingError; the functions of kind_tf/model.py are for it.

    >>> import tensorflow as tf
    >>> R, L = KinD(["DecomNet"]).decompose(tf.random.uniform([1, 5, 7, 3]))
    >>> R.shape, L.shape
    (TensorShape([1, 5, 7, 3]), TensorShape([1, 5, 7, 1]))
    """

    def __init__(
        self,
        nets: Sequence[str] = tuple(NETS),
        dtype: Literal["float32", "float64"] = "float32",
        source: str = "this model",
        device: str = "",
    ) -> None:
        super().__init__(name="KinD")
        check_nets(nets, tuple(NETS))
        self.source = source
        self.dtype = tf.as_dtype(dtype)
        self.device = device
        self.nets: dict[str, Any] = {}
        for net in nets:
            function, channels = NETS[net]
            signature = [tf.TensorSpec([None, None, None, c], self.dtype) for c in channels]
            with self._placed(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".layer.apply. is deprecated")  # tf_slim's habit, not the caller's
                self.nets[net] = tf.compat.v1.wrap_function(function, signature, name=net)
        # Slim name (`DecomNet/g_conv1_1/weights`) -> variable, in the order the original creates them.
        created = (v for net in self.nets.values() for v in net.graph.get_collection("variables"))
        self.by_name: dict[str, tf.Variable] = {v.name.removesuffix(":0"): v for v in created}

    def __getattr__(self, name: str) -> Any:
        """Python looks here last: for the nets, and a net of KinD that is not among them gets a sentence."""
        if name not in NETS:
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        if name not in self.nets:
            present = ", ".join(self.nets) or "no net"
            raise MissingNetError(
                f"{self.source} holds {present}, so {name} has no weights; load a file that holds it too"
            )
        return self.nets[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """What copy.deepcopy and pickle take: a graph cannot be copied, so it is built again around the weights."""
        return _restored, (list(self.nets), self.dtype.name, self.source, self.device, self.state())

    def decompose(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A photo into reflectance and illumination. x: (n, h, w, 3). Returns R (n, h, w, 3), L (n, h, w, 1)."""
        net = self.DecomNet
        with self._placed():
            R, L = net(self._check("x", x, 3))
        return R, L

    def restore(self, r: tf.Tensor, i: tf.Tensor, core: Spans | None = None) -> tf.Tensor:
        """Clean the reflectance. r: (n, h, w, 3), i: (n, h, w, 1). Returns (n, h, w, 3).

        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.Restoration_net
        with self._placed():
            r = self._check("r", r, 3)
            i = self._check("i", i, 1)
            check_same_size("r", r.shape, "i", i.shape, "NHWC")
            if core is None:
                return net(r, i)
            RESTORATION.reach.windows(core, r.shape[1:3])  # refuses what is no part of it; here all is computed
            return net(r, i)[:, *core]

    def adjust(self, i: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor) -> tf.Tensor:
        """Light the illumination. i: (n, h, w, 1); ratio, usefully 0 to 5: a number, n numbers, or a map (n, h, w, 1).

        Returns (n, h, w, 1).
        """
        net = self.Illumination_adjust_net
        with self._placed():
            i = self._check("i", i, 1)
            ratio = tf.cast(ratio, self.dtype)
            if ratio.shape.rank == 0:
                ratio = tf.fill(tf.shape(i), ratio)
            elif ratio.shape.rank == 1:
                ratio = tf.reshape(ratio, [-1, 1, 1, 1]) * tf.ones_like(i[:1])
            ratio = self._check("ratio", ratio, 1)
            check_same_size("i", i.shape, "ratio", ratio.shape, "NHWC")
            return net(i, ratio)

    def enhance(self, x: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor = 5.0) -> tf.Tensor:
        """The whole of evaluate.py after loading: decompose, restore, adjust, fuse.

        x: (n, h, w, 3) in [0, 1]. It is taken as it is: stretch a photo to its own minimum and maximum first, as
        evaluate.py does and `kindling.images.load_images` does, or a dark one comes out otherwise. ratio: as in
        `adjust`. Returns (n, h, w, 3) in [0, 1].
        """
        R, L = self.decompose(x)
        restored, adjusted = self.restore(R, L), self.adjust(L, ratio)
        with self._placed():
            return fusion.fuse(x, R, L, restored, adjusted)

    def forward(self, x: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor = 5.0) -> tf.Tensor:
        """`enhance`, under the name that it has in PyTorch too; calling KinD is the same."""
        return self.enhance(x, ratio)

    __call__ = forward

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the weights as arrays, under their slim names, in TF axis order."""
        with self._placed():
            return {name: variable.numpy().copy() for name, variable in self.by_name.items()}

    def assign(self, state: Mapping[str, np.ndarray]) -> None:
        """Set every weight from an array of the same slim name and shape, cast to the model's dtype.

        Raises KindlingError, and changes nothing, if a name is missing or extra or a shape is another.
        """
        variables = self.by_name
        shapes = {name: variable.shape for name, variable in variables.items()}
        check_state(self.source, shapes, {name: array.shape for name, array in state.items()})
        with self._placed():
            for name, variable in variables.items():
                variable.assign(tf.cast(state[name], self.dtype))

    @contextlib.contextmanager
    def _placed(self) -> Iterator[None]:
        """Work on this model's device; refused in a TensorFlow 1 graph, where it would silently compute nothing."""
        if not tf.compat.v1.executing_eagerly_outside_functions():
            raise KindlingError(
                "KinD runs eagerly or in tf.function, and this is a TensorFlow 1 graph (tf.Graph or "
                "disable_v2_behavior); build it from kind_tf.model.DecomNet_simple and the others, and let a Saver "
                "restore their weights"
            )
        with tf.device(self.device):
            yield

    def _check(self, name: str, x: tf.Tensor, channels: int) -> tf.Tensor:
        x = tf.convert_to_tensor(x)
        if x.shape.rank is None:
            raise KindlingError(f"{name} has no known number of axes, expected (n, h, w, {channels})")
        check_input(name, x.shape, channels, "NHWC")
        check_dtype(name, x.dtype.name, self.dtype.name)
        return x


def _restored(
    nets: Sequence[str],
    dtype: Literal["float32", "float64"],
    source: str,
    device: str,
    state: Mapping[str, np.ndarray],
) -> KinD:
    kind = KinD(nets, dtype, source, device)
    kind.assign(state)
    return kind
