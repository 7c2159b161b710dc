"""A net as one file that runs without this package: an ONNX graph, or a program of torch.export.

The ONNX graph is written by hand, node for node what the net says in kind_torch/model.py: torch.fx follows the net
with the functions of kind_torch/layers.py left whole, and each becomes the one ONNX operation that it is. So a pool is
ONNX's own SAME pool and a crop is a slice to the skip's size, for every height and width, odd ones too, where PyTorch's
own exporter writes gathers with computed indices, and takes twenty seconds. All graphs take and give NHWC float32.
kind_tf/export.py is the same in TensorFlow.
"""

import copy
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from kind_torch import layers
from kind_torch.families.retinexnet import nearest
from kind_torch.model import lrelu
from kind_torch.nets import Nets
from kindling.core.errors import KindlingError
from kindling.core.model import Array
from kindling.core.optional import import_framework
from kindling.families.table import Net

__all__ = ["load", "write"]

OPSET = 18
IR_VERSION = 10  # of ONNX's file format; newer runtimes read it, and so do those of two years ago
FUNCTIONS = layers.concat, layers.conv2d_transpose, layers.max_pool2d, lrelu, nearest  # that fx takes as one step each
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
EXAMPLE = (2, 24, 40)  # n, h, w that torch.export traces with; its program is for all sizes


def write(kind: Nets, net: Net, form: str, path: Path | BinaryIO) -> None:
    """Write one net of `kind` to `path`, or a file opened for bytes, as `form`: "onnx" or "torch-export"."""
    module = getattr(kind, net.scope)
    if isinstance(path, Path):
        with path.open("wb") as file:
            FORMS[form](module, net, file)
    else:
        FORMS[form](module, net, path)


def load(path: Path, net: Net, form: str) -> Callable[..., tuple[Array, ...]]:
    """A function of NHWC arrays to the net's NHWC results, of a file that `write` made as "torch-export"."""
    program = torch.export.load(path).module()

    def run(*arrays: Array) -> tuple[Array, ...]:
        with torch.inference_mode():
            results = program(*(torch.from_numpy(np.ascontiguousarray(x)) for x in arrays))
        return tuple(np.ascontiguousarray(result.numpy()) for result in results)

    return run


def _write_onnx(module: nn.Module, net: Net, file: BinaryIO) -> None:
    """One net with its weights."""
    onnx = import_framework("onnx", "writing ONNX")
    model = _Writer(module, onnx.helper, onnx.numpy_helper).model(net)
    onnx.checker.check_model(model)
    file.write(model.SerializeToString())


def _write_program(module: nn.Module, net: Net, file: BinaryIO) -> None:
    """torch.export's own file, which needs nothing but torch to load; batch, height and width are free."""
    from torch.fx.experimental import _config

    size = {0: torch.export.Dim("n"), 1: torch.export.Dim("h", min=2), 2: torch.export.Dim("w", min=2)}
    inputs = tuple(torch.rand(*EXAMPLE, channels) for channels in net.inputs.values())
    # Kernels that are kept in oneDNN's order would give that order to every result, and a batch of one, for which both
    # orders are the same, would be left out.
    plain = copy.deepcopy(module).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    # What any pool makes 1 is left out by default; see KinD's own export in kind_torch/kind.py.
    with torch.no_grad(), _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        program = torch.export.export(_Nhwc(plain).eval(), inputs, dynamic_shapes=((size,) * len(inputs),))
    torch.export.save(program, file)


FORMS: Mapping[str, Callable[[nn.Module, Net, BinaryIO], None]] = {"onnx": _write_onnx, "torch-export": _write_program}


class _Nhwc(nn.Module):
    """A net that takes and gives NHWC, always a tuple."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        # Copied, because for strides that are both orders at once, as of a batch of one, PyTorch traces one case alone.
        results = self.net(*(x.permute(TO_NCHW).clone(memory_format=torch.contiguous_format) for x in inputs))
        results = results if isinstance(results, tuple) else (results,)
        return tuple(result.permute(TO_NHWC) for result in results)


class _One(nn.Module):
    """fx follows arguments by name, and of a net only those without a default are followed."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, a: Tensor) -> Any:
        return self.net(a)


class _Two(_One):
    def forward(self, a: Tensor, b: Tensor) -> Any:  # type: ignore[override]
        return self.net(a, b)


