"""python -m benchmarks.scale [ROW ...] [--prices FILE]       enhancing on Ray, and what a million photos take

Rows that check: `pixels` (200 mixed photos, Ray against one process), `kills` (SIGKILL of a worker every 20 s), `rerun`
(a set that is done), `memory` (of the process that calls, 10,000 tiny photos). Rows that measure: `stages` (seconds a
photo to read, decode, enhance, encode and write, on one core), `actors` (2 actors against 2 processes by hand, and
against 1 actor), `scheduler` (Ray's own seconds a task), `plan` (1 to 64 workers simulated from `stages` and
`scheduler`, with batches that are all alike, and what a million photos cost). `plan` measures the two itself if they
are not given before it. Seeded weights and noise: what is computed does not matter to the time. Every row says the
machine that it ran on.

FILE is JSON in place of the numbers in PRICES of benchmarks/million.py, which holds `stages`, `scheduler` and `plan`;
here are the rows that run `kindling enhance` whole. --photos, --side and --megapixels make a row smaller or larger.
"""

import argparse
import contextlib
import hashlib
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
from PIL import Image

import convert
from benchmarks import parser
from benchmarks.million import PRICES, plan, scheduler, stages
from tests.support.weights import seeded

EVERY = 20.0  # seconds between kills


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
