"""The errors a person meets: one sentence each, saying what, where, got, expected and what to try."""

from collections.abc import Sequence

SHOWN = 6  # problems spelled out in one message; the rest are counted


class KindlingError(ValueError):
    """Something about the input is wrong; the message is a sentence to the person who gave it."""

    __init__ = Exception.__init__  # by this tf.function sees that a sentence makes one, and raises it as what it is

    @classmethod
    def of(cls, what: str, problems: Sequence[str], then: str = "") -> "KindlingError":
        """One error for all `problems` found in `what`, ending with `then`, the thing to try.

        >>> print(KindlingError.of("a.npz", ["x is missing", "y is extra"], "try `kindling inspect a.npz`"))
        a.npz: x is missing; y is extra; try `kindling inspect a.npz`
        """
        shown = list(problems[:SHOWN])
        if len(problems) > SHOWN:
            shown.append(f"and {len(problems) - SHOWN} more")
        if then:
            shown.append(then)
        return cls(f"{what}: " + "; ".join(shown))


class MissingNetError(KindlingError, AttributeError):
    """A net was called whose weights were not in the loaded file.

    Also an AttributeError, so that `hasattr(kind, "Restoration_net")` answers False instead of raising.
    """


class OutOfMemory(KindlingError):
    """There was no room for a tile where the model runs; a smaller one may fit."""
