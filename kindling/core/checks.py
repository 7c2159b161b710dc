"""What KinD asks of its inputs, checked once for both frameworks, before a framework can answer in its own words."""

from collections.abc import Mapping, Sequence

from kindling.core.errors import KindlingError


def check_input(name: str, shape: Sequence[int | None], channels: int, layout: str) -> None:
    """Refuse anything but a batch of images of at least one pixel. `layout` is "NHWC" or "NCHW".

    A size that is not known yet, inside a traced graph, is None and passes.
    """
    shape = tuple(shape)
    expected = ("(n, h, w, {})" if layout == "NHWC" else "(n, {}, h, w)").format(channels)
    if len(shape) != 4 or shape[layout.index("C")] not in (channels, None):
        hint = (
            f"; a single image wants a batch axis in front: {expected.replace('n', '1', 1)}" if len(shape) == 3 else ""
        )
        raise KindlingError(f"{name} has shape {shape}, expected {expected}{hint}")
    if 0 in shape:
        raise KindlingError(f"{name} has shape {shape}: there is no pixel in it")


def check_dtype(name: str, dtype: str, expected: str) -> None:
    """Refuse pixels that are not numbers in [0, 1] of the model's own precision."""
    if "int" in dtype:
        raise KindlingError(f"{name} is {dtype}, expected {expected} in [0, 1]: divide by 255, or by 65535 for 16 bits")
    if dtype != expected:
        raise KindlingError(f"{name} is {dtype} and the model {expected}: convert one to the other")


def check_same_size(first: str, a: Sequence[int | None], second: str, b: Sequence[int | None], layout: str) -> None:
    """Refuse two images of different batch, height or width, as far as these are known."""
    pairs = [(a[k], b[k]) for k in map(layout.index, "NHW")]
    if any(x != y for x, y in pairs if x is not None and y is not None):
        raise KindlingError(
            f"{first} has shape {tuple(a)} and {second} {tuple(b)}: they must match in all but channels"
        )


def check_nets(nets: Sequence[str], known: Sequence[str], family: str = "KinD") -> None:
    """Refuse the name of a net that the family does not have."""
    strangers = [str(net) for net in nets if net not in known]
    if strangers:
        raise KindlingError(f"{family} has no net called {', '.join(strangers)}; its nets are {', '.join(known)}")


def check_state(source: str, own: Mapping[str, Sequence[int]], given: Mapping[str, Sequence[int]]) -> None:
    """Refuse weights whose names or shapes are not the model's own, everything at once. Both: name -> shape."""
    problems = [f"{name} is missing" for name in own if name not in given]
    problems += [f"{name} is not a variable of this model" for name in given if name not in own]
    problems += [
        f"{name} has shape {tuple(given[name])}, expected {tuple(own[name])}"
        for name in own
        if name in given and tuple(given[name]) != tuple(own[name])
    ]
    if problems:
        raise KindlingError.of(source, problems)


def check_floats(name: str, dtype: str) -> None:
    """Refuse numbers without a fraction, from which no gradient comes."""
    if "float" not in dtype:
        hint = ": divide by 255, or by 65535 for 16 bits" if "int" in dtype else ""
        raise KindlingError(f"{name} is {dtype}, expected floats{hint}")


def check_match(**tensors: tuple[Sequence[int | None], str]) -> None:
    """Refuse two tensors, name=(shape, dtype), that are not floats of one kind, one shape and some element.

    A size that is not known yet, inside a traced graph, is None and passes.
    """
    (first, (a, kind)), (second, (b, other)) = tensors.items()
    check_floats(first, kind)
    check_floats(second, other)
    if kind != other:
        raise KindlingError(f"{first} is {kind} and {second} {other}: convert one to the other")
    if len(a) != len(b) or any(x != y for x, y in zip(a, b, strict=True) if x is not None and y is not None):
        raise KindlingError(f"{first} has shape {tuple(a)} and {second} {tuple(b)}: they must be the same")
    if 0 in tuple(a):
        raise KindlingError(f"{first} has shape {tuple(a)}: there is nothing in it")


def check_images(
    name: str, shape: Sequence[int | None], layout: str, channels: Sequence[int] = (), least: int = 1, why: str = ""
) -> None:
    """Refuse what is no batch of images, or of other than these channels (none: any), or smaller than `least` pixels.

    why: what needs so many pixels, or so many channels.
    """
    shape = tuple(shape)
    wanted = " or ".join(str(c) for c in channels) or "c"
    expected = f"(n, h, w, {wanted})" if layout == "NHWC" else f"(n, {wanted}, h, w)"
    if len(shape) != 4 or (channels and shape[layout.index("C")] not in (*channels, None)):
        raise KindlingError(f"{name} has shape {shape}, expected {expected}{f': {why}' if why else ''}")
    height, width = (shape[layout.index(side)] for side in "HW")
    if any(size is not None and size < least for size in (height, width)):
        raise KindlingError(f"{name} has shape {shape}: {why} {least}x{least} pixels or more")


def check_range(name: str, low: float, high: float, slack: float = 0.0) -> None:
    """Refuse values from `low` to `high` that are not all in [0, 1], give or take `slack`; NaN is not."""
    if low != low or high != high:
        raise KindlingError(f"{name} holds NaN, expected [0, 1]")
    if not (low >= -slack and high <= 1 + slack):
        raise KindlingError(
            f"{name} goes from {low:g} to {high:g}, expected [0, 1]: divide by the largest value it can have, or clip"
        )


def check_sum(name: str, low: float, high: float) -> None:
    """Refuse probabilities whose sums, from `low` to `high`, are not 1 but for rounding in half precision."""
    if not (low >= 0.99 and high <= 1.01):
        raise KindlingError(f"{name} sums to {low:g} to {high:g} over its classes, expected 1: apply a softmax first")


def check_positive(**numbers: float) -> None:
    """Refuse a number, given by its name, that is not above 0, or is infinite."""
    for name, number in numbers.items():
        if not 0 < number < float("inf"):
            raise KindlingError(f"{name} is {number}, expected a number above 0")


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word that is none of those known."""
    if value not in known:
        raise KindlingError(f"{name} is {value!r}, expected {', '.join(known[:-1])} or {known[-1]}")


def check_levels(levels: int) -> None:
    """Refuse a pyramid of no levels, or of more than any image has."""
    if levels not in range(1, 33):
        raise KindlingError(f"levels is {levels}, expected a whole number from 1 to 32")


def check_window(size: int) -> None:
    """Refuse a window that has no middle."""
    if size not in range(1, 1000, 2):
        raise KindlingError(f"size is {size}, expected an odd number of pixels below 1000")


def check_share(share: float) -> None:
    """Refuse a share that is none of a whole, or all of it."""
    if not 0 < share < 1:
        raise KindlingError(f"share is {share}, expected a number between 0 and 1")
