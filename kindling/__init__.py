"""Kindling's framework-free core: photos in and out, the fusion of the three nets, and the command line.

Nothing here imports TensorFlow or PyTorch, so `import kindling` is quick and works with either, both or neither.
"""

from kindling.errors import KindlingError, MissingNetError

__version__ = "0.1.0"
__all__ = ["KindlingError", "MissingNetError", "__version__"]
