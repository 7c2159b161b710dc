"""How large tiles may be, by what is free and what the pictures take; and freed memory that is kept till given back."""

import platform
import subprocess
import sys

import pytest

from kindling.enhancing import memory
from kindling.enhancing.kept import IN_MEMORY
from tests.support.models import FakeModel


class Hungry(FakeModel):
    """Takes so many bytes a pixel, and has so many."""

    def __init__(self, footprint, free):
        super().__init__()
        self.footprint, self.free = footprint, free

    def bytes_per_pixel(self):
        return self.footprint

    def free_bytes(self):
        return self.free


@pytest.mark.parametrize(
    ("free", "footprint", "whole"),
    [(10**11, 820, True), (10**11, 1500, False), (10**9, 820, False)],
    ids=["fits", "a hungrier framework", "little is free"],
)
def test_a_photo_is_whole_where_the_nets_have_room(free, footprint, whole):
    grid = memory.auto_grid(1000, 1100, Hungry(footprint, free), 3_300_000)
    assert ((len(grid.rows), len(grid.columns)) == (1, 1)) is whole
    assert grid.largest * footprint <= memory.ROOM


def test_pictures_take_of_what_is_free():
    grids = [memory.auto_grid(4000, 6000, Hungry(820, 2 * 10**9), results) for results in (0, 10**9)]
    assert grids[1].largest < grids[0].largest


def test_what_a_gpu_has_is_no_matter_of_the_pictures():
    model = Hungry(820, 2 * 10**9)
    model.device = "cuda:0"
    assert memory.auto_grid(4000, 6000, model, 0) == memory.auto_grid(4000, 6000, model, 10**9)


def test_r_and_l_take_their_part_as_long_as_they_are_in_memory():
    side = int((IN_MEMORY / memory.PIXEL) ** 0.5)
    inside, beyond = (memory.auto_grid(n, n, Hungry(1500, 10**11), 0).largest for n in (side, side + 16))
    assert inside < beyond


KEPT = r"""
import psutil
from kindling.enhancing import memory

def resident():
    return psutil.Process().memory_info().rss / 2**20

memory.keep_freed()
before = resident()
block = b"\1" * (128 * 2**20)  # each byte written, or the system would only promise it
del block
kept = resident() - before
memory.give_back()
print(kept, resident() - before)
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
