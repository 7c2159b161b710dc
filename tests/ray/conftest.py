"""One Ray for all tests that need it, of two cores, or the one at $RAY_ADDRESS, and photos of several kinds."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from kindling.ray.cluster import QUIET
from tests.support.photos import ICC, exif, noise

# Ray's own 15 would have its workers wait for every other test that runs beside these.
os.environ.setdefault("RAY_worker_niceness", "0")


@pytest.fixture(scope="session")
def ray():
    """The library, started: a run that finds it so leaves it running."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    logging.disable(logging.WARNING)  # what Ray says of every data set
    alone = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 200e6}
    ray.init(
        log_to_driver=False, logging_level=logging.ERROR, **({} if os.environ.get("RAY_ADDRESS") else alone)
    )  # fmt: skip
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of photos: kinds, sizes, depths, transparency, orientation, sub-folders; `broken.jpg` is none."""
    folder = tmp_path_factory.mktemp("photos") / "in"
    (folder / "trip").mkdir(parents=True)
    for number, suffix in enumerate(("png", "jpg", "webp", "tiff", "bmp", "png", "jpg")):
        Image.fromarray(noise(9 + 4 * number, 24, number)).save(folder / f"n{number}.{suffix}")
    Image.fromarray(noise(18, 25)).save(folder / "trip" / "夜 é.jpg", exif=exif(6), icc_profile=ICC)
    Image.fromarray(noise(7, 5)[..., 0]).save(folder / "trip" / "grey.png")
    Image.fromarray(np.dstack([noise(8, 8), noise(8, 8, 1, 255)[..., 0]])).save(folder / "clear.png")
    Image.fromarray(noise(9, 9)[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    (folder / "broken.jpg").write_bytes((folder / "n1.jpg").read_bytes()[:300])
    return folder
