"""KinD++ on TensorFlow 2: its restoration and its adjustment, and the class of its three nets.

Zhang, Guo, Ma, Liu, Zhang, "Beyond Brightening Low-light Images", IJCV 2021. The decomposition is KinD's, and so is the
adjustment but for the names of its layers. The functions have the authors' scopes and variables, in a v1 graph with a
Session and a Saver and inside `tf.compat.v1.wrap_function`; tensors are NHWC in [0, 1].

kind_torch/families/kind_plus.py is the same file in PyTorch.
"""

from collections.abc import Sequence

import tensorflow as tf

from kind_tf import fusion, model
from kind_tf.kind import KinD
from kind_tf.layers import batch_norm, conv2d, deconv2d, max_pool2d, sigmoid
from kind_tf.model import lrelu
from kindling.core.checks import check_same_size
from kindling.families.reach import Spans, check_core
from kindling.families.registry import KIND_PLUS

__all__ = ["Illumination_adjust_net", "KinDPlus", "Restoration_net", "attention", "pool_upsampling"]


def attention(input_i: tf.Tensor, name: str) -> tf.Tensor:
    """Where the illumination says to look: a 3x3 conv without a bias, then a sigmoid.

    input_i: (n, h, w, 1). Returns (n, h, w, 1) in (0, 1), which the features are multiplied by.
    """
    with tf.compat.v1.variable_scope(name):
        with tf.compat.v1.variable_scope("conv"):
            kernel = tf.compat.v1.get_variable("kernel", [3, 3, 1, 1], input_i.dtype)
            conv = tf.nn.conv2d(input_i, kernel, strides=1, padding="SAME", name="Conv2D")
        return sigmoid(conv, "sigmoid")


def pool_upsampling(features: tf.Tensor, level: int, training: bool, name: str) -> tf.Tensor:
    """The features seen at 1 / `level` of the resolution, and brought back to the full one. level: 1, 2 or 4.

    features: (n, h, w, channels), h and w multiples of `level`. Returns the same shape. slim's conv and transposed
    convs have a relu that is nobody's choice but slim's default; the one of the conv comes before the batch norm.
    """
    channels = features.shape[3]
    with tf.compat.v1.variable_scope(name):
        pu_net = features if level == 1 else max_pool2d(features, level, "pu_net")
        pu_conv = conv2d(pu_net, channels, 1 if level == 4 else 3, "pu_conv", tf.nn.relu)
        pu_conv = tf.nn.relu(batch_norm(pu_conv, training))
        if level == 4:
            pu_conv = deconv2d(pu_conv, channels, "conv_up_1", tf.nn.relu)
        return pu_conv if level == 1 else deconv2d(pu_conv, channels, "conv_up", tf.nn.relu)


def Restoration_net(input_r: tf.Tensor, input_i: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Restoration at full resolution: convs, and after every second one multi-scale illumination attention.

    input_r: (n, h, w, 3), input_i: (n, h, w, 1), both in [0, 1], h and w multiples of 4. Returns out (n, h, w, 3) in
    (0, 1). training: the batch norms go by the batch, and the graph's UPDATE_OPS move their statistics.
    """
    with tf.compat.v1.variable_scope("Denoise_Net", reuse=tf.compat.v1.AUTO_REUSE):
        features = input_r
        for level, widths in enumerate(((32, 64), (128, 256), (512, 256), (128, 64)), start=1):
            for k, width in enumerate(widths, start=1):
                features = conv2d(features, width, 3, f"de_conv{level}_{k}", lrelu)
            features = _attended(f"de_conv{level}", features, input_i, training)
        conv5 = conv2d(features, 32, 3, "de_conv5_1", lrelu)
        conv10 = conv2d(conv5, 3, 3, "de_conv10")
        out = sigmoid(conv10)
    return out


def _attended(name: str, features: tf.Tensor, input_i: tf.Tensor, training: bool) -> tf.Tensor:
    """Multi-scale illumination attention: (n, h, w, c) and (n, h, w, 1) to (n, h, w, c)."""
    channels = features.shape[3]
    features = features * attention(input_i, name)
    scales = [pool_upsampling(features, scale, training, f"{name}pu{scale}") for scale in (1, 2, 4)]
    features = tf.concat([features, *scales], 3)  # (n, h, w, 4c)
    return conv2d(features, channels, 1, f"{name}multi_scale_feature", tf.nn.relu)


def _trained(input_r: tf.Tensor, input_i: tf.Tensor) -> tf.Tensor:
    """The restoration by the batch's own statistics, and the kept ones moved before it returns."""
    out = Restoration_net(input_r, input_i, training=True)
    with tf.control_dependencies(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)):
        return tf.identity(out)


