"""python -m benchmarks.bench        every way to run the nets, measured in turn: A B A B ...; docs/performance.md

The authors' graph (where KIND_REFERENCE_DIR names their files), kind_tf, kind_torch and the other runtimes, in one run
on one machine. Medians, spread, ratio to the first side, and GFLOP/s as a share of what the machine's own product of
matrices reaches in that precision; the largest size in tiles, in a process of its own, with its peak memory; a folder
of small photos against the nets alone. Seeded weights: what is computed does not matter to how long it takes. --out
writes the JSON, the two pictures beside it, and the generated part of performance.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import convert
from benchmarks import parser, sides
from benchmarks.enhance import photo
from kindling.enhancing import memory
from kindling.enhancing.ratio import default_protocol
from kindling.families.kind.nets import NETS
from kindling.runtimes import RUNTIMES, open_model
from tests.support.weights import STEPS, seeded

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "performance.json"
TILED = 2e6  # pixels from which a size is measured in tiles, and not by the authors' graph
SMALL = (400, 600)  # what a pixel of a large photo is held against


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--sizes", nargs="+", default=["400x600", "1000x1000", "3000x4000"], metavar="HxW", help="default: %(default)s"
    )
    arguments.add_argument("--rounds", type=int, default=7, help="of the first size; later ones take three at most")
    arguments.add_argument("--photos", type=int, default=50, help="in the folder; 0: no folder")
    arguments.add_argument("--sides", nargs="+", default=list(sides.SIDES), choices=list(sides.SIDES))
    arguments.add_argument("--out", type=Path, default=OUT, help="default: docs/performance.json")
    arguments.add_argument("--tiled", nargs=4, help=argparse.SUPPRESS)  # what `in_tiles` calls itself with
    options = arguments.parse_args()
    if options.tiled:
        return tiled(*options.tiled)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line does
    sizes = [(int(h), int(w)) for h, w in (size.split("x") for size in options.sizes)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "weights"
        convert.write(weights, seeded())
        record: dict[str, Any] = {"machine": sides.machine(weights), "sizes": {}}
        with sides.opened(options.sides, weights) as (opened, absent):
            record["absent"] = absent
            for number, size in enumerate(size for size in sizes if size[0] * size[1] < TILED):
                rounds = options.rounds if number == 0 else min(options.rounds, 3)
                chosen = {k: v for k, v in opened.items() if number == 0 or k in sides.FAST}
                record["sizes"]["x".join(map(str, size))] = whole(chosen, size, rounds, record["machine"]["gemm"])
        record["tiled"] = {
            f"{size[0]}x{size[1]}": in_tiles(folder, weights, size, [name for name in opened if name in sides.FAST])
            for size in sizes
            if size[0] * size[1] >= TILED
        }
        if options.photos:
            record["folder"] = in_a_folder(folder, weights, options.photos)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    from benchmarks import performance_page

    performance_page.write(record, options.out)
    return None


def whole(opened: dict[str, sides.Opened], size: tuple[int, int], rounds: int, gemm: dict[str, float]) -> Any:
    """Seconds of each net of each side on one image, taken in turn; the first round warms up."""
    rng = np.random.default_rng(0)
    inputs = {
        STEPS[scope]: [rng.random((1, *size, channels), np.float32) for channels in net.inputs.values()]
        for scope, net in NETS.items()
    }
    times: dict[str, dict[str, list[float]]] = {name: {verb: [] for verb in inputs} for name in opened}
    for _ in range(rounds + 1):
        for name, side in opened.items():
            for verb, arrays in inputs.items():
                start = time.perf_counter()
                side.nets[verb](*arrays)
                times[name][verb].append(time.perf_counter() - start)
    operations = {STEPS[scope]: sides.work(net, *size)[0] for scope, net in NETS.items()}
    sums = {name: [sum(turn) for turn in zip(*of.values(), strict=True)][1:] for name, of in times.items()}
    first = sums[next(iter(sums))]
    rows = {}
    for name, of in times.items():
        medians = {verb: statistics.median(taken[1:]) for verb, taken in of.items()}
        pairs = sorted(b / a for a, b in zip(first, sums[name], strict=True))
        peak = gemm.get(opened[name].precision)
        rows[name] = {
            "precision": opened[name].precision,
            "seconds": statistics.median(sums[name]),
            "spread": [min(sums[name]), max(sums[name])],
            "ratio": statistics.median(pairs),
            "ratios": [pairs[0], pairs[-1]],
            "nets": medians,
            "gflops": {verb: operations[verb] / medians[verb] / 1e9 for verb in medians},
            "share": peak and operations["restore"] / medians["restore"] / 1e9 / peak,
        }
        print(f"{size[0]}x{size[1]} {name:24}{rows[name]['seconds']:9.3f} s  {rows[name]['ratio']:5.2f}", flush=True)
    return rows


def in_tiles(folder: Path, weights: Path, size: tuple[int, int], names: list[str]) -> Any:
    """Seconds a pixel of a large photo against those of a small one, and the peak memory of the process."""
    file, rows = photo(folder, *size), {}
    for name in names:
        runtime, precision = sides.SIDES[name]
        if runtime not in RUNTIMES:
            continue
        arguments = [runtime, precision, str(weights), str(file)]
        command = [sys.executable, "-m", "benchmarks.bench", "--tiled", *arguments]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
        assert child.stdout is not None
        said = child.stdout.read()
        if code := child.wait():
            raise SystemExit(f"{name} in tiles ended with {code}: {said}")
        rows[name] = json.loads(said)
        print(f"{file.stem} {name:24}{rows[name]['seconds']:9.1f} s  {rows[name]['peak_gb']:5.2f} GB", flush=True)
    return rows


def tiled(runtime: str, precision: Any, weights: str, file: str) -> None:
    """In the child: a small photo, the large one, and the small one again."""
    from kindling.enhancing.render import render
    from kindling.photos.photo import read_photo

    if not RUNTIMES[runtime].keeps_memory:
        memory.keep_freed()
    model = open_model(weights, runtime, device="cpu", precision=precision)
    small, large = (read_photo(path) for path in (photo(Path(file).parent, *SMALL), Path(file)))

    def taken(picture: Any) -> float:
        start = time.perf_counter()
        render(picture, model, [("enhanced", 5.0)])
        model.rest()
        return time.perf_counter() - start

    taken(small)
    before = [taken(small), taken(small)]
    seconds = taken(large)
    around = statistics.median([*before, taken(small), taken(small)])
    pixels = large.size[0] * large.size[1] / (small.size[0] * small.size[1])
    measured = {"seconds": seconds, "small": around, "per_pixel": seconds / pixels / around, "peak_gb": peak() / 1e9}
    print(json.dumps(measured))


def peak() -> int:
    """The most memory that this process has had, in bytes.

    Linux counts, for a process that is waited for, what its parent had when it was begun, and here the parent is large;
    so the process says it itself.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    import resource  # which Windows has not

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_a_folder(folder: Path, weights: Path, count: int) -> Any:
    """`kindling enhance` on many small photos, its own clock, against the nets alone on as many."""
    photos = folder / "photos"
    photos.mkdir()
    one = photo(folder, *SMALL).read_bytes()
    for number in range(count):
        (photos / f"{number:03}.jpg").write_bytes(one)
    rows = {}
    for runtime in ("torch", "openvino"):
        try:
            model = open_model(weights, runtime, device="cpu")
        except ValueError as error:
            print(f"a folder, {runtime}: {error}")
            continue
        x = np.random.default_rng(0).random((1, *SMALL, 3), np.float32)
        alone = []
        for _ in range(6):
            start = time.perf_counter()
            R, L = model.run("decompose", x)
            model.run("restore", R, L)
            model.run("adjust", L, ratio=5.0)
            alone.append(time.perf_counter() - start)
        command = [sys.executable, "-m", "kindling.cli", "enhance", photos, "-o", folder / f"out-{runtime}"]
        options = ["--runtime", runtime, "--weights", weights, "--protocol", default_protocol(model)]
        del model
        run = subprocess.run(
            [*map(str, command + options)], check=True, capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip
        whole_run = float(run.stdout.rstrip().rpartition(" in ")[2].removesuffix(" s"))
        nets = statistics.median(alone[1:])
        rows[runtime] = {"photos": count, "seconds": whole_run, "nets": nets, "ratio": whole_run / (count * nets)}
        print(
            f"{count} photos, {runtime}: {whole_run:.1f} s, {rows[runtime]['ratio']:.2f} of the nets alone", flush=True
        )
    return rows


if __name__ == "__main__":
    main()
