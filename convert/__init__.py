"""Carry KinD's weights between TensorFlow, PyTorch and neutral files, bit for bit, both ways.

    import convert
    variables = convert.read("checkpoints")                 # {"DecomNet/g_conv1_1/weights": array, ...}
    convert.write("kind.safetensors", variables)
    convert.convert_file("kind.safetensors", "kind.h5")     # the two in one, with where it came from
    convert.inspect("kind.h5").problems                     # () if it is sound

Also on the command line: `kindling convert SRC DST` and `kindling inspect FILE`, or `python -m convert SRC DST`.
"""

from kindling.core.names import slim_name, to_slim, to_torch, torch_key

from .conversion import Conversion, convert_file, read, read_all, write
from .inspection import Inspection, inspect
from .soundness import fingerprint, nets_in
from .vgg import read_vgg

__all__ = [
    "Conversion",
    "Inspection",
    "convert_file",
    "fingerprint",
    "inspect",
    "nets_in",
    "read",
    "read_all",
    "read_vgg",
    "slim_name",
    "to_slim",
    "to_torch",
    "torch_key",
    "write",
]
