"""Memory that a training step frees is there for the next: told so, malloc asks the system for none anew."""

import subprocess
import sys
import types

import pytest

from kindling import allocator

PROGRAM = """if True:
    import resource, sys
    import numpy as np
    from kindling.allocator import keep_freed_memory
    if sys.argv[1] == "told" and not keep_freed_memory():
        sys.exit("no glibc")
    def step():
        blocks = [np.ones(2**20) for _ in range(12)]  # 96 MB, more than malloc keeps by itself
    for _ in range(3):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 5)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="malloc's settings are glibc's")
def test_freed_memory_is_kept():
    faults = {}
    for told in ("untold", "told"):
        run = subprocess.run([sys.executable, "-c", PROGRAM, told], capture_output=True, text=True)
        if "no glibc" in run.stderr:
            pytest.skip("the C library is not glibc")
        assert run.returncode == 0, run.stderr
        faults[told] = int(run.stdout)
    if faults["untold"] < 1000:
        pytest.skip("pages are so large here that hardly any is asked for")
    assert faults["told"] < 100


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, platform):
    monkeypatch.setattr(allocator.sys, "platform", platform)
    assert allocator.keep_freed_memory() is False


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: types.SimpleNamespace())
    assert allocator.keep_freed_memory() is False


def test_a_limit_of_older_glibc_is_met(monkeypatch):
    asked = []

    def mallopt(what, size):
        asked.append((what, size))
        return int((what, size) != (allocator.M_MMAP_THRESHOLD, 2**30))

    monkeypatch.setattr(allocator.sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: types.SimpleNamespace(mallopt=mallopt))
    assert allocator.keep_freed_memory() is True
    assert asked == [(-3, 2**30), (-3, 2**25), (-1, -1)]
