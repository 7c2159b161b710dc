"""TensorFlow as the oracle of its own checkpoint format: what it saves, and what it reads of what we save."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convert.containers import tensor_bundle


def by_tensorflow(prefix: Path) -> dict[str, np.ndarray]:
    """The tensors of a bundle as TensorFlow reads them."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    return {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}


def saved_by_tensorflow(prefix: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """A bundle at `prefix`, written by TensorFlow."""
    import tensorflow as tf

    names = sorted(tensors)
    values = [tf.constant(tensors[name]) for name in names]
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)


def files(prefix: Path) -> list[bytes]:
    """The bytes of the two files of a bundle: index and data."""
    return [tensor_bundle.part(prefix, name).read_bytes() for name in ("index", "data-00000-of-00001")]
