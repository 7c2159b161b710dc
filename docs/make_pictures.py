"""python docs/make_pictures.py        docs/before-after.png: examples/night.jpg, and what checkpoints/ makes of it

The picture is as `kindling enhance examples/night.jpg` writes it, with no dial touched.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import kindling

ROOT = Path(__file__).parents[1]
GAP = 6  # white columns between the two


def main() -> None:
    with Image.open(ROOT / "examples" / "night.jpg") as photo:
        before = np.asarray(photo)
    after = kindling.enhance(before, kindling.open_model(ROOT / "checkpoints"))
    gap = np.full((before.shape[0], GAP, 3), 255, np.uint8)
    sheet = Image.fromarray(np.concatenate([before, gap, after], axis=1))
    sheet.save(ROOT / "docs" / "before-after.png", optimize=True)
    print(f"before-after.png: mean {before.mean():.0f} and {after.mean():.0f} of 255")


if __name__ == "__main__":
    main()
