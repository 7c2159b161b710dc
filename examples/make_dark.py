"""python examples/make_dark.py        makes examples/dark.png

A photo with a known answer that anyone may use: scikit-image's `coffee` (Rachel Michetti, CC0), as a camera would see
it by one weak lamp at the upper right, with the noise of few photons and of the sensor, in 8 bits. The lamp matters:
a photo that is evenly dark is bright again as soon as it is stretched to its own maximum, which is KinD's first step.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

REACH = 0.22  # of the lamp, as a share of the picture's width
AMBIENT = 0.025  # light where the lamp does not reach, as a share of the light beside it
PHOTONS = 8000  # counted from a white pixel by full light
READ_NOISE = 4.0  # photons

linear = (data.coffee() / 255) ** 2.2
h, w = linear.shape[:2]
y, x = np.mgrid[:h, :w] / w
lamp = np.exp(-((x - 1) ** 2 + y**2) / (2 * REACH**2))
light = (AMBIENT + (1 - AMBIENT) * lamp)[..., np.newaxis]
rng = np.random.default_rng(2019)
electrons = rng.poisson(linear * light * PHOTONS) + READ_NOISE * rng.standard_normal(linear.shape)
dark = np.clip(electrons / PHOTONS, 0, 1) ** (1 / 2.2)
out = Path(__file__).parent / "dark.png"
Image.fromarray((255 * dark + 0.5).astype(np.uint8)).save(out)
print(f"{out.name}: {w}x{h}, mean {255 * dark.mean():.0f} of 255, brightest {255 * dark.max():.0f}")
