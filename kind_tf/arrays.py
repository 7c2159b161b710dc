"""The one place where kind_tf meets plain arrays: run a net, the chain, or every layer, NHWC numpy in and out.

Beside it, which device a word means.

kind_torch/arrays.py is the same in PyTorch; parity and the photo pipeline call either without knowing which.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kind_tf.nets import Nets
from kindling.core.errors import KindlingError

__all__ = ["choose_device", "layers", "run"]

# The operations of a net that count as layers. ReadVariableOp, Const, Shape and the 0.2 x of lrelu do not.
LAYER_OPS = {"BiasAdd", "Maximum", "MaxPool", "Conv2DBackpropInput", "ConcatV2", "Sigmoid", "Relu", "FusedBatchNormV3"}


def choose_device(device: str) -> str:
    """TensorFlow's own name of what a word means: "cpu", "gpu", "cuda:1", "/GPU:1"; empty for "auto", where it chooses.

    TensorFlow chooses the first GPU that it sees. A device that it does not see, or does not know, is a KindlingError;
    TensorFlow itself would compute on the CPU without a word.
    """
    if device == "auto":
        return ""
    try:
        spec = tf.DeviceSpec.from_string(re.sub("^cuda", "GPU", str(device)))
    except ValueError:
        spec = tf.DeviceSpec()
    if not spec.device_type:
        known = "auto, cpu, gpu, gpu:1 and so on, and TensorFlow's names such as /GPU:0"
        raise KindlingError(f"there is no device {str(device)!r}; there are {known}")
    name = f"/device:{spec.device_type}:{spec.device_index or 0}"
    present = [logical.name for logical in tf.config.list_logical_devices()]
    if name not in present:
        raise KindlingError(f"TensorFlow sees no {device} here: it sees {', '.join(present)}")
    return name


def run(kind: Nets, step: str, *arrays: np.ndarray, **options: Any) -> tuple[np.ndarray, ...]:
    """One step ("decompose", "restore", "adjust" or "enhance") on NHWC arrays. Always returns a tuple."""
    results = getattr(kind, step)(*(tf.convert_to_tensor(x, kind.dtype) for x in arrays), **options)
    results = results if isinstance(results, (tuple, list)) else (results,)
    return tuple(result.numpy() for result in results)


def layers(kind: Nets, net: str, *arrays: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Every layer of one net in the order it runs: its op name in the authors' graph, its result as an NHWC array.

    net: its scope, such as "DecomNet"; arrays: its inputs, NHWC.
    """
    function = getattr(kind, net)
    ops = [op for op in function.graph.get_operations() if _is_layer(op)]
    inputs = function.inputs[: len(arrays)]
    fetched = function.prune(inputs, {op.name: op.outputs[0] for op in ops})
    with tf.device(kind.device):
        results = fetched(*kind.fit(net, *(tf.convert_to_tensor(x, kind.dtype) for x in arrays)))
    for op in ops:
        yield op.name, results[op.name].numpy()


def _is_layer(op: tf.Operation) -> bool:
    if op.type in ("Conv2D", "Conv2DBackpropInput"):  # with a bias it counts once that is added
        return all(after.type != "BiasAdd" for after in op.outputs[0].consumers())
    if op.type == "Mul":  # by which a net joins two results; those of lrelu and of a norm lie deeper
        return op.name.count("/") == 1
    return op.type in LAYER_OPS or op.name.endswith("FusedBatchNormV3")  # in float64 it is made of others
