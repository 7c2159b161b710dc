"""How large tiles may be: by what is free, what the pictures take, and how hungry the framework is."""

import pytest

from kindling.enhancing import memory


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