class _Tracer(fx.Tracer):
    """Follows a net down to the layers of kind_torch/layers.py, and does not look inside them."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=FUNCTIONS)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, tuple(MODULES))


class _Writer:
    """Turns what fx found into ONNX nodes; names of values are those of the net's layers and local calls."""

    def __init__(self, module: nn.Module, helper: Any, numpy_helper: Any):
        self.module, self.helper, self.numpy_helper = module, helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def model(self, net: Net) -> Any:
        """The whole ONNX model of `net`."""
        wrapped = (_One, _Two)[len(net.inputs) - 1](self.module)
        graph = _Tracer().trace(wrapped)
        given = iter(net.inputs)
        names: dict[fx.Node, Any] = {}
        for node in graph.nodes:
            if node.op == "placeholder":
                names[node] = self.node("Transpose", next(given), node.name, perm=TO_NCHW)
            elif node.op == "output":
                self._outputs(net, [names[x] for x in fx.node.map_aggregate(_tuple(node.args[0]), lambda x: x)])
            else:
                names[node] = self._converted(wrapped, node, names)
        value = self.helper.make_tensor_value_info
        inputs, outputs = (
            [value(name, 1, ("n", "h", "w", channels)) for name, channels in side.items()]
            for side in (net.inputs, net.outputs)
        )
        constants = [self.numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        made = self.helper.make_graph(self.nodes, net.scope, inputs, outputs, constants)
        opset = self.helper.make_opsetid("", OPSET)
        return self.helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="kindling")

    def node(self, op: str, inputs: str | list[str], output: str, **attributes: Any) -> str:
        """Add one node; returns the name of its result."""
        inputs = [inputs] if isinstance(inputs, str) else inputs
        self.nodes.append(self.helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, array: Tensor | np.ndarray) -> str:
        """Add one array; returns its name."""
        self.constants[name] = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
        return name

    def _outputs(self, net: Net, results: list[str]) -> None:
        for result, name in zip(results, net.outputs, strict=True):
            self.node("Transpose", result, name, perm=TO_NHWC)

    def _converted(self, root: nn.Module, node: fx.Node, names: Mapping[fx.Node, Any]) -> Any:
        def name_of(value: Any) -> Any:
            return fx.node.map_arg(value, lambda x: names[x])

        if node.op == "get_attr":
            return self.constant(str(node.target), _attribute(root, str(node.target)))
        if node.op == "call_module":
            module = root.get_submodule(str(node.target))
            return MODULES[type(module)](self, node.name.removeprefix("net_"), module, name_of(node.args[0]))
        convert = OPERATIONS.get(node.target)
        if convert is None:
            raise KindlingError(f"{node.target} in {type(self.module).__name__} has no operation in ONNX here")
        return convert(self, node.name, *name_of(node.args), **name_of(node.kwargs))

    def activated(self, module: Any, scope: str, result: str) -> str:
        """What `activation_fn` of a layer makes of its result."""
        if module.activation_fn is None:
            return result
        return OPERATIONS[module.activation_fn](self, scope, result)

    def weights(self, scope: str, module: nn.Module, *names: str) -> list[str]:
        """The names of these tensors of a layer, once they are constants; those that it does not have are left out."""
        tensors = {name: getattr(module, name) for name in names}
        return [self.constant(f"{scope}.{name}", tensor) for name, tensor in tensors.items() if tensor is not None]


def _conv(writer: _Writer, scope: str, conv: Any, x: str) -> str:
    sides = {"pads": [int(side) for side in conv.padding] * 2} if conv.stride[0] == 1 else {"auto_pad": "SAME_UPPER"}
    inputs = [x, *writer.weights(scope, conv, "weight", "bias")]
    sizes = {"strides": list(conv.stride), "kernel_shape": list(conv.kernel_size)}
    return writer.activated(conv, scope, writer.node("Conv", inputs, f"{scope}/BiasAdd", **sizes, **sides))


def _deconv(writer: _Writer, scope: str, deconv: Any, x: str) -> str:
    inputs = [x, *writer.weights(scope, deconv, "weight", "bias")]
    sizes = {"strides": list(deconv.stride), "kernel_shape": list(deconv.kernel_size)}
    return writer.activated(deconv, scope, writer.node("ConvTranspose", inputs, f"{scope}/BiasAdd", **sizes))


