"""KinD's model.py on TensorFlow 2: the five original functions, with their names, arguments, scopes and variables.

Zhang, Zhang, Guo, "Kindling the Darkness", ACM MM 2019, section 3. Written with tf.compat.v1 and tf_slim, and without
switching TF2 behaviour off: the functions work inside a v1 graph with a Session and a Saver, as the original uses
them, and inside `tf.compat.v1.wrap_function`, which is how `kind_tf.load` runs them eagerly. Tensors are NHWC in
[0, 1]; variables take the dtype of the input, float32 as the original or float64 as the yardstick of parity.

kind_torch/model.py is the same file in PyTorch.
"""

import tensorflow as tf

from kind_tf.layers import concat, conv2d, conv2d_transpose, max_pool2d, sigmoid

__all__ = ["DecomNet_simple", "Illumination_adjust_net", "Restoration_net", "lrelu", "upsample_and_concat"]


def lrelu(x: tf.Tensor, trainbable: object = None) -> tf.Tensor:
    """max(0.2 x, x), whose slope at exactly 0 is 0.2. `trainbable` is unused and misspelt in the original."""
    return tf.maximum(x * 0.2, x)


def upsample_and_concat(
    x1: tf.Tensor, x2: tf.Tensor, output_channels: int, in_channels: int, scope_name: str, trainable: bool = True
) -> tf.Tensor:
    """Double the resolution of x1 to that of x2 and put x2, the skip, behind it.

    x1: (n, ceil(h/2), ceil(w/2), in_channels); x2: (n, h, w, c). Returns (n, h, w, output_channels + c). Where h or w
    is odd, the last row or column of the transposed conv falls away. The kernel has no bias and no activation.
    """
    with tf.compat.v1.variable_scope(scope_name, reuse=tf.compat.v1.AUTO_REUSE):
        deconv_filter = tf.compat.v1.get_variable(
            "weights", [2, 2, output_channels, in_channels], dtype=x1.dtype, trainable=trainable
        )
        deconv = conv2d_transpose(x1, deconv_filter, x2, scope_name)
        deconv_output = concat([deconv, x2])
    return deconv_output


