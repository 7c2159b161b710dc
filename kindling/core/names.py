"""The one rule between TensorFlow's variables and PyTorch's: `/` to `.`, PyTorch's word at the end, turn the axes.

`DecomNet/g_conv1_1/weights` (kh, kw, in, out) <-> `DecomNet.g_conv1_1.weight` (out, in, kh, kw). Up-convs are
(kh, kw, out, in) in TF and (in, out, kh, kw) in PyTorch: other meanings, the same permutation. slim's `weights` and
`biases` need no table, so the rule also carries variables that KinD does not have. tf.layers has other words, `kernel`
or `gamma`, that become `weight` too: backwards a family's table says which one it was.
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from kindling.core.errors import KindlingError

# slim's words, then tf.layers'; of several with the same one in PyTorch the first is meant where no table says more
WORDS = {
    "weights": "weight", "biases": "bias", "kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
BACK: Mapping[str, tuple[str, ...]] = {
    word: tuple(tf for tf, torch in WORDS.items() if torch == word) for word in WORDS.values()
}
SINGULARS = {word: tf[0] for word, tf in BACK.items()}
TO_TORCH = (3, 2, 0, 1)
TO_SLIM = (2, 3, 1, 0)


def torch_key(slim_name: str) -> str:
    """`DecomNet/g_conv1_1/weights` -> `DecomNet.g_conv1_1.weight`."""
    *scopes, leaf = slim_name.split("/")
    return ".".join([*scopes, WORDS.get(leaf, leaf)])


def slim_name(torch_key: str, table: Collection[str] = ()) -> str:
    """`DecomNet.g_conv1_1.weight` -> `DecomNet/g_conv1_1/weights`, or, if `table` has that instead, `.../kernel`."""
    *scopes, leaf = torch_key.split(".")
    names = ["/".join([*scopes, word]) for word in BACK.get(leaf, (leaf,))]
    return next((name for name in names if name in table), names[0])


def to_torch(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Slim names and TF axis order -> torch keys and torch axis order. Values are moved, never changed."""
    return _carry(variables, torch_key, TO_TORCH)


def to_slim(state: Mapping[str, np.ndarray], table: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Torch keys and torch axis order -> slim names and TF axis order: `to_torch` run backwards.

    table: names of variables, for those that tf.layers gave their words.
    """
    return _carry(state, lambda key: slim_name(key, table), TO_SLIM)


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
