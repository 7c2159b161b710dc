"""python docs/make_pictures.py        docs/before-after.png: examples/dark.png, and what checkpoints/ makes of it"""

from pathlib import Path

import numpy as np

import kindling
from kindling.images import load_images, save_images

ROOT = Path(__file__).parents[1]

dark = ROOT / "examples" / "dark.png"
photo = load_images(dark)
gap = np.ones((photo.shape[0], 6, 3), np.float32)
picture = kindling.prepare(dark, kindling.open_model(ROOT / "checkpoints")).at()
save_images(ROOT / "docs" / "before-after.png", photo, gap, picture)
