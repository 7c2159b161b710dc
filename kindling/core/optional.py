"""Import TensorFlow or PyTorch at the moment it is needed: quietly, or with one sentence on how to get it."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

from kindling.core.errors import KindlingError

# What is imported, what it is called, which extra brings it.
EXTRAS = {
    "tensorflow": (("tensorflow", "tf_slim"), "TensorFlow with tf-slim", "tf"),
    "torch": (("torch",), "PyTorch", "torch"),
    "accelerate": (("accelerate",), "Hugging Face accelerate", "train"),
    "tensorboard": (("tensorboard",), "TensorBoard", "train"),
    "torchvision": (("torchvision",), "torchvision", "vgg"),
    "onnx": (("onnx",), "onnx", "onnx"),
    "onnxruntime": (("onnxruntime",), "ONNX Runtime", "onnx"),
    "openvino": (("openvino",), "OpenVINO", "openvino"),
    "gradio": (("gradio",), "Gradio", "ui"),
    "ray": (("ray", "pyarrow"), "Ray with pyarrow", "ray"),
}


def import_framework(name: str, purpose: str) -> ModuleType:
    """The module `name`, one of EXTRAS; if it is not installed, a KindlingError saying what `purpose` needs."""
    modules, called, extra = EXTRAS[name]
    for module in modules:
        try:
            if sys.modules.get(module) is None:
                with stderr_held_back():
                    importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise KindlingError(
                f"{purpose} needs {called}, which is not installed: pip install 'kindling-llie[{extra}]'"
            ) from error
    return sys.modules[name]


@contextlib.contextmanager
def stderr_held_back() -> Iterator[None]:
    """Keep what native code writes to stderr, and let it out only if the import fails.

    TensorFlow greets from C++ on every import, before any setting of its own can stop it, and our stderr is one line
    a person is meant to read.
    """
    if sys.stderr is None:  # started with stderr closed
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as output:
        stderr = os.dup(2)
        os.dup2(output.fileno(), 2)
        try:
            yield
        except BaseException:
            output.seek(0)
            os.write(stderr, output.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
