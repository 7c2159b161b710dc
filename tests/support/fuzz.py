"""python -m tests.support.fuzz [--count N] [--seed S] [--keep DIR]        (`make fuzz`: 10,000 mutants)

Broken checkpoints of every form, read by a process of their own. Each must give the very arrays, or one clear error;
never a crash, other arrays, a traceback, more than a second of computing or more than a gigabyte. Prints a table, and
keeps what failed. The forms marked * have no checksum that is theirs, or were given a right one: that other numbers
are in them can be told by nobody, so there this is counted as untold, and not held against us.
"""

import argparse
import collections
import importlib.util
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np

import convert
from tests.support import mutants, v1
from tests.support.victim import outcome_of, peak
from tests.support.weights import seeded

ROOT = Path(__file__).parents[2]
NET = "Illumination_adjust_net"  # the smallest, so that a change often hits a structure
SECONDS, BYTES = 1.0, 10**9
PATIENCE = 300  # seconds without a word after which a worker is taken for stuck; other processes may hold it up
BAD = ("different", "crash", "traceback", "slow", "huge")
OUT_OF_MEMORY = re.compile("(can't|cannot|unable to) allocate|not enough memory")  # as libraries say that of theirs
OUTCOMES = ("same", "refused", "untold", *BAD)


def _by_h5py(path, variables):
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in variables.items():
            file.create_dataset(name, data=array, compression="gzip" if array.size > 100 else None)


def _by_safetensors(path, variables):
    from safetensors.numpy import save_file

    save_file(convert.to_torch(variables), path)


def _by_old_torch(path, variables):
    import torch

    state = {key: torch.tensor(array) for key, array in convert.to_torch(variables).items()}
    torch.save(state, path, _use_new_zipfile_serialization=False)


# Form -> (file to be broken, how it is written). A bundle is two files, and is broken in either.
FORMS = {
    "bundle": ("model.ckpt", convert.write),
    "h5": ("x.h5", convert.write),
    "npz": ("x.npz", convert.write),
    "safetensors": ("x.safetensors", convert.write),
    "pth": ("x.pth", convert.write),
    "npz of NumPy": ("x.npz", lambda path, variables: np.savez_compressed(path, **variables)),
    "h5 of h5py *": ("x.h5", _by_h5py),
    "pth before 1.6 *": ("x.pth", _by_old_torch),
    "safetensors of others *": ("x.safetensors", _by_safetensors),
    "TensorFlow's V1": ("model", v1.write),
    "npz repacked": ("x.npz", convert.write),
    "pth repacked *": ("x.pth", convert.write),
    "bundle rechecked *": ("model.ckpt", convert.write),
}
PARTS = ("index", "data-00000-of-00001")


class Worker:
    """A process that reads what it is given, and is replaced when it dies or has grown."""

    def __init__(self, program=("-m", "tests.support.fuzz", "--worker")):
        self.program = program
        self.process = None

    def judge(self, path, expected) -> tuple[str, str]:
        """(outcome, words) of reading `path`, whose weights have the fingerprint `expected`."""
        self.process = self.process or self._start()
        self.process.stdin.write(json.dumps([str(path), expected]) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            code, self.process = self.process.wait(), None
            return ("slow" if not ready or code == -signal.SIGPROF else "crash"), f"the process ended with {code}"
        said = json.loads(line)
        outcome = said["outcome"]
        if said["grown"] > BYTES:
            outcome = "huge"
            self.close()
        elif said["seconds"] > SECONDS:
            outcome = "slow"
        return outcome, f"{said['words']} ({said['seconds']:.2f} s, {said['grown'] / 1e6:.0f} MB)"

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def _start(self):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, *self.program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env=environment,
        )  # fmt: skip


def _warm_up():
    """What is imported, or allocated once and kept, is no mutant's doing."""
    names = ["warm.h5", "warm.npz", "warm.safetensors"]
    if importlib.util.find_spec("torch"):
        names.append("warm.pth")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            convert.write(Path(folder) / name, seeded(NET))
            convert.read(Path(folder) / name)


