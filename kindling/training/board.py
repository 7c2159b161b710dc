"""Curves and pictures of a training for TensorBoard, written without TensorFlow or PyTorch.

TensorBoard's own EventFileWriter would import TensorFlow wherever it is installed, only to open a file: that takes
seconds, and leaves notes on stderr, in a training on PyTorch. So the file is opened here, and only the records are
TensorBoard's.
"""

import io
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kindling.core.optional import import_framework
from kindling.images import to_pixels

__all__ = ["Board"]


class Board:
    """Event files in `folder`: `tensorboard --logdir` shows them. Use as a context, which writes out what is left."""

    def __init__(self, folder: Path, start: int = 0):
        import_framework("tensorboard", "drawing the curves of a training")
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 1000:016d}.{socket.gethostname()}.{os.getpid()}"
        self._writer, self._event, self._summary = (
            RecordWriter((folder / name).open("xb")),
            event_pb2.Event,
            summary_pb2.Summary,
        )
        self._write(self._event(wall_time=time.time(), file_version="brain.Event:2"))
        self._writer.flush()
        if start:  # steps that were lost with a kill are hidden
            session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(self._event(wall_time=time.time(), step=start + 1, session_log=session))

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def numbers(self, step: int, values: dict[str, float]) -> None:
        """One point on each of the curves named in `values`."""
        self._add(step, [self._summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])

    def pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        """One picture under each name, (h, w, 1 or 3) in [0, 1]."""
        values = []
        for tag, picture in pictures.items():
            h, w, channels = picture.shape
            file = io.BytesIO()
            Image.fromarray(to_pixels(picture).squeeze()).save(file, "PNG")
            image = self._summary.Image(height=h, width=w, colorspace=channels, encoded_image_string=file.getvalue())
            values.append(self._summary.Value(tag=tag, image=image))
        self._add(step, values)
        self._writer.flush()

    def _add(self, step: int, values: Sequence[Any]) -> None:
        self._write(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
