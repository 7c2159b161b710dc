"""python -m benchmarks.conversion [CHECKPOINTS]       `kindling convert` against the same through TensorFlow's reader

Whole processes, by turns: A, `kindling convert CHECKPOINTS out.safetensors`, which reads the bundles itself; B, the
same with every bundle read by tf.train.load_checkpoint. Time and peak memory of each, and the median ratio of pairs.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import parser
from convert import fingerprint, read

ROUNDS = 7
OURS = "import sys; from kindling.cli import main; sys.exit(main(['convert', *sys.argv[1:]]))"
THEIRS = """
import sys, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
from convert.forms import bundles
def by_tensorflow(prefix, digest):
    reader = tf.train.load_checkpoint(str(prefix))
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return bundles.tensor_bundle.Bundle(tensors=tensors, graph=None, big_endian=False, strings=())
bundles.tensor_bundle.parse = by_tensorflow
from kindling.cli import main
sys.exit(main(["convert", *sys.argv[1:]]))
"""
UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("checkpoints", nargs="?", default="checkpoints", metavar="CHECKPOINTS")
    checkpoints = arguments.parse_args().checkpoints
    with tempfile.TemporaryDirectory() as folder:
        taken = {"ours": [], "theirs": []}
        peaks, made = {"ours": 0, "theirs": 0}, {}
        for turn in range(ROUNDS + 1):
            for name, program in (("ours", OURS), ("theirs", THEIRS)):
                out = Path(folder) / f"{name}-{turn}.safetensors"
                seconds, peak = in_a_process(program, checkpoints, str(out))
                made[name] = fingerprint(read(out))
                if turn:  # the first warms the disk
                    taken[name].append(seconds)
                    peaks[name] = max(peaks[name], peak)
        assert made["ours"] == made["theirs"]
    for name, seconds in taken.items():
        print(
            f"{name}: {statistics.median(seconds):.2f} s (from {min(seconds):.2f}), {peaks[name] / 1e6:.0f} MB at most"
        )
    ratios = sorted(b / a for a, b in zip(taken["ours"], taken["theirs"], strict=True))
    print(f"theirs / ours: {statistics.median(ratios):.1f} (from {ratios[0]:.1f} to {ratios[-1]:.1f})")


def in_a_process(program: str, *arguments: str) -> tuple[float, int]:
    """Seconds, and bytes at most as the kernel counted them."""
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # TensorFlow greets
    child = subprocess.Popen([sys.executable, "-c", program, *arguments], **quiet)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"convert ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss * UNIT


if __name__ == "__main__":
    main()
