"""python examples/make_dark.py        makes examples/dark.png

A photo with a known answer that anyone may use: scikit-image's `coffee` (Rachel Michetti, CC0), as a camera would see
it by a 20th of the light, with the noise of few photons and of the sensor, in 8 bits.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

LIGHT = 1 / 20
PHOTONS = 8000  # a white pixel of the well-lit photo
READ_NOISE = 3.0  # photons

photo = Image.fromarray(data.coffee())
linear = (np.asarray(photo) / 255) ** 2.2
rng = np.random.default_rng(2019)
electrons = rng.poisson(linear * LIGHT * PHOTONS) + READ_NOISE * rng.standard_normal(linear.shape)
dark = np.clip(electrons / PHOTONS, 0, 1) ** (1 / 2.2)
out = Path(__file__).parent / "dark.png"
Image.fromarray((255 * dark + 0.5).astype(np.uint8)).save(out)
print(f"{out}: {photo.width}x{photo.height}, mean {255 * dark.mean():.0f} of 255")