def _batch_norm(writer: _Writer, scope: str, norm: Any, x: str) -> str:
    inputs = [x, *writer.weights(scope, norm, "weight", "bias", "running_mean", "running_var")]
    return writer.node("BatchNormalization", inputs, scope, epsilon=layers.EPSILON)


def _up(writer: _Writer, name: str, x: str, weight: str, like: str) -> str:
    """The transposed conv, and its last row or column cut off where the skip's size is odd."""
    up = writer.node("ConvTranspose", [x, weight], f"{name}/up", strides=[2, 2], kernel_shape=[2, 2])
    sizes = writer.node("Shape", like, f"{name}/size", start=2, end=4)
    starts, axes = (writer.constant(n, np.array(v)) for n, v in (("zeros", [0, 0]), ("height and width", [2, 3])))
    return writer.node("Slice", [up, starts, sizes, axes], name)


def _cat(writer: _Writer, name: str, tensors: list[str], dim: int = 1) -> str:
    return writer.node("Concat", list(tensors), name, axis=dim)


def _pool(writer: _Writer, name: str, x: str) -> str:
    return writer.node("MaxPool", x, name, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")


def _plain_pool(writer: _Writer, name: str, x: str, size: int, *_: Any, **__: Any) -> str:
    """A pool of steps as long as it is wide, over sides that are multiples of it."""
    return writer.node("MaxPool", x, name, kernel_shape=[size, size], strides=[size, size])


def _leaky(writer: _Writer, name: str, x: str, negative_slope: float = 0.2, inplace: bool = False) -> str:
    return writer.node("LeakyRelu", x, name, alpha=negative_slope)


def _nearest(writer: _Writer, name: str, x: str, like: str, scales: tuple[int, int], place: None) -> str:
    """TensorFlow's old rule, floor(i * in / out), over a whole photo."""
    batch = writer.node("Shape", x, f"{name}/batch", start=0, end=2)
    size = writer.node("Shape", like, f"{name}/size", start=2, end=4)
    sizes = writer.node("Concat", [batch, size], f"{name}/sizes", axis=0)
    rule = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "mode": "nearest"}
    return writer.node("Resize", [x, "", "", sizes], name, **rule)


def _amax(writer: _Writer, name: str, x: str, dim: int, keepdim: bool = False) -> str:
    axes = writer.constant(f"{name}/axes", np.array([dim]))
    return writer.node("ReduceMax", [x, axes], name, keepdims=int(keepdim))


def _split(writer: _Writer, name: str, x: str, sizes: list[int], dim: int = 0) -> list[str]:
    parts = [f"{name}/{k}" for k in range(len(sizes))]
    lengths = writer.constant(f"{name}/sizes", np.array(sizes))
    writer.nodes.append(writer.helper.make_node("Split", [x, lengths], parts, name=name, axis=dim))
    return parts


def _item(writer: _Writer, name: str, parts: list[str], index: int) -> str:
    return parts[index]


def _plain(op: str) -> Callable[..., str]:
    def convert(writer: _Writer, name: str, *inputs: str, **_: Any) -> str:
        return writer.node(op, list(inputs), name)

    return convert


# The layers that fx does not look inside, and what they become.
MODULES: Mapping[Any, Callable[..., str]] = {
    layers.conv2d: _conv,
    layers.deconv2d: _deconv,
    layers.batch_norm: _batch_norm,
}
# What a net may call, and what it becomes. A new function of kind_torch/layers.py gets a line here.
OPERATIONS: Mapping[Any, Callable[..., Any]] = {
    layers.conv2d_transpose: _up,
    layers.max_pool2d: _pool,
    lrelu: _leaky,
    F.leaky_relu: _leaky,
    F.max_pool2d: _plain_pool,
    torch.max_pool2d: _plain_pool,
    F.relu: _plain("Relu"),
    torch.relu: _plain("Relu"),
    torch.sigmoid: _plain("Sigmoid"),
    layers.concat: _cat,
    torch.cat: _cat,
    torch.mul: _plain("Mul"),
    operator.mul: _plain("Mul"),
    operator.add: _plain("Add"),
    operator.getitem: _item,
    nearest: _nearest,
    "amax": _amax,
    "split": _split,
}


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _attribute(root: nn.Module, name: str) -> Tensor:
    owner, _, leaf = name.rpartition(".")
    value: Tensor = getattr(root.get_submodule(owner), leaf)
    return value
