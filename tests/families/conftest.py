"""Models of the other families, loaded once for a run."""

import functools

import pytest

from kindling.runtimes import open_arrays
from tests.support.families import families, seeded, whole


@functools.cache
def _seeded(id, runtime, precision):
    (family,) = families(id)
    return open_arrays(seeded(family), runtime, device="cpu", precision=precision, source="seeded", said={"family": id})


@pytest.fixture(scope="session")
def model():
    """(family's id, runtime, precision) -> a model of the family with seeded weights."""
    return lambda id, runtime, precision="float32": _seeded(id, runtime, precision)


@pytest.fixture(scope="session")
def authors_model(reference):
    """The same with the weights that made the authors' goldens."""

    @functools.cache
    def opened(id, runtime, precision="float32"):
        (family,) = families(id)
        weights = whole(reference, family)
        return open_arrays(weights, runtime, device="cpu", precision=precision, source="whole", said={"family": id})

    return opened