def DecomNet_simple(input: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decomposition: a photo into reflectance and illumination (paper, section 3.1).

    input: (n, h, w, 3) in [0, 1]. Returns R_out (n, h, w, 3) and L_out (n, h, w, 1), both in (0, 1).
    """
    with tf.compat.v1.variable_scope("DecomNet", reuse=tf.compat.v1.AUTO_REUSE):
        conv1 = conv2d(input, 32, 3, "g_conv1_1", lrelu)  # (n, h, w, 32)
        pool1 = max_pool2d(conv1)
        conv2 = conv2d(pool1, 64, 3, "g_conv2_1", lrelu)  # (n, h/2, w/2, 64)
        pool2 = max_pool2d(conv2)
        conv3 = conv2d(pool2, 128, 3, "g_conv3_1", lrelu)  # (n, h/4, w/4, 128)
        up8 = upsample_and_concat(conv3, conv2, 64, 128, "g_up_1")  # (n, h/2, w/2, 64 + 64)
        conv8 = conv2d(up8, 64, 3, "g_conv8_1", lrelu)
        up9 = upsample_and_concat(conv8, conv1, 32, 64, "g_up_2")  # (n, h, w, 32 + 32)
        conv9 = conv2d(up9, 32, 3, "g_conv9_1", lrelu)
        conv10 = conv2d(conv9, 3, 1, "g_conv10")
        R_out = sigmoid(conv10)

        l_conv2 = conv2d(conv1, 32, 3, "l_conv1_2", lrelu)
        l_conv3 = tf.concat([l_conv2, conv9], 3)  # (n, h, w, 32 + 32)
        l_conv4 = conv2d(l_conv3, 1, 1, "l_conv1_4")
        L_out = sigmoid(l_conv4)
    return R_out, L_out


def Restoration_net(input_r: tf.Tensor, input_i: tf.Tensor) -> tf.Tensor:
    """Restoration: a U-Net of five levels cleans the reflectance, told by the illumination where it was dark (3.2).

    input_r: (n, h, w, 3), input_i: (n, h, w, 1), both in [0, 1]. Returns out (n, h, w, 3) in (0, 1).
    """
    with tf.compat.v1.variable_scope("Restoration_net", reuse=tf.compat.v1.AUTO_REUSE):
        input_all = tf.concat([input_r, input_i], 3)

        conv1 = conv2d(input_all, 32, 3, "de_conv1_1", lrelu)
        conv1 = conv2d(conv1, 32, 3, "de_conv1_2", lrelu)  # (n, h, w, 32)
        pool1 = max_pool2d(conv1)
        conv2 = conv2d(pool1, 64, 3, "de_conv2_1", lrelu)
        conv2 = conv2d(conv2, 64, 3, "de_conv2_2", lrelu)  # (n, h/2, w/2, 64)
        pool2 = max_pool2d(conv2)
        conv3 = conv2d(pool2, 128, 3, "de_conv3_1", lrelu)
        conv3 = conv2d(conv3, 128, 3, "de_conv3_2", lrelu)  # (n, h/4, w/4, 128)
        pool3 = max_pool2d(conv3)
        conv4 = conv2d(pool3, 256, 3, "de_conv4_1", lrelu)
        conv4 = conv2d(conv4, 256, 3, "de_conv4_2", lrelu)  # (n, h/8, w/8, 256)
        pool4 = max_pool2d(conv4)
        conv5 = conv2d(pool4, 512, 3, "de_conv5_1", lrelu)
        conv5 = conv2d(conv5, 512, 3, "de_conv5_2", lrelu)  # (n, h/16, w/16, 512)

        up6 = upsample_and_concat(conv5, conv4, 256, 512, "up_6")  # (n, h/8, w/8, 256 + 256)
        conv6 = conv2d(up6, 256, 3, "de_conv6_1", lrelu)
        conv6 = conv2d(conv6, 256, 3, "de_conv6_2", lrelu)
        up7 = upsample_and_concat(conv6, conv3, 128, 256, "up_7")  # (n, h/4, w/4, 128 + 128)
        conv7 = conv2d(up7, 128, 3, "de_conv7_1", lrelu)
        conv7 = conv2d(conv7, 128, 3, "de_conv7_2", lrelu)
        up8 = upsample_and_concat(conv7, conv2, 64, 128, "up_8")  # (n, h/2, w/2, 64 + 64)
        conv8 = conv2d(up8, 64, 3, "de_conv8_1", lrelu)
        conv8 = conv2d(conv8, 64, 3, "de_conv8_2", lrelu)
        up9 = upsample_and_concat(conv8, conv1, 32, 64, "up_9")  # (n, h, w, 32 + 32)
        conv9 = conv2d(up9, 32, 3, "de_conv9_1", lrelu)
        conv9 = conv2d(conv9, 32, 3, "de_conv9_2", lrelu)
        conv10 = conv2d(conv9, 3, 3, "de_conv10")
        out = sigmoid(conv10)
    return out


def Illumination_adjust_net(input_i: tf.Tensor, input_ratio: tf.Tensor) -> tf.Tensor:
    """Adjustment: the illumination made `input_ratio` times as strong, pixel by pixel (3.3).

    input_i: (n, h, w, 1) in [0, 1], input_ratio: (n, h, w, 1), usefully 0 to 5. Returns L_enhance (n, h, w, 1) in
    (0, 1). The last conv keeps its lrelu before the sigmoid, as in the original.
    """
    with tf.compat.v1.variable_scope("Illumination_adjust_net", reuse=tf.compat.v1.AUTO_REUSE):
        input_all = tf.concat([input_i, input_ratio], 3)

        conv1 = conv2d(input_all, 32, 3, "en_conv_1", lrelu)  # (n, h, w, 32)
        conv2 = conv2d(conv1, 32, 3, "en_conv_2", lrelu)
        conv3 = conv2d(conv2, 32, 3, "en_conv_3", lrelu)
        conv4 = conv2d(conv3, 1, 3, "en_conv_4", lrelu)
        L_enhance = sigmoid(conv4)
    return L_enhance
