"""KinD as one object: the three nets under their names, and the four things to do with them.

Each net is the v1 function of kind_tf/model.py carried into eager TF2 (kind_tf/nets.py). In a Keras model a layer of a
few lines makes the weights trainable (docs/architecture.md). kind_torch/kind.py is the same class in PyTorch.
"""

from collections.abc import Sequence

import tensorflow as tf

from kind_tf import fusion, model
from kind_tf.nets import Nets
from kindling.core.checks import check_same_size
from kindling.families.reach import Spans, check_core
from kindling.families.registry import KIND

__all__ = ["KinD"]


class KinD(Nets):
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

    family = KIND
    parts = {  # noqa: RUF012 - of the class, and never changed
        "DecomNet": model.DecomNet_simple,
        "Restoration_net": model.Restoration_net,
        "Illumination_adjust_net": model.Illumination_adjust_net,
    }
    float32_bytes = 820

    def decompose(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A photo into reflectance and illumination. x: (n, h, w, 3). Returns R (n, h, w, 3), L (n, h, w, 1)."""
        net = self.net("decompose")
        with self.placed():
            R, L = net(self.check("x", x, 3))
        return R, L

    def restore(self, r: tf.Tensor, i: tf.Tensor, core: Spans | None = None) -> tf.Tensor:
        """Clean the reflectance. r: (n, h, w, 3), i: (n, h, w, 1). Returns (n, h, w, 3).

        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo.
        """
        net = self.net("restore")
        with self.placed():
            r = self.check("r", r, 3)
            i = self.check("i", i, 1)
            check_same_size("r", r.shape, "i", i.shape, "NHWC")
            if core is None:
                return net(r, i)
            check_core(core, r.shape[1:3])  # here all is computed
            return net(r, i)[:, *core]

    def adjust(self, i: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor) -> tf.Tensor:
        """Light the illumination. i: (n, h, w, 1); ratio, usefully 0 to 5: a number, n numbers, or a map (n, h, w, 1).

        Returns (n, h, w, 1).
        """
        net = self.net("adjust")
        with self.placed():
            i = self.check("i", i, 1)
            ratio = tf.cast(ratio, self.dtype)
            if ratio.shape.rank == 0:
                ratio = tf.fill(tf.shape(i), ratio)
            elif ratio.shape.rank == 1:
                ratio = tf.reshape(ratio, [-1, 1, 1, 1]) * tf.ones_like(i[:1])
            ratio = self.check("ratio", ratio, 1)
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
        with self.placed():
            return fusion.fuse(x, R, L, restored, adjusted)

    def forward(self, x: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor = 5.0) -> tf.Tensor:
        """`enhance`, under the name that it has in PyTorch too; calling KinD is the same."""
        return self.enhance(x, ratio)

    __call__ = forward
