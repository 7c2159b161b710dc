"""python -m benchmarks.scale [ROW ...] [--prices FILE]       enhancing on Ray, and what a million photos take

Rows that check: `pixels` (200 mixed photos, Ray against one process), `kills` (SIGKILL of a worker every 20 s), `rerun`
(a set that is done), `memory` (of the process that calls, 10,000 tiny photos). Rows that measure: `stages` (seconds a
photo to read, decode, enhance, encode and write, on one core), `actors` (2 actors against 2 processes by hand, and
against 1 actor), `scheduler` (Ray's own seconds a task), `plan` (4 to 64 workers simulated from the last three, and
what a million photos cost). `plan` measures `stages` and `scheduler` itself if they are not given before it. Seeded
weights and noise: what is computed does not matter to the time. Every row says the machine that it ran on.

FILE is JSON in place of the numbers in PRICES; --photos, --side and --megapixels make a row smaller or larger.
"""

import argparse
import contextlib
import hashlib
import heapq
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyvips
from PIL import Image

import convert
from benchmarks import parser
from kindling.families.registry import KIND
from kindling.photos.photo import read_photo, write_photo
from tests.support.weights import seeded

# Assumptions to replace by one's own, in a file for --prices. Dollars; an hour of one core, of one H100, and a
# terabyte-month of object storage. bandwidth: bytes a second that the storage gives to all workers together.
PRICES = {
    "core_hour": 0.045,
    "h100_hour": 3.0,
    "terabyte_month": 23.0,
    "bandwidth": 2.5e9,
    "h100_flops": 30e12,  # a second; under half of what its cores, without their tensor units, are said to do
    "h100_decode": 0.02,  # seconds a 12-megapixel photo, where 8 cores of the GPU's machine read and write
    "bytes_in": 4e6,
    "bytes_out": 6e6,
}
WORKERS = (1, 2, 4, 8, 16, 32, 64)
MILLION = 1_000_000
EVERY = 20.0  # seconds between kills
TASKS = 400  # of the scheduler's measurement


def main() -> None:
    known = {
        "pixels": pixels, "kills": kills, "rerun": rerun, "memory": memory, "stages": stages, "actors": actors,
        "scheduler": scheduler, "plan": plan,
    }  # fmt: skip
    arguments = parser(__doc__)
    arguments.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(known))
    arguments.add_argument("--prices", type=Path, metavar="FILE", help="JSON with any of " + ", ".join(PRICES))
    arguments.add_argument("--photos", type=int, help="so many, in place of a row's own number")
    arguments.add_argument("--side", type=int, help="pixels of a photo's side, in place of a row's own")
    arguments.add_argument("--megapixels", type=float, default=12.0, help="of a photo in stages and plan")
    arguments.add_argument("--turns", type=int, default=2, help="of actors; the best of each way counts")
    arguments.add_argument("--actors", type=int, nargs="+", default=[2, 1], help="numbers of them that are measured")
    arguments.add_argument("--every", type=float, default=EVERY, help="seconds between kills")
    given = arguments.parse_args()
    unknown = [row for row in given.rows if row not in known]
    if unknown:
        arguments.error(f"there is no row {unknown[0]}; known are {', '.join(known)}")
    given.prices = PRICES | (json.loads(given.prices.read_text(encoding="utf-8")) if given.prices else {})
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    given.found = {}
    for row in given.rows or known:
        with tempfile.TemporaryDirectory() as folder:
            given.folder = Path(folder)
            given.weights = given.folder / "weights.npz"
            convert.write(given.weights, seeded())
            known[row](given)


def pixels(given: argparse.Namespace) -> None:
    """The same files from both."""
    photos = mixed(given.folder / "in", given.photos or 200, given.side or 160)
    enhance(given, photos, "one")
    enhance(given, photos, "ray", "--on", "ray", "--actors", "2")
    one, many = (files(given.folder / name) for name in ("one", "ray"))
    print(f"pixels: {sum(many.get(name) == data for name, data in one.items())} of {len(one)} files identical")
    check(one == many)


