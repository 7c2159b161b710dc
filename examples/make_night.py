"""python examples/make_night.py        makes examples/night.jpg

A real photo taken at dusk that anyone may use: scikit-image's `rocket`, byte for byte. It is SpaceX's picture of the
Falcon 9 that brought DSCOVR into space in February 2015, which they gave to the public domain (CC0).
"""

import shutil
from pathlib import Path

import skimage

OUT = Path(__file__).parent / "night.jpg"

if __name__ == "__main__":
    shutil.copyfile(Path(skimage.__file__).parent / "data" / "rocket.jpg", OUT)
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")