def Illumination_adjust_net(input_i: tf.Tensor, input_ratio: tf.Tensor) -> tf.Tensor:
    """KinD's adjustment under other names: the illumination made `input_ratio` times as strong.

    input_i: (n, h, w, 1) in [0, 1], input_ratio: (n, h, w, 1), usefully 0 to 5. Returns (n, h, w, 1) in (0, 1).
    """
    with tf.compat.v1.variable_scope("I_enhance_Net", reuse=tf.compat.v1.AUTO_REUSE):
        features = tf.concat([input_i, input_ratio], 3)
        for k, width in enumerate((32, 32, 32, 1), start=1):
            features = conv2d(features, width, 3, f"conv_{k}", lrelu)
        return sigmoid(features)


class KinDPlus(KinD):
    """The nets of KinD++ as eager TF2 functions; tensors NHWC in [0, 1]. As `kind_tf.KinD` but for `restore`, whose
    sides are made multiples of 4, and `enhance`, whose light is adjusted on demand.

    >>> import tensorflow as tf
    >>> KinDPlus(["Denoise_Net"]).restore(tf.random.uniform([1, 5, 7, 3]), tf.random.uniform([1, 5, 7, 1])).shape
    TensorShape([1, 5, 7, 3])
    """

    family = KIND_PLUS
    parts = {  # noqa: RUF012 - of the class, and never changed
        "DecomNet": model.DecomNet_simple,
        "Denoise_Net": Restoration_net,
        "I_enhance_Net": Illumination_adjust_net,
    }
    float32_bytes = 10_600

    def restore(self, r: tf.Tensor, i: tf.Tensor, core: Spans | None = None, *, training: bool = False) -> tf.Tensor:
        """Clean the reflectance. r: (n, h, w, 3), i: (n, h, w, 1). Returns (n, h, w, 3).

        Where h or w is no multiple of 4, the last row or column is repeated as often as it takes, and cut off again.
        core: two slices, the rows and columns that are wanted; only they are returned, and the rest is halo. training:
        the batch norms go by the batch, and move their statistics, as a PyTorch module in train mode.
        """
        net = self.net("restore")
        with self.placed():
            net = self.again("restore", _trained) if training else net
            r, i = self.check("r", r, 3), self.check("i", i, 1)
            check_same_size("r", r.shape, "i", i.shape, "NHWC")
            height, width = tf.shape(r)[1], tf.shape(r)[2]
            out = net(*self.fit("Denoise_Net", r, i))[:, :height, :width]
            if core is None:
                return out
            check_core(core, out.shape[1:3])
            return out[:, *core]

    def fit(self, net: str, *inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Of the restoration: the last row and column repeated up to a multiple of 4."""
        if net != "Denoise_Net":
            return inputs
        sides = tf.unstack(tf.shape(inputs[0])[1:3])
        down, across = (tf.minimum(tf.range(side + -side % 4), side - 1) for side in sides)
        return tuple(tf.gather(tf.gather(x, down, axis=1), across, axis=2) for x in inputs)

    def enhance(
        self, x: tf.Tensor, ratio: float | Sequence[float] | tf.Tensor = 5.0, *, adjustment: bool = False
    ) -> tf.Tensor:
        """The whole of evaluate.py after loading. x, ratio: as `kind_tf.KinD.enhance` has them.

        adjustment: whether the light is adjusted, as its --adjustment; otherwise `ratio` has nothing to say. Returns
        (n, h, w, 3) in [0, 1].
        """
        R, L = self.decompose(x)
        restored = self.restore(R, L)
        light = self.adjust(L, ratio) if adjustment else tf.ones_like(L)
        with self.placed():
            return fusion.fuse(x, R, L, restored, light)
