"""Memory that is freed is there for what is asked for next, until it is given back."""

import platform
import subprocess
import sys

import pytest

from kindling.enhancing import allocator

KEPT = r"""
import psutil
from kindling.enhancing import allocator

def held():
    return psutil.Process().memory_info().rss / 2**20

allocator.keep_freed()
before = held()
block = b"\1" * (128 * 2**20)  # each byte written, or the system would only promise it
del block
kept = held() - before
allocator.give_back()
print(kept, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc is told to keep what is freed")
def test_what_is_freed_is_kept_until_given_back():
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    kept, after = map(float, run.stdout.split())
    assert kept > 120
    assert after < 16


def test_elsewhere_memory_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)  # calling it would be an error
    allocator.keep_freed()
    allocator.give_back()
