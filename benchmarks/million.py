"""What a million photos take, for benchmarks/scale.py: the rows `stages`, `scheduler` and `plan`.

One photo is timed part by part on one core, and Ray alone by tasks that do nothing; workers are simulated from both,
and priced by PRICES. No command is started here, and no file compared: that is scale.py's own.
"""

import argparse
import heapq
import os
import random
import time
from pathlib import Path

import pyvips

from kindling.families.registry import KIND
from kindling.photos.photo import read_photo, write_photo

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
TASKS = 400  # of the scheduler's measurement


def stages(given: argparse.Namespace) -> None:
    """What a photo takes on one core, part by part."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # read when the framework is imported, by open_model
    from kindling.enhancing import memory as allocation
    from kindling.enhancing.render import prepare
    from kindling.runtimes import open_model

    allocation.keep_freed()
    model = open_model(given.weights)
    del os.environ["OMP_NUM_THREADS"]  # the rows that follow begin processes of their own
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = threads
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


def scheduler(given: argparse.Namespace) -> None:
    """Ray Data's own time for a task that does nothing."""
    import pyarrow as pa

    from kindling.ray import cluster

    class Nothing:  # in here, so that it goes to the actors whole, and they import nothing for it
        """An actor that gives back what it gets."""

        def __call__(self, batch):
            return batch

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


def photo(path: Path, height: int, width: int) -> Path:
    """A dark, noisy JPEG."""
    noise = pyvips.Image.gaussnoise(width, height, mean=40, sigma=12)
    noise.bandjoin([noise, noise]).cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=90)
    return path
