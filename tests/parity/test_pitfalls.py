"""Parity is worth something only if it fails: the mirror broken in every known way, and caught by name each time."""

import pytest

from kindling.parity.check import Side, compare, random_cases
from tests.support.pitfalls import PITFALLS, SIZE, broken

pytestmark = [pytest.mark.tf, pytest.mark.torch]


@pytest.fixture
def sides(tf_kind, tf_kind64, torch_kind, torch_kind64):
    import kind_tf.arrays
    import kind_torch.arrays

    return (
        Side("TF", tf_kind, tf_kind64, kind_tf.arrays),
        Side("torch", torch_kind, torch_kind64, kind_torch.arrays),
    )


CASES = random_cases(["x".join(map(str, SIZE))])


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda p: p.name)
def test_parity_names_what_was_broken(sides, pitfall):
    reference, port = sides
    with broken(port.single, pitfall), broken(port.double, pitfall):
        report = compare(reference, port, CASES)
    assert not report.ok
    first = [row.what for row in report.first_differences if row.what.startswith(pitfall.net + "/")]
    assert first == [pitfall.first]


def test_the_unbroken_mirror_passes(sides):
    report = compare(*sides, CASES)
    assert report.ok
    assert report.first_differences == []


def test_broken_mirrors_are_whole_again(sides):
    """The table of costs in docs/parity.md relies on it."""
    for pitfall in PITFALLS:
        with broken(sides[1].single, pitfall):
            pass
    assert compare(*sides, CASES).ok
