"""Any TensorFlow checkpoint as a PyTorch state and back, by a table that a person has looked through.

    from convert import generic
    Path("net.toml").write_text(generic.draft("model.ckpt", Net()).text)  # kindling map model.ckpt --torch net.py:Net
    generic.convert_by_table("model.ckpt", "net.pth", "net.toml")         # kindling convert ... --map net.toml
    generic.convert_by_table("net.pth", "back.npz", "net.toml")           # the original's names, bit for bit

The rule (convert/generic/layers.py, recurrent.py) knows the layers of slim, tf.layers and Keras. Nothing is guessed in
silence: a variable that no row carries, a shape that does not fit, a row that is marked doubtful stop a conversion.
"""

from .carrying import Carried, to_tf, to_torch
from .conversion import TableConversion, convert_by_table
from .drafting import Draft, draft
from .table import KINDS, Row, Table, read_table

__all__ = [
    "KINDS",
    "Carried",
    "Draft",
    "Row",
    "Table",
    "TableConversion",
    "convert_by_table",
    "draft",
    "read_table",
    "to_tf",
    "to_torch",
]
