"""Parity is worth something only if it fails: the mirror broken in every known way, and caught by name each time."""

import pytest

from kindling.parity.check import Side, compare, random_cases
from tests.support.pitfalls import PITFALLS, SIZE, broken

pytestmark = [pytest.mark.tf, pytest.mark.torch]


@pytest.fixture
def sides(tf_kind, tf_kind64, torch_kind, torch_kind64):
    import kind_tf.runtime
    import kind_torch.runtime

    return (
        Side("TF", kind_tf.runtime.Model(tf_kind), kind_tf.runtime.Model(tf_kind64)),
        Side("torch", kind_torch.runtime.Model(torch_kind), kind_torch.runtime.Model(torch_kind64)),
    )


CASES = random_cases(["x".join(map(str, SIZE))])


@pytest.mark.slow
@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda p: p.name)
def test_parity_names_what_was_broken(sides, pitfall):
    reference, port = sides
    with broken(port.single.kind, pitfall), broken(port.double.kind, pitfall):
        report = compare(reference, port, CASES)
    assert not report.ok
    first = [row.what for row in report.first_differences if row.what.startswith(pitfall.net + "/")]
    assert first == [pitfall.first]


def test_the_unbroken_mirror_passes(sides):
    report = compare(*sides, CASES)
    assert report.ok
    assert report.first_differences == []


@pytest.mark.slow
def test_broken_mirrors_are_whole_again(sides):
    """The table of costs in docs/parity.md relies on it."""
    for pitfall in PITFALLS:
        with broken(sides[1].single.kind, pitfall):
            pass
    assert compare(*sides, CASES).ok
