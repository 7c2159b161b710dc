"""What KinD asks of its inputs, checked once for both frameworks, before a framework can answer in its own words."""

from collections.abc import Sequence

from kindling.errors import KindlingError


def check_input(name: str, shape: Sequence[int], channels: int, layout: str) -> None:
    """Refuse anything but a batch of images of at least one pixel. `layout` is "NHWC" or "NCHW"."""
    shape = tuple(shape)
    expected = "(n, h, w, {})" if layout == "NHWC" else "(n, {}, h, w)"
    expected = expected.format(channels)
    if len(shape) != 4 or shape[layout.index("C")] != channels:
        hint = (
            f"; a single image wants a batch axis in front: {expected.replace('n', '1', 1)}" if len(shape) == 3 else ""
        )
        raise KindlingError(f"{name} has shape {shape}, expected {expected}{hint}")
    if 0 in shape:
        raise KindlingError(f"{name} has shape {shape}: there is no pixel in it")


def check_same_size(first: str, a: Sequence[int], second: str, b: Sequence[int], layout: str) -> None:
    """Refuse two images of different batch, height or width."""
    axes = [layout.index(axis) for axis in "NHW"]
    if [a[i] for i in axes] != [b[i] for i in axes]:
        raise KindlingError(
            f"{first} has shape {tuple(a)} and {second} {tuple(b)}: they must match in all but channels"
        )
