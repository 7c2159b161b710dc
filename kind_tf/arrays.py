"""The one place where kind_tf meets plain arrays: run a net, the chain, or every layer, NHWC numpy in and out.

kind_torch/arrays.py is the same in PyTorch; parity and the photo pipeline call either without knowing which.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

__all__ = ["layers", "run"]

# The operations of a net that count as layers. ReadVariableOp, Const, Shape and the 0.2 x of lrelu do not.
LAYER_OPS = {"BiasAdd", "Maximum", "MaxPool", "Conv2DBackpropInput", "ConcatV2", "Sigmoid"}


def run(kind, step: str, *arrays, **options) -> tuple[np.ndarray, ...]:
    """One step of KinD ("decompose", "restore", "adjust" or "enhance") on NHWC arrays. Always returns a tuple."""
    results = getattr(kind, step)(*(tf.convert_to_tensor(x, kind.dtype) for x in arrays), **options)
    results = results if isinstance(results, (tuple, list)) else (results,)
    return tuple(result.numpy() for result in results)


def layers(kind, net: str, *arrays) -> Iterator[tuple[str, np.ndarray]]:
    """Every layer of one net in the order it runs: its op name in the authors' graph, its result as an NHWC array.

    net: "DecomNet", "Restoration_net" or "Illumination_adjust_net"; arrays: its inputs, NHWC.
    """
    function = getattr(kind, net)
    ops = [op for op in function.graph.get_operations() if op.type in LAYER_OPS]
    inputs = function.inputs[: len(arrays)]
    fetched = function.prune(inputs, {op.name: op.outputs[0] for op in ops})
    results = fetched(*(tf.convert_to_tensor(x, kind.dtype) for x in arrays))
    for op in ops:
        yield op.name, results[op.name].numpy()