def kills(given: argparse.Namespace) -> None:
    """A worker dies every so many seconds, and in the end all files are there once, and in the manifest."""
    photos = mixed(given.folder / "in", given.photos or 400, given.side or 160)
    run = start(given, photos, "ray", "--on", "ray", "--actors", "2")
    killed = 0
    while run.poll() is None:
        time.sleep(given.every)
        children = psutil.Process(run.pid).children(recursive=True)  # not the actors of another run on this machine
        actors = [child for child in children if "MapWorker" in " ".join(title(child))]
        if actors:
            random.choice(actors).send_signal(signal.SIGKILL)
            killed += 1
    rows, made = manifest(given.folder / "ray"), files(given.folder / "ray")
    listed = {row["out"]: row["sha256"] for row in rows if row["error"] is None}
    same = listed == {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    print(
        f"kills: {killed} workers killed; {len(made)} of {len(list(photos.iterdir()))} files, {len(rows)} rows, ",
        end="",
    )
    print("equal" if same else "NOT equal", f"; exit code {run.returncode}")
    check(run.returncode == 0 and same and len(rows) == len(list(photos.iterdir())))


def rerun(given: argparse.Namespace) -> None:
    """The seconds of a run that finds everything done. The set is made by the manifest's own writer, without nets."""
    from kindling.ray.manifest import Manifest, row
    from kindling.ray.places import Place

    count = given.photos or 10_000
    photos, out = given.folder / "in", given.folder / "out"
    photos.mkdir()
    out.mkdir()
    rows = []
    for number in range(count):
        (photos / f"{number}.png").write_bytes(b"photo")
        (out / f"{number}_kindle.png").write_bytes(b"picture")
        rows.append(row(source=str(photos / f"{number}.png"), out=f"{number}_kindle.png", sha256="0" * 64, seconds=1.0))
    done = Manifest(Place(str(out)))
    done.add(rows)
    done.close(settled=True)
    started = time.monotonic()
    enhance(given, photos, "out", "--on", "ray")
    print(f"rerun: {count} photos that are done, {time.monotonic() - started:.1f} s")


def memory(given: argparse.Namespace) -> None:
    """The calling process's memory, of its own pages and files', while it goes on; without Ray's and the workers'."""
    photos = mixed(given.folder / "in", given.photos or 10_000, given.side or 8, kinds=("png",))
    run = start(given, photos, "ray", "--on", "ray", "--actors", "2")
    seen = []
    while run.poll() is None:
        with contextlib.suppress(psutil.Error):
            seen.append(psutil.Process(run.pid).memory_info().rss)
        time.sleep(0.5)
    quarters = [max(part) for part in np.array_split(seen, 4) if len(part)]
    print(
        f"memory: {max(seen) / 1e6:.0f} MB at most; by quarters of the run", *(f"{most / 1e6:.0f}" for most in quarters)
    )
    check(run.returncode == 0)


def stages(given: argparse.Namespace) -> None:
    """What a photo takes on one core, part by part."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from kindling.enhancing import memory as allocation
    from kindling.enhancing.render import prepare
    from kindling.runtimes import open_model

    allocation.keep_freed()
    model = open_model(given.weights)
    height = max(int((given.megapixels * 1e6 * 0.75) ** 0.5), 1)
    path = photo(given.folder / "photo.jpg", height, max(int(given.megapixels * 1e6 / height), 1))
    small = read_photo(photo(given.folder / "small.jpg", 64, 64))
    prepare(small, model, "auto", 0).render([("enhanced", 5.0)])  # warms up
    times: dict[str, float] = {}

    def timed(name, work):
        start = time.perf_counter()
        result = work()
        times[name] = times.get(name, 0.0) + time.perf_counter() - start
        return result

    timed("read", path.read_bytes)
    picture = timed("decode", lambda: read_photo(path))
    prepared = timed("nets", lambda: prepare(picture, model, "auto", picture.pixels.size))
    rendered = timed("nets", lambda: prepared.render([("enhanced", 5.0)]))
    timed("encode, write", lambda: write_photo(given.folder / "out.jpg", *rendered.values(), like=picture))
    given.found["stages"] = times
    total = sum(times.values())
    print(f"stages of {given.megapixels:g} megapixels, seconds on one core:", end=" ")
    print(", ".join(f"{name} {seconds:.3f}" for name, seconds in times.items()), f"; together {total:.2f}")


def actors(given: argparse.Namespace) -> None:
    """Photos of a quarter of a megapixel: 1 and 2 actors, and 2 processes that were given half of them each."""
    side, count = given.side or 500, given.photos or 60
    whole = mixed(given.folder / "in", count, side, kinds=("jpg",), same=True)
    halves = []
    for half in (0, 1):
        folder = given.folder / f"half{half}"
        folder.mkdir()
        for path in sorted(whole.iterdir())[half::2]:
            (folder / path.name).symlink_to(path)
        halves.append(folder)
    environment = {"OMP_NUM_THREADS": "1"}
    found: dict[str, list[float]] = {}
    for turn in range(given.turns):
        by_hand = {
            "2 processes": [start(given, half, f"hand{turn}{k}", env=environment) for k, half in enumerate(halves)]
        }
        found.setdefault("2 processes", []).append(throughput(by_hand["2 processes"], count))
        for number in given.actors:
            run = start(given, whole, f"ray{turn}{number}", "--on", "ray", "--actors", str(number))
            found.setdefault(f"{number} actor{'s' if number > 1 else ''}", []).append(throughput([run], count))
    for name, values in found.items():
        print(f"{name}: {statistics.median(values):.2f} photos of {side}x{side} a second")
    best = {name: max(values) for name, values in found.items()}
    twice = best.get("2 actors")
    for name in ("2 processes", "1 actor"):
        if twice and name in best:
            print(f"2 actors / {name}: {twice / best[name]:.3f} (all of each run, starting included)")


def scheduler(given: argparse.Namespace) -> None:
    """Ray Data's own time for a task that does nothing."""
    import pyarrow as pa

    from kindling.ray import cluster

    with cluster.connected() as ray:
        count = given.photos or TASKS
        share = cluster.share_of(ray.cluster_resources())

        def drained(number):
            start = time.perf_counter()
            dataset = ray.data.from_arrow([pa.table({"n": [k]}) for k in range(number)])
            for _ in dataset.map_batches(Nothing, batch_size=None, **cluster.options(share)).iter_batches(
                batch_size=None
            ):
                pass
            return time.perf_counter() - start

        begun = drained(2)
        each = max(drained(count) - begun, 0.0) / count
    given.found["scheduler"] = (begun, each)
    print(f"scheduler: {begun:.2f} s to begin, {each * 1e3:.2f} ms a task")


class Nothing:
    """An actor that gives back what it gets."""

    def __call__(self, batch):
        return batch


def plan(given: argparse.Namespace) -> None:
    """Workers simulated, and a million photos priced."""
    if "stages" not in given.found:
        stages(given)
    if "scheduler" not in given.found:
        scheduler(given)
    times, (_, each), prices = given.found["stages"], given.found["scheduler"], given.prices
    seconds, moved = sum(times.values()), prices["bytes_in"] + prices["bytes_out"]
    print("workers | photos an hour | of the ideal | held up by")
    for count in WORKERS:
        took, held = simulate(count, seconds, each, moved / prices["bandwidth"])
        rate = 3600 / took
        print(f"{count} | {rate:,.0f} | {rate * seconds / 3600 / count:.0%} | {held}")
    hours = seconds * MILLION / 3600
    print(f"a million photos of {given.megapixels:g} megapixels on cores: {hours:,.0f} core-hours, ", end="")
    print(f"${hours * prices['core_hour']:,.0f}")
    flops = operations() * given.megapixels * 1e6
    nets, decoding = flops / prices["h100_flops"], prices["h100_decode"] * given.megapixels / 12
    gpu = max(nets, decoding) * MILLION / 3600
    print(
        f"on H100, ESTIMATED from {flops / 1e12:.1f} TFLOP a photo at {prices['h100_flops'] / 1e12:g} TFLOP/s: ", end=""
    )
    print(f"{gpu:,.0f} GPU-hours, ${gpu * prices['h100_hour']:,.0f}, by {'nets' if nets > decoding else 'decoding'}")
    stored = moved * MILLION / 1e12
    print(f"storage: {stored:,.0f} TB in and out, ${stored * prices['terabyte_month']:,.0f} a month; ", end="")
    print(f"the bandwidth is used up by {prices['bandwidth'] / moved * seconds:,.0f} cores")


def simulate(workers: int, seconds: float, dispatch: float, transfer: float, batch: int = 16) -> tuple[float, str]:
    """Seconds a photo, and what they hang on: photos vary, one dispatcher serves all, and storage is shared."""
    draw = random.Random(0)
    tasks = max(workers * 40, 200)
    free = [0.0] * workers
    dispatcher = storage = 0.0
    for _ in range(tasks):
        begin = max(heapq.heappop(free), dispatcher)
        dispatcher = max(dispatcher, begin - dispatch) + dispatch
        storage = max(storage, begin) + batch * transfer
        work = sum(seconds * draw.uniform(0.75, 1.25) for _ in range(batch))
        heapq.heappush(free, max(begin + dispatch + work, storage))
    took = max(free) / (tasks * batch)
    limits = {"the workers": seconds / workers, "the scheduler": dispatch / batch, "the storage": transfer}
    return took, max(limits, key=lambda name: limits[name])


def operations() -> float:
    """Multiplications and additions for a pixel, by the table of nets: each layer at its own resolution."""
    total = 0.0
    for net in KIND.nets:
        halvings: dict[str, int] = {}
        for layer in net.layers:
            below = halvings.get(layer.of[0], 0)
            halvings[layer.name] = below - 1 if layer.kind == "up" else below + layer.pooled
            seen = below if layer.kind == "up" else halvings[layer.name]  # a transposed one multiplies what it reads
            total += 2 * layer.size**2 * layer.inputs * layer.outputs / 4**seen
    return total


def mixed(
    folder: Path, count: int, side: int, kinds: tuple[str, ...] = ("png", "jpg", "webp", "tiff"), same=False
) -> Path:
    """Photos of noise, of several kinds, sizes and orientations, unless they are to be the `same`."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        height, width = (side, side) if same else draw.integers(max(side // 2, 1), side + 1, 2)
        image = Image.fromarray(draw.integers(0, 60, (height, width, 3), np.uint8))
        kind = kinds[number % len(kinds)]
        if kind == "jpg" and not same:
            tags = Image.Exif()
            tags[0x0112] = number % 8 + 1
            image.save(folder / f"{number:05d}.jpg", exif=tags)
        else:
            image.save(folder / f"{number:05d}.{kind}")
    return folder


def photo(path: Path, height: int, width: int) -> Path:
    """A dark, noisy JPEG."""
    noise = pyvips.Image.gaussnoise(width, height, mean=40, sigma=12)
    noise.bandjoin([noise, noise]).cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=90)
    return path


def start(given, photos: Path, out: str, *options: str, env: dict[str, str] | None = None) -> subprocess.Popen:
    """`kindling enhance` in a process of its own."""
    command = [sys.executable, "-m", "kindling.cli", "enhance", photos, "-o", given.folder / out]
    command += ["--weights", given.weights, *options]
    environment = {**os.environ, **(env or {})}
    return subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, env=environment)


def enhance(given, photos: Path, out: str, *options: str) -> None:
    check(start(given, photos, out, *options).wait() == 0)


def throughput(runs: list[subprocess.Popen], count: int) -> float:
    """Photos a second, until the last of them ends; they have just been started."""
    begun = min(psutil.Process(run.pid).create_time() for run in runs)
    for run in runs:
        check(run.wait() == 0)
    return count / (time.time() - begun)


def title(process: psutil.Process) -> list[str]:
    """Its command line, by which Ray tells its workers apart; nothing of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def files(folder: Path) -> dict[str, bytes]:
    """Name -> content of the pictures in a folder, the manifest left out."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def manifest(folder: Path) -> list[dict]:
    """The rows of the manifest, as any reader of Parquet has them."""
    import pyarrow.parquet as parquet

    return [
        row for part in sorted((folder / "_manifest").iterdir()) for row in parquet.ParquetFile(part).read().to_pylist()
    ]


def check(held: bool) -> None:
    if not held:
        raise SystemExit("this did not hold")


if __name__ == "__main__":
    main()
