"""What tests share: skipping with a reason, the authors' files, and loaded models (made once for a run)."""

import importlib.util
import os
from pathlib import Path

import hypothesis
import pytest

from tests.support.browser import chromium
from tests.support.weights import authors_weights, seeded

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # or TensorFlow's notes bury a failing test
# Processes that test side by side share the cores: where each asked for all of them, a thread would wait for another's.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(threads, str(max(1, (os.cpu_count() or 1) // int(workers))))
# Properties are tried on the same examples in every run; `--hypothesis-profile=long` tries a thousand.
hypothesis.settings.register_profile("suite", max_examples=40, derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("long", hypothesis.settings.get_profile("suite"), max_examples=1000)
hypothesis.settings.load_profile("suite")
BROWSED = ("gradio", "playwright")
FRAMEWORKS = {"tf": "tensorflow", "torch": "torch"}


def pytest_collection_modifyitems(items):
    """A test marked `tf` or `torch` is skipped where that framework is not installed, and the reason says so."""
    for item in items:
        for mark, module in FRAMEWORKS.items():
            if item.get_closest_marker(mark) and importlib.util.find_spec(module) is None:
                item.add_marker(pytest.mark.skip(reason=f"{module} is not installed: pip install -e '.[{mark}]'"))
        if item.get_closest_marker("reference") and not os.environ.get("KIND_REFERENCE_DIR"):
            reason = "needs the authors' files: KIND_REFERENCE_DIR=<folder> make test, see CONTRIBUTING.md"
            item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("ui"):
            lacking = [f"{module} is not installed" for module in BROWSED if importlib.util.find_spec(module) is None]
            lacking += [] if chromium() else ["there is no Chromium: apt install chromium"]
            if lacking:
                item.add_marker(pytest.mark.skip(reason="; ".join(lacking)))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the authors' checkpoints, photos and goldens."""
    return Path(os.environ["KIND_REFERENCE_DIR"])


@pytest.fixture(scope="session")
def weights():
    return seeded()


@pytest.fixture(scope="module")
def small():
    """Two small nets, so that thirty conversions take a second."""
    variables = seeded("Illumination_adjust_net", "DecomNet")
    variables["DecomNet/g_conv10/biases"][:] = -0.0, 1e-42, -3.5  # a signed zero and a subnormal are weights too
    return variables


@pytest.fixture(scope="session")
def tf_kind(weights):
    return _kind("kind_tf", weights, "float32")


@pytest.fixture(scope="session")
def tf_kind64(weights):
    return _kind("kind_tf", weights, "float64")


@pytest.fixture
def torch_kind(weights):
    """Fresh for every test: some break it on purpose."""
    return _kind("kind_torch", weights, "float32")


@pytest.fixture
def torch_kind64(weights):
    return _kind("kind_torch", weights, "float64")


@pytest.fixture(scope="session")
def seeded_npz(weights, tmp_path_factory):
    """The seeded weights as a file."""
    import convert

    path = tmp_path_factory.mktemp("weights") / "seeded.npz"
    convert.write(path, weights)
    return path


@pytest.fixture(scope="session")
def reference_weights(reference, tmp_path_factory):
    """The authors' decomposition and adjustment with the seeded restoration, which made reference/evaluate."""
    return authors_weights(reference, tmp_path_factory.mktemp("weights") / "reference")


@pytest.fixture
def authors(tmp_path):
    """Small stand-ins for the authors' files, on a host of this machine."""
    from tests.support import server

    with server.running() as host:
        authors = server.Authors(tmp_path / "authors", host)
        authors.serve_archive()
        yield authors


def _kind(package, variables, dtype):
    import convert

    module = importlib.import_module(package)
    importlib.import_module(f"{package}.arrays")
    kind = module.KinD(convert.nets_in(variables), dtype, source="the seeded weights")
    kind.assign(variables)
    return kind
