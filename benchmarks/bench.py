"""python -m benchmarks.bench        speed and memory of both frameworks, measured in turn: A B A B ...

Times are of this machine and this minute; the ratios, taken pair by pair, are what can be compared. Seeded weights:
what is computed does not matter to how long it takes.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import convert
from benchmarks import parser
from tests.support.weights import seeded

ROOT = Path(__file__).parents[1]
SIZE = (1, 400, 600)
ROUNDS = 7
CHANNELS = {"decompose": (3,), "restore": (3, 1), "adjust": (1, 1)}


def main() -> None:
    parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights"
        convert.write(weights, seeded())
        nets(weights)
        conversions(weights, Path(folder))
        memory(weights)


def nets(weights: Path) -> None:
    """Time of each net on a 400x600 image, torch against TensorFlow."""
    import kind_tf.arrays
    import kind_torch.arrays

    sides = {
        "tf": (kind_tf.load(weights), kind_tf.arrays.run),
        "torch": (kind_torch.load(weights), kind_torch.arrays.run),
    }
    print(f"{'net at 400x600':16}{'tf':>9}{'torch':>9}   torch / tf, median of {ROUNDS} pairs (min, max)")
    rng = np.random.default_rng(0)
    for step, channels in CHANNELS.items():
        inputs = [rng.random((*SIZE, c), np.float32) for c in channels]
        times = {name: [] for name in sides}
        for _ in range(ROUNDS + 1):  # the first warms up
            for name, (kind, run) in sides.items():
                start = time.perf_counter()
                run(kind, step, *inputs)
                times[name].append(time.perf_counter() - start)
        tf, torch = (times[name][1:] for name in ("tf", "torch"))
        ratios = sorted(b / a for a, b in zip(tf, torch, strict=True))
        print(
            f"{step:16}{statistics.median(tf):8.2f}s{statistics.median(torch):8.2f}s   "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}, {ratios[-1]:.2f})"
        )


def conversions(weights: Path, folder: Path) -> None:
    """Whole processes: `kindling convert` to every form."""
    print(f"\n{'convert to':16}{'seconds':>9}   whole process, median of 3")
    for name in ("x.npz", "x.h5", "x.safetensors", "x.pth", "x.ckpt"):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            _kindling("convert", weights, folder / name, "--force")
            times.append(time.perf_counter() - start)
        print(f"{name:16}{statistics.median(times):8.1f}s")


def memory(weights: Path) -> None:
    """Peak memory of a whole process that enhances one 400x600 image."""
    program = (
        "import sys, numpy as np, importlib; name, weights = sys.argv[1:]; "
        "package = importlib.import_module(name); arrays = importlib.import_module(name + '.arrays'); "
        "arrays.run(package.load(weights), 'enhance', np.random.rand(1, 400, 600, 3).astype('float32'))"
    )
    print(f"\n{'enhance 400x600':16}{'peak':>9}   whole process")
    before = 0
    for name in ("kind_torch", "kind_tf"):  # the smaller first: the kernel keeps the maximum over all children
        subprocess.run(
            [sys.executable, "-c", program, name, str(weights)], check=True, cwd=ROOT, stderr=subprocess.DEVNULL
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
        print(f"{name:16}{peak:7.2f} GB" + ("" if peak > before else "   (no more than the one above)"))
        before = peak


def _kindling(*arguments):
    command = [sys.executable, "-m", "kindling.cli", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
