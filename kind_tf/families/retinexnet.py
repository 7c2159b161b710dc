"""RetinexNet on TensorFlow 2: its two nets, and the class that has them.

Wei, Wang, Yang, Liu, "Deep Retinex Decomposition for Low-light Enhancement", BMVC 2018. The functions have the authors'
scopes and variables, in a v1 graph with a Session and a Saver and inside `tf.compat.v1.wrap_function`; in their own
graph the operations of the second net are numbered otherwise than its variables. Tensors are NHWC.

kind_torch/families/retinexnet.py is the same file in PyTorch.
"""

import tensorflow as tf

from kind_tf.layers import sigmoid
from kind_tf.nets import Nets
from kindling.core.checks import check_same_size
from kindling.core.model import Place
from kindling.families.registry import RETINEXNET

__all__ = ["DecomNet", "RelightNet", "RetinexNet", "nearest", "sources"]

v1 = tf.compat.v1


def sources(outputs: tf.Tensor, inputs: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """The row that tf.image.resize_nearest_neighbor takes for each row: floor(i * inputs / outputs), in float32.

    Rows are counted from the photo's first. start, stop: of those that are wanted.
    """
    scale = tf.cast(inputs, tf.float32) / tf.cast(outputs, tf.float32)
    rows = tf.cast(tf.range(start, stop), tf.float32)
    return tf.minimum(tf.cast(tf.floor(rows * scale), tf.int32), inputs - 1)


def nearest(x: tf.Tensor, like: tf.Tensor, scales: tuple[int, int], place: tf.Tensor | None) -> tf.Tensor:
    """x at the height and width of `like`, by the nearest neighbour as TensorFlow's old rule has it.

    x: (n, h, w, c); like: (n, H, W, _). scales: how many of the photo's pixels one of x and one of `like` stands for.
    place: the first row and column of the tile, height and width of the photo; the rule hangs on those.
    """
    if place is None:
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=tf.shape(like)[1:3])
    for axis in (1, 2):
        begin, size = place[axis - 1], place[axis + 1]
        whole, wanted = (-(-size // scale) for scale in scales)  # rows of the photo at both levels
        first = begin // scales[1]
        index = sources(wanted, whole, first, first + tf.shape(like)[axis]) - begin // scales[0]
        x = tf.gather(x, tf.clip_by_value(index, 0, tf.shape(x)[axis] - 1), axis=axis)
    return x


def DecomNet(input_im: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decomposition: a photo into reflectance and illumination.

    input_im: (n, h, w, 3) in [0, 1]. Returns R (n, h, w, 3) and L (n, h, w, 1), both in (0, 1).
    """
    with v1.variable_scope("DecomNet", reuse=v1.AUTO_REUSE):
        input_max = tf.reduce_max(input_im, axis=3, keepdims=True)
        conv = _conv2d(tf.concat([input_max, input_im], 3), 64, 9, "shallow_feature_extraction")
        for k in range(5):
            conv = _conv2d(conv, 64, 3, f"activated_layer_{k}", relu=True)
        conv = _conv2d(conv, 4, 3, "recon_layer")  # (n, h, w, 4)
        return sigmoid(conv[..., :3]), sigmoid(conv[..., 3:])


def RelightNet(input_L: tf.Tensor, input_R: tf.Tensor, place: tf.Tensor | None = None) -> tf.Tensor:
    """Adjustment: the light that the reflectance is to be seen in, pixel by pixel, and not bounded.

    input_L: (n, h, w, 1), input_R: (n, h, w, 3). Returns delta (n, h, w, 1). place: as `nearest` has it.
    """
    with v1.variable_scope("RelightNet", reuse=v1.AUTO_REUSE):
        conv0 = _conv2d(tf.concat([input_R, input_L], 3), 64, 3, "conv2d")  # (n, h, w, 64)
        conv1 = _conv2d(conv0, 64, 3, "conv2d_1", stride=2, relu=True)  # (n, h/2, w/2, 64)
        conv2 = _conv2d(conv1, 64, 3, "conv2d_2", stride=2, relu=True)  # (n, h/4, w/4, 64)
        conv3 = _conv2d(conv2, 64, 3, "conv2d_3", stride=2, relu=True)  # (n, h/8, w/8, 64)
        deconv1 = _conv2d(nearest(conv3, conv2, (8, 4), place), 64, 3, "conv2d_4", relu=True) + conv2
        deconv2 = _conv2d(nearest(deconv1, conv1, (4, 2), place), 64, 3, "conv2d_5", relu=True) + conv1
        deconv3 = _conv2d(nearest(deconv2, conv0, (2, 1), place), 64, 3, "conv2d_6", relu=True) + conv0
        resized = nearest(deconv1, deconv3, (4, 1), place), nearest(deconv2, deconv3, (2, 1), place)
        feature_gather = tf.concat([*resized, deconv3], 3)  # (n, h, w, 192)
        feature_fusion = _conv2d(feature_gather, 64, 1, "conv2d_7")
        return _conv2d(feature_fusion, 1, 3, "conv2d_8")


def _conv2d(x: tf.Tensor, outputs: int, size: int, scope: str, *, stride: int = 1, relu: bool = False) -> tf.Tensor:
    """tf.layers' conv, which went with Keras 3: SAME, variables `<scope>/kernel` and `<scope>/bias`."""
    with v1.variable_scope(scope):
        kernel = v1.get_variable("kernel", [size, size, x.shape[3], outputs], x.dtype)
        bias = v1.get_variable("bias", [outputs], x.dtype, v1.zeros_initializer())
        x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=stride, padding="SAME"), bias, name="BiasAdd")
        return tf.nn.relu(x, name="Relu") if relu else x


class RetinexNet(Nets):
    """The nets of RetinexNet as eager TF2 functions; tensors NHWC, a photo divided by 255 and not stretched.

    nets, dtype, source, device: as `kind_tf.KinD` has them.

    >>> import tensorflow as tf
    >>> RetinexNet().enhance(tf.random.uniform([1, 5, 7, 3])).shape
    TensorShape([1, 5, 7, 3])
    """

    family = RETINEXNET
    parts = {"DecomNet": DecomNet, "RelightNet": RelightNet}  # noqa: RUF012 - of the class, and never changed
    float32_bytes = 2_000

    def decompose(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A photo into reflectance and illumination. x: (n, h, w, 3). Returns R (n, h, w, 3), L (n, h, w, 1)."""
        net = self.net("decompose")
        with self.placed():
            R, L = net(self.check("x", x, 3))
        return R, L

    def adjust(self, i: tf.Tensor, r: tf.Tensor, place: Place | None = None) -> tf.Tensor:
        """The light for the reflectance. i: (n, h, w, 1), r: (n, h, w, 3). Returns (n, h, w, 1), not bounded.

        place: where in a photo the tile lies, whose rows and columns end as many of 8 before the photo's end.
        """
        net = self.net("adjust")
        with self.placed():
            i, r = self.check("i", i, 1), self.check("r", r, 3)
            check_same_size("i", i.shape, "r", r.shape, "NHWC")
            if place is None:
                return net(i, r)
            numbers = [place.rows.start, place.columns.start, place.height, place.width]
            return self.again("adjust", RelightNet, tf.TensorSpec([4], tf.int32))(i, r, tf.constant(numbers))

    def enhance(self, x: tf.Tensor) -> tf.Tensor:
        """S = R * delta. x: (n, h, w, 3) in [0, 1]. Returns (n, h, w, 3), which is beyond 1 where it is too light."""
        R, L = self.decompose(x)
        return R * self.adjust(L, R)

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        """`enhance`, under the name that it has in PyTorch too; calling it is the same."""
        return self.enhance(x)

    __call__ = forward
