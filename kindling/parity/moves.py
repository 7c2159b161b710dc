"""What ports and conversions do to kernels and biases without meaning to: each as a function from right to wrong.

Kernels are in TF's axis order (kh, kw, in, out).
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

from kindling.core.names import TO_SLIM, TO_TORCH

Kind = Literal[
    "shape", "not finite", "zero", "flipped", "transposed", "reordered", "rounded", "stored", "few", "scaled",
    "shifted", "noise", "fine-tuned", "unrelated",
]  # fmt: skip
Array = np.ndarray[Any, np.dtype[Any]]
Move = tuple[Kind, str, Callable[[Array], Array]]


def moves(a: Array) -> Iterator[Move]:
    """What ports do to kernels and biases; those that would leave this one's shape as it is."""
    if a.ndim == 4:
        rows, columns, inputs, outputs = a.shape
        if columns > 1:
            yield "flipped", "flipped left-right", lambda x: x[:, ::-1]
        if rows > 1:
            yield "flipped", "flipped up-down", lambda x: x[::-1]
        if rows > 1 and columns > 1:
            yield "flipped", "flipped both ways (turned by 180 degrees)", lambda x: x[::-1, ::-1]
        if rows == columns > 1:
            yield "transposed", "its rows and columns exchanged (H and W)", lambda x: x.swapaxes(0, 1)
            yield "flipped", "turned by 90 degrees", lambda x: np.rot90(x, 1)
            yield "flipped", "turned by 270 degrees", lambda x: np.rot90(x, 3)
        if inputs == outputs > 1:
            yield "transposed", "its inputs and outputs exchanged (I and O)", lambda x: x.swapaxes(2, 3)
            if rows == columns > 1:
                both = "its rows and columns, and its inputs and outputs, exchanged"
                yield "transposed", both, lambda x: x.swapaxes(0, 1).swapaxes(2, 3)
        shape = tuple(a.shape[axis] for axis in TO_TORCH)
        misread = "read in PyTorch's axis order without being turned"
        yield "transposed", misread, lambda x: x.transpose(TO_TORCH).reshape(x.shape)
        yield (
            "transposed",
            "turned from PyTorch's axis order, which it was not in",
            lambda x: x.reshape(shape).transpose(TO_SLIM),
        )
        exchanged = "inputs and outputs exchanged by a reshape"
        yield "transposed", exchanged, lambda x: x.swapaxes(2, 3).reshape(x.shape)
        yield from _orders(inputs, 2, "inputs")
        yield from _orders(outputs, 3, "outputs")
    if a.ndim == 1 and a.size > 1:
        yield from _orders(a.size, 0, "channels")
        if a.size > 4:
            yield "reordered", "in reverse order", lambda x: x[::-1]


def _orders(size: int, axis: int, what: str) -> Iterator[Move]:
    """Likely orders of few channels, and halves that changed places."""

    def taken(*order):
        return lambda x: x.take(order, axis)

    if size in (3, 4):
        yield "reordered", f"its {what} in BGR order", taken(2, 1, 0, *range(3, size))
    if size == 4:
        yield "reordered", f"its {what} in the order 3, 0, 1, 2: the light before the colours", taken(3, 0, 1, 2)
    if size == 2:
        yield "reordered", f"its two {what} exchanged", taken(1, 0)
    if size > 4 and size % 2 == 0:
        half = size // 2
        words = f"the halves of its {what} exchanged (a concat the other way round)"
        yield "reordered", words, lambda x: np.roll(x, half, axis)
