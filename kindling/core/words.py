"""Words and numbers that are asked for in several rooms, as sets that a type checker knows."""

from typing import Literal

__all__ = ["ProtocolName", "Ratio"]

Ratio = float | Literal["auto", "default"]
"""How much lighter: a number from 0 up; by the photo itself; what suits the weights."""
ProtocolName = Literal["lol", "blend", "photo", "adjusted"]
"""How the picture is put together: as evaluate_LOLdataset.py; so, but bright places stay; as evaluate.py; so, with its
light adjusted, which KinD++'s program does on demand."""
