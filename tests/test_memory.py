"""How large tiles may be, and that memory once had is kept until it is given back."""

import platform
import subprocess
import sys

import pytest

from kindling import memory

KEPT = r"""
import psutil
from kindling import memory

def held():
    return psutil.Process().memory_info().rss / 2**20

memory.keep_freed()
before = held()
block = b"\1" * (128 * 2**20)  # each byte written, or the system would only promise it
del block
kept = held() - before
memory.give_back()
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
    monkeypatch.setattr(memory.ctypes, "CDLL", None)  # calling it would be an error
    memory.keep_freed()
    memory.give_back()


@pytest.mark.parametrize(
    ("free", "footprint", "whole"),
    [(10**11, 820, True), (10**11, 1500, False), (10**9, 820, False)],
    ids=["fits", "a hungrier framework", "little is free"],
)
def test_a_photo_is_whole_where_the_nets_have_room(monkeypatch, free, footprint, whole):
    monkeypatch.setattr(memory, "free", lambda: free)
    grid = memory.auto_grid(1000, 1200, 3_600_000, footprint)
    assert ((len(grid.rows), len(grid.columns)) == (1, 1)) is whole
    assert grid.largest * footprint <= memory.ROOM


def test_pictures_take_of_what_is_free(monkeypatch):
    monkeypatch.setattr(memory, "free", lambda: 2 * 10**9)
    grids = [memory.auto_grid(4000, 6000, results, 820) for results in (0, 10**9)]
    assert grids[1].largest < grids[0].largest
