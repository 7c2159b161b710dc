"""What a person sees of a training: losses.csv, curves and pictures for TensorBoard, and a word when L goes flat."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kindling.training import collapse
from kindling.training.board import Board
from kindling.training.loop import Progress

__all__ = ["Log", "Watch"]


class Log:
    """folder/losses.csv: one row every `every` steps, each the mean of the terms since the row before."""

    def __init__(self, folder: Path, every: int, start: int):
        self.path, self.every, self.count = folder / "losses.csv", every, 0
        self.sums: dict[str, float] = {}
        rows = []
        if start and self.path.is_file():  # rows of steps that were lost with a kill are dropped
            with self.path.open(newline="") as file:
                rows = [row for row in csv.reader(file) if not row[0].isdigit() or int(row[0]) <= start]
        folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        self.empty = not rows

    def __call__(self, progress: Progress) -> dict[str, float] | None:
        """Count a step in; the means, if a row was written with it."""
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in progress.terms.items()}
        self.count += 1
        if progress.step % self.every:
            return None
        means = {name: total / self.count for name, total in self.sums.items()}
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if self.empty:
                writer.writerow(["step", "lr", *means])
            writer.writerow([progress.step, f"{progress.lr:g}", *(f"{value:.6g}" for value in means.values())])
        self.sums, self.count, self.empty = {}, 0, False
        return means


class Watch:
    """Told of every step, it writes the log, draws the curves, and warns.

    pictures: what the net makes of a few photos now, each (h, w, 1 or 3); for decomposition those named `L...` are
    looked at for flatness. warn: says a sentence to the person, once for each time that L goes flat, unless L is
    `judged` by another loss than the original's.
    """

    def __init__(
        self,
        log: Log,
        board: Board,
        pictures: Callable[[], dict[str, np.ndarray]],
        show: Callable[[Progress, dict[str, float] | None], None],
        warn: Callable[[str], None],
        judged: bool = False,
    ):
        self.judged = judged
        self.log, self.board, self.pictures, self.show, self.warn, self.flat = log, board, pictures, show, warn, False

    def __call__(self, progress: Progress) -> None:
        means = self.log(progress)
        self.show(progress, means)
        if not means:
            return
        values = {f"loss/{name}": value for name, value in means.items()} | {"lr": progress.lr}
        lights = [image for name, image in self.pictures().items() if name.startswith("L")]
        if lights:
            values["L/deviation"] = float(np.mean([collapse.flatness(L[np.newaxis]) for L in lights]))
            said = collapse.warning_during(values["L/deviation"], progress.step)
            if said and not self.flat and not self.judged:
                self.warn(said)
            self.flat = bool(said)
        self.board.numbers(progress.step, values)

    def draw(self, step: int) -> None:
        """The pictures, for TensorBoard."""
        self.board.pictures(step, self.pictures())
