"""The words in a name of a layer, whatever it is parted by: so that two frameworks' names can be held side by side."""

import difflib
import re

# What stands in names and says nothing of which layer it is.
NOISE = {"vars", "layers", "layer", "model", "module", "sequential", "cell", "weights", "features", "functional"}
WORD = re.compile(r"[a-z]+|\d+")


def words(name: str) -> tuple[str, ...]:
    """The words and numbers of a name that say something.

    >>> words("Block1.conv2"), words("model/block_1/conv_2/weights")
    (('block', '1', 'conv', '2'), ('block', '1', 'conv', '2'))
    """
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    return tuple(word for word in WORD.findall(parted) if word not in NOISE)


def likeness(first: str, second: str) -> float:
    """How alike two names are, from 0 to 1."""
    return difflib.SequenceMatcher(None, " ".join(words(first)), " ".join(words(second))).ratio()
