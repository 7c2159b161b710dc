"""python -m tests.support.victim        opens each path given on stdin, a line of JSON each, and says what happened

In a process of its own, so that what an exploit takes of memory can be seen, and what it runs harms nothing else.
"""

import json
import resource
import sys
import time
from pathlib import Path


def peak() -> int:
    """The most address space this process has had, in bytes; where that is not told, the most memory."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmPeak:")[1].split()[0]) * 1024
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def verdict(path) -> dict:
    """What opening `path` comes to: "read" or "refused", in which words, and at what cost."""
    import convert
    from kindling import KindlingError

    before, start = peak(), time.process_time()
    try:
        contents = convert.forms.registry.read(Path(path))
        outcome, words = "read", ", ".join(contents.variables)
        convert.soundness.check(contents.variables, str(path))
        words = "sound"
    except KindlingError as error:
        outcome = "refused" if outcome_of(error) else "traceback"
        words = str(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        outcome, words = "traceback", repr(error)
    return {"outcome": outcome, "words": words, "seconds": time.process_time() - start, "grown": peak() - before}


def outcome_of(error) -> bool:
    """A clear error is one line that says something."""
    return bool(str(error).strip()) and "\n" not in str(error)


def main():
    import h5py
    import safetensors.numpy  # noqa: F401 - what importing takes is nobody's exploit

    import convert  # noqa: F401

    try:
        import torch

        torch.zeros(3)
    except ModuleNotFoundError:
        pass
    h5py.File("warm", "w", driver="core", backing_store=False).close()
    for line in sys.stdin:
        print(json.dumps(verdict(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
