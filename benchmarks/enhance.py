"""python -m benchmarks.enhance [ROW ...]       memory and time of `kindling enhance`, as docs/enhance.md reports them

Rows: `memory` (24 megapixels, both backends), `large` (100 megapixels, torch), `pixel` (time per pixel of 12 megapixels
in tiles against a 400x600 photo), `frameworks` (the whole chain at 400x600, torch against TensorFlow), `kept` (12
megapixels with the memory that is kept between tiles, and without it in tiles twice as large, torch); by default all.
Each run is a process of its own where memory is measured. Times are taken in turn, A B A B: the ratios are what can
be compared, and a busy machine spreads them. Seeded weights and noise: what is computed does not matter to the time.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips

import convert
from benchmarks import parser
from kindling.enhancing import memory
from kindling.enhancing.grid import fitting
from kindling.enhancing.render import render
from kindling.images import load_images
from kindling.photos.photo import read_photo
from kindling.runtimes import open_model
from tests.support.weights import seeded

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does
BACKENDS = ("torch", "tf")
ROUNDS = 7
UNKEPT_BYTES = 700  # that a tile takes for each pixel where nothing is kept
UNKEPT = f"""
from kindling.enhancing import memory
from kind_torch.kind import KinD
memory.keep_freed = memory.give_back = lambda: None
KinD.float32_bytes = {UNKEPT_BYTES}
from kindling.cli import main
main()
"""


def main() -> None:
    # Linux counts what a process held when it began a child as the child's too, so the rows with children come first.
    known = {"memory": peak, "large": large, "kept": kept, "pixel": per_pixel, "frameworks": frameworks}
    arguments = parser(__doc__)
    arguments.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(known))
    rows = arguments.parse_args().rows or list(known)
    unknown = [row for row in rows if row not in known]
    if unknown:
        arguments.error(f"there is no row {unknown[0]}; known are {', '.join(known)}")
    memory.keep_freed()  # as the command line does for PyTorch; TensorFlow keeps memory by itself
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.npz"
        convert.write(weights, seeded())
        for row in rows:
            known[row](Path(folder), weights)


def peak(folder: Path, weights: Path) -> None:
    """Peak memory of a 24-megapixel photo."""
    for backend in BACKENDS:
        in_a_process(photo(folder, 4000, 6000), weights, backend)


def large(folder: Path, weights: Path) -> None:
    """100 megapixels, to the end."""
    in_a_process(photo(folder, 10000, 10000), weights, "torch")


def per_pixel(folder: Path, weights: Path) -> None:
    """Seconds a pixel of 12 megapixels in tiles against those of a 400x600 photo, taken before and after."""
    small, big = (read_photo(photo(folder, *size)) for size in ((400, 600), (3000, 4000)))
    for name in BACKENDS:
        model = open_model(weights, name)
        render(small, model, [("enhanced", 5.0)])  # warms up
        times = [seconds_per_pixel(picture, model) for picture in (small, small, big, small, small)]
        one = statistics.median(times[:2] + times[3:])
        print(
            f"{name}: {one * 1e6:.2f} us a pixel at 400x600, {times[2] * 1e6:.2f} at 3000x4000: {times[2] / one:.2f}x"
        )


def kept(folder: Path, weights: Path) -> None:
    """Seconds and peak memory, in turn: what keeping freed memory brings, and what its gaps cost."""
    file = photo(folder, 3000, 4000)
    height, width = read_photo(file).size
    model = open_model(weights, "torch")
    for size, said in ((model.bytes_per_pixel(), "kept"), (UNKEPT_BYTES, "not kept")):
        grid = fitting(height, width, int(memory.ROOM / size), model.family)
        tiles = len(grid.rows) * len(grid.columns)
        print(
            f"{said}: {size} bytes a pixel, {tiles} tiles or more, {grid.computed / (height * width):.2f} of its pixels"
        )
    for _ in range(2):
        in_a_process(file, weights, "torch")
        in_a_process(file, weights, "torch", ["-c", UNKEPT])


def frameworks(folder: Path, weights: Path) -> None:
    """The nets at 400x600, one after the other as evaluate.py calls them; the ratio is taken of each pair of turns."""
    image = load_images(photo(folder, 400, 600))
    models = {name: open_model(weights, name) for name in ("tf", "torch")}
    times = {name: [] for name in models}
    for _ in range(ROUNDS + 1):
        for name, model in models.items():
            start = time.perf_counter()
            R, L = model.run("decompose", image[np.newaxis])
            model.run("restore", R, L)
            model.run("adjust", L, ratio=5.0)
            times[name].append(time.perf_counter() - start)
    ratios = sorted(b / a for a, b in zip(times["tf"][1:], times["torch"][1:], strict=True))
    print(f"torch / tf at 400x600: {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")


def in_a_process(file: Path, weights: Path, backend: str, program: Sequence[str] = ("-m", "kindling.cli")) -> None:
    """Run the command and say what the kernel counted as its largest size. program: in place of the command line's."""
    out = file.parent / f"out-{backend}"
    command = [sys.executable, *program, "enhance", file, "-o", out, "--force", "--runtime", backend]
    start = time.perf_counter()
    child = subprocess.Popen([*map(str, command), "--weights", str(weights)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"kindling enhance ended with {os.waitstatus_to_exitcode(status)}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    height, width = read_photo(next(out.iterdir())).size
    said = f"{backend}, nothing kept" if "-c" in program else backend
    print(f"{said}, {height}x{width}: {peak:.2f} GB at most, {time.perf_counter() - start:.0f} s")


def seconds_per_pixel(picture, model):
    start = time.perf_counter()
    render(picture, model, [("enhanced", 5.0)])
    return (time.perf_counter() - start) / (picture.size[0] * picture.size[1])


def photo(folder: Path, height: int, width: int) -> Path:
    """A dark, noisy JPEG of that size."""
    path = folder / f"{height}x{width}.jpg"
    if not path.exists():
        noise = pyvips.Image.gaussnoise(width, height, mean=40, sigma=12)
        noise.bandjoin([noise, noise]).cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=90)
    return path


if __name__ == "__main__":
    main()
