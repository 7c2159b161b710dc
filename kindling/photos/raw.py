"""Raw photos, by rawpy (LibRaw), in a process of their own.

There its threads cannot hang a process that was forked later, what it prints does not reach the screen, a file that
brings it down does not bring down the rest, and the memory it took is given back. Demosaiced with the camera's white
balance into sRGB of 16 bits, upright, and not brightened: that is what the nets are for.
"""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from kindling.core.errors import KindlingError

NEEDS = "is a raw photo, and reading those needs rawpy, which is not installed: pip install 'kindling-llie[raw]'"
# Says height, width and bands of the picture to come, waits for leave, and sends its pixels.
READER = """
import os, sys, rawpy
with rawpy.imread(os.fsencode(sys.argv[1]).decode("utf-8", "surrogateescape")) as raw:
    sizes = raw.sizes
    print(sizes.iheight, sizes.iwidth, flush=True)
    if sys.stdin.readline():
        pixels = raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)
        print(*pixels.shape, flush=True)
        sys.stdout.buffer.write(memoryview(pixels).cast("B"))
"""


class RawPhoto:
    """A raw photo being read: its size is known before it is demosaiced. Close it, or use it in a `with`."""

    def __init__(self, path: Path):
        if importlib.util.find_spec("rawpy") is None:
            raise KindlingError(f"{path}: {NEEDS}")
        self._reader = reader = subprocess.Popen(
            [sys.executable, "-P", "-c", READER, os.fspath(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert reader.stdin is not None  # pipes, as asked for
        assert isinstance(reader.stdout, io.BufferedReader)
        assert reader.stderr is not None
        self._leave, self._answer, self._complaint = reader.stdin, reader.stdout, reader.stderr
        self.height, self.width = self._numbers(2)

    def __enter__(self) -> "RawPhoto":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.kill()
        self._reader.communicate()

    def pixels(self) -> np.ndarray:
        """(h, w, 3) uint16. Raises ValueError, with the reason, for a file that is damaged or of a camera not known."""
        self._leave.write(b"go\n")
        self._leave.flush()
        pixels = np.empty(self._numbers(3), np.uint16)
        if self._answer.readinto(pixels.data.cast("B")) != pixels.nbytes:
            raise ValueError("its pixels ended too early")
        complaint = self._complaint.read().decode(errors="replace").strip()
        if complaint:
            raise ValueError(complaint.splitlines()[-1].split(": ")[-1])
        return pixels

    def _numbers(self, count: int) -> tuple[int, ...]:
        line = self._answer.readline().split()
        if len(line) != count:
            lines = self._reader.communicate()[1].decode(errors="replace").strip().splitlines()
            reason = lines[-1].split(": ", 1)[-1].strip("b'") if lines else "rawpy stopped without a word"
            raise ValueError(f"rawpy says: {reason}")
        return tuple(map(int, line))
