"""python -m benchmarks.ui [SIZE ...]      from a moved slider to the new picture, in the server of `kindling ui`

For each SIZE, HxW, by default 400x600: how long the page's preview takes when a photo comes (once), and at every move
of the ratio, of strength and of denoise, the JPEG included. Medians over fresh values, the default weights, on the CPU.
What the network and the browser add is not in it.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import parser
from kindling.core.model import Model
from kindling.enhancing import memory
from kindling.runtimes import open_model
from kindling.ui.preview import Preview

MOVES = 15


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("sizes", nargs="*", metavar="SIZE", default=["400x600"])
    arguments.add_argument("--runtime", default="torch")
    options = arguments.parse_args()
    memory.keep_freed()  # as `kindling ui`
    model = open_model(runtime=options.runtime, device="cpu")
    print("| size | photo comes, s | ratio, ms | strength, ms | denoise, ms |\n|---|---|---|---|---|")
    for size in options.sizes:
        height, width = map(int, size.split("x"))
        preview, came = arriving(height, width, model)
        rows = [median(move) for move in moves(preview)]
        print(f"| {size} | {came:.1f} | {' | '.join(f'{row * 1000:.0f}' for row in rows)} |")


def arriving(height: int, width: int, model: Model) -> tuple[Preview, float]:
    """The preview of a photo of that size, and the seconds that it took with its first picture."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        photo.write_bytes(dark(height, width))
        started = time.perf_counter()
        preview = Preview(photo, model, side=max(height, width), megapixels=100)
        preview.at(2.0, 1.0, 1.0)
        return preview, time.perf_counter() - started


def moves(preview: Preview) -> tuple[Callable[[float], bytes], ...]:
    """What a share from 0 to 1 of each slider asks for."""
    return (
        lambda share: preview.at(5 * share, 1.0, 1.0),
        lambda share: preview.at(2.0, share, 1.0),
        lambda share: preview.at(2.0, 1.0, share),
    )


def median(move: Callable[[float], bytes]) -> float:
    """Seconds of one move; no value comes twice, so nothing that is kept helps."""
    seconds = []
    for share in np.linspace(0.05, 0.95, MOVES):
        started = time.perf_counter()
        move(float(share))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def dark(height: int, width: int) -> bytes:
    """A photo of noise as a file; what is in it does not matter to the time."""
    pixels = np.random.default_rng(0).integers(0, 60, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


if __name__ == "__main__":
    main()
