"""The C library's memory: freed tensors are kept for the next ones, where the system can be told so."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
NEVER = -1


def keep_freed() -> None:
    """Let this process keep the memory that it frees, for what it asks for next. Only where the C library is glibc.

    PyTorch asks the system anew for every large tensor, and the system clears each page of it: a third of the time of
    a large photo. TensorFlow keeps memory by itself.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)


def give_back() -> None:
    """Return to the system what `keep_freed` kept: the next photo is of another size and would not fit its gaps."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
