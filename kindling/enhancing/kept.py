"""R and L of a whole photo, kept from the one time that it is decomposed, in memory or, of a large one, in a file."""

import tempfile
from typing import BinaryIO

import numpy as np

from kindling.core.errors import KindlingError
from kindling.core.files import reason
from kindling.core.model import Array

__all__ = ["IN_MEMORY", "Kept"]

STRIP = 64  # rows that are written to that file together
IN_MEMORY = 256e6  # bytes of R and L that are kept in memory; those of a larger photo go to a temporary file


class Kept:
    """R and L of a whole photo, put in band by band and asked for by rows: what decomposing it once is good for.

    Those of a large photo lie in a temporary file, which the system deletes with the process.
    """

    def __init__(self, height: int, width: int, dtype: np.dtype):
        self.shape, self.dtype = (height, width, 4), np.dtype(dtype)
        self.row = width * 4 * self.dtype.itemsize
        in_memory = height * self.row <= IN_MEMORY
        self._store: Array | BinaryIO = (
            np.empty(self.shape, dtype) if in_memory else tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        )

    def put(self, rows: slice, R: Array, L: Array) -> None:
        """Keep these rows. R: (h, w, 3), L: (h, w, 1)."""
        if isinstance(self._store, np.ndarray):
            self._store[rows, :, :3], self._store[rows, :, 3:] = R, L
        else:
            self._store.seek(rows.start * self.row)
            for top in range(0, (rows.stop - rows.start), STRIP):  # in strips, or R and L would be in memory twice more
                strip = slice(top, top + STRIP)
                try:
                    self._store.write(np.concatenate([R[strip], L[strip]], axis=2).tobytes())
                except OSError as error:
                    raise KindlingError(
                        f"the folder for temporary files, {tempfile.gettempdir()}: {reason(error)}; set TMPDIR to "
                        "one with room"
                    ) from error

    def get(self, rows: slice) -> tuple[Array, Array]:
        """R (h, w, 3) and L (h, w, 1) of these rows."""
        if isinstance(self._store, np.ndarray):
            band = self._store[rows]
        else:
            self._store.seek(rows.start * self.row)
            numbers = np.frombuffer(self._store.read((rows.stop - rows.start) * self.row), self.dtype)
            band = numbers.reshape((rows.stop - rows.start), *self.shape[1:])
        return band[..., :3], band[..., 3:]
