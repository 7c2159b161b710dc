"""python docs/make_pictures.py        docs/before-after.png: examples/dark.png, and what checkpoints/ makes of it"""

from pathlib import Path

import numpy as np

import kind_torch.arrays
from kindling.enhancing.render import Backend, enhance_image
from kindling.images import load_images, save_images

ROOT = Path(__file__).parents[1]

photo = load_images(ROOT / "examples" / "dark.png")
backend = Backend("torch", kind_torch.load(ROOT / "checkpoints"), kind_torch.arrays.run)
gap = np.ones((photo.shape[0], 6, 3), np.float32)
save_images(ROOT / "docs" / "before-after.png", photo, gap, enhance_image(photo, backend))