def work(read=convert.read):
    """The worker: a path and a fingerprint a line, a verdict a line. The kernel ends it after five seconds of one."""
    from kindling import KindlingError

    if read is convert.read:
        _warm_up()
    for line in sys.stdin:
        path, expected = json.loads(line)
        before, start = peak(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 5)
        try:
            outcome, words = ("same" if convert.fingerprint(read(path)) == expected else "different"), ""
        except KindlingError as error:
            outcome, words = ("refused" if outcome_of(error) else "traceback"), str(error)
            if OUT_OF_MEMORY.search(words.lower()):
                outcome = "huge"
        except MemoryError as error:
            outcome, words = "huge", repr(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            outcome, words = "traceback", repr(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        seconds, grown = time.process_time() - start, peak() - before
        print(json.dumps({"outcome": outcome, "words": words, "seconds": seconds, "grown": grown}), flush=True)


def run(forms, count, seed, keep=None, worker=None) -> dict[str, collections.Counter]:
    """`count` mutants of each form. Returns form -> outcome -> how many; `keep` gets those that failed."""
    worker = worker or Worker()
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        for form in forms:
            random = Random(f"{seed} {form}")
            own, other = (_made(Path(folder) / f"{form} {k}", form, k) for k in (0, 1))
            expected = convert.fingerprint(seeded(NET))
            table[form] = collections.Counter()
            for number in range(count):
                path = _mutant(random, form, own, other, Path(folder) / "mutant")
                outcome, words = worker.judge(path, expected)
                if outcome == "different" and form.endswith("*"):
                    outcome = "untold"
                table[form][outcome] += 1
                if outcome in BAD:
                    print(f"{form}, seed {seed}, mutant {number}: {outcome}: {words}", file=sys.stderr)
                    if keep:
                        path.parent.rename(Path(keep) / f"{form.strip(' *')}-{seed}-{number}-{outcome}")
    worker.close()
    return table


def _made(folder, form, which):
    """The sound file, or a sound one with other weights to take blocks from."""
    name, write = FORMS[form]
    folder.mkdir()
    variables = seeded(NET, seed=2019 + which)
    write(folder / name, variables)
    return folder / name


def _mutant(random, form, own, other, folder):
    """A broken copy of `own` in a folder of its own."""
    if folder.exists():
        for path in folder.iterdir():
            path.unlink()
    folder.mkdir(exist_ok=True)
    target = folder / own.name
    if form.startswith("bundle"):
        parts = {part: Path(f"{own}.{part}").read_bytes() for part in PARTS}
        donor = {part: Path(f"{other}.{part}").read_bytes() for part in PARTS}
        if form == "bundle rechecked *":
            parts["index"] = mutants.rechecked(random, parts["index"])
        elif random.random() < 0.05:  # files that do not belong together, or that changed places
            parts = random.choice(
                (
                    {**parts, PARTS[0]: donor[PARTS[0]]},
                    {**parts, PARTS[1]: donor[PARTS[1]]},
                    dict(zip(PARTS, reversed(parts.values()), strict=True)),
                )
            )
        else:
            part = random.choice(PARTS)
            parts[part] = mutants.mutated(random, parts[part], donor[part])
        for part, data in parts.items():
            Path(f"{target}.{part}").write_bytes(data)
    elif "repacked" in form:
        mutants.repacked(random, own, target, other.read_bytes())
    else:
        target.write_bytes(mutants.mutated(random, own.read_bytes(), other.read_bytes()))
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forms", nargs="*", choices=[[], *FORMS], help="by default all")
    parser.add_argument("--count", type=int, default=10_000, help="mutants, of all forms together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="an existing folder for the mutants that failed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work()
    forms = options.forms or list(FORMS)
    table = run(forms, -(-options.count // len(forms)), options.seed, options.keep)
    print(f"{'form':24s} {'mutants':>8s}" + "".join(f"{outcome:>11s}" for outcome in OUTCOMES))
    for form, seen in table.items():
        print(f"{form:24s} {seen.total():8,}" + "".join(f"{seen[outcome]:11,}" for outcome in OUTCOMES))
    total = sum(table.values(), collections.Counter())
    print(f"{'all':24s} {total.total():8,}" + "".join(f"{total[outcome]:11,}" for outcome in OUTCOMES))
    return 1 if any(total[outcome] for outcome in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
