"""What a measurement was made with: versions, processor, system. Two reports that differ mostly differ here."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path

__all__ = ["machine", "processor"]


def machine(packages: Iterable[str] = ()) -> dict[str, str]:
    """Names and what they are. packages: those whose versions matter, by the names that pip knows."""
    made = {
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": f"{processor()}, {os.cpu_count()} cores",
    }
    for name in packages:
        try:
            made[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # it goes by another name here, as tensorflow and tensorflow-cpu
    return made


def processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"
