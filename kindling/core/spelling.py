"""The words in a name of a layer, whatever it is parted by: so that two frameworks' names can be held side by side."""

import difflib
import re
from collections.abc import Sequence

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


def likenesses(names: Sequence[str], other: str) -> list[float]:
    """How alike each of `names` is to another name, from 0 to 1."""
    matcher = difflib.SequenceMatcher(None, "", " ".join(words(other)))  # which indexes its second once
    found = []
    for name in names:
        matcher.set_seq1(" ".join(words(name)))
        found.append(matcher.ratio())
    return found
