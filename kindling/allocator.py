"""The C library's memory, told what a training does: take and free the same gigabytes at every step."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
NEVER = -1  # trim
LARGE = 2**30, 2**25  # bytes, beyond which a block is the system's own; older glibc take no more than 32 MB


def keep_freed_memory() -> bool:
    """Keep what is freed for the next step, until the process ends. Returns whether this system can be told so.

    Left alone, Linux's malloc hands the memory of a step back to the system, and the next step waits while the same
    pages are cleared and handed out again: 10,000 page faults a step of DecomNet, a tenth of its time on two threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:  # another system, or another C library
        return False
    # Setting one of the two stops glibc from adapting the other, so both or the first would be harmful.
    return any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGE) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))
