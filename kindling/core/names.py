"""The one rule between slim variables and PyTorch's: `/` to `.`, drop the plural, turn the axes.

`DecomNet/g_conv1_1/weights` (kh, kw, in, out) <-> `DecomNet.g_conv1_1.weight` (out, in, kh, kw). Up-convs are
(kh, kw, out, in) in TF and (in, out, kh, kw) in PyTorch: other meanings, the same permutation. The rule needs no
table, so it also carries variables that KinD does not have, and it runs backwards.
"""

from collections.abc import Callable, Mapping

import numpy as np

from kindling.core.errors import KindlingError

PLURALS = {"weights": "weight", "biases": "bias"}
SINGULARS = {short: plural for plural, short in PLURALS.items()}
TO_TORCH = (3, 2, 0, 1)
TO_SLIM = (2, 3, 1, 0)


def torch_key(slim_name: str) -> str:
    """`DecomNet/g_conv1_1/weights` -> `DecomNet.g_conv1_1.weight`."""
    *scopes, leaf = slim_name.split("/")
    return ".".join([*scopes, PLURALS.get(leaf, leaf)])


def slim_name(torch_key: str) -> str:
    """`DecomNet.g_conv1_1.weight` -> `DecomNet/g_conv1_1/weights`."""
    *scopes, leaf = torch_key.split(".")
    return "/".join([*scopes, SINGULARS.get(leaf, leaf)])


def to_torch(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Slim names and TF axis order -> torch keys and torch axis order. Values are moved, never changed."""
    return _carry(variables, torch_key, TO_TORCH)


def to_slim(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Torch keys and torch axis order -> slim names and TF axis order: `to_torch` run backwards."""
    return _carry(state, slim_name, TO_SLIM)


def _carry(
    arrays: Mapping[str, np.ndarray], rename: Callable[[str], str], axes: tuple[int, ...]
) -> dict[str, np.ndarray]:
    carried = {}
    for name, array in arrays.items():
        new = rename(name)
        if new in carried:
            raise KindlingError(f"{name}: another variable is called {new} too once the naming rule is applied")
        carried[new] = (array.transpose(axes) if array.ndim == 4 else array).copy(order="C")
    return carried
