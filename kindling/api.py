"""The door for programs: an array in, a brighter array out, with the same steps as `kindling enhance`.

import kindling
brighter = kindling.enhance(photo)                                 # (h, w, 3) uint8, uint16 or float in [0, 1]
backend = kindling.open_backend("tf", "checkpoints")               # loaded once, for many photos
brighter = kindling.enhance(photos, backend, ratio="auto")         # (n, h, w, 3)
"""

import numpy as np

from kindling.core.errors import KindlingError
from kindling.enhancing.ratio import auto_ratio
from kindling.enhancing.render import Backend, check_ratio, choose_grid, enhance_image, render
from kindling.images import stretch
from kindling.photos.photo import Photo
from kindling.runtimes import default_weights
from kindling.runtimes import open_backend as _open


def open_backend(name: str = "torch", weights=None) -> Backend:
    """KinD on "torch" or "tf", with the weights of any file or folder that `kindling convert` reads.

    weights: by default those that the command line takes. Raises KindlingError if the framework is not installed or
    the weights are not sound.
    """
    if name not in ("torch", "tf"):
        raise KindlingError(f"there is no backend {name}; there are torch and tf")
    return _open(name, weights or default_weights())


def enhance(
    image: np.ndarray, backend: Backend | str = "torch", ratio: float | str = 5.0, tile: int | str = "auto"
) -> np.ndarray:
    """evaluate.py of the original (Zhang et al., ACM MM 2019) on one photo or a batch of them.

    image: (h, w, 3) or (n, h, w, 3), RGB; uint8, uint16, or float in [0, 1]. Each photo is stretched to its own
    minimum and maximum first, as the original does. backend: "torch", "tf", or what `open_backend` gave, which spares
    loading the weights again. ratio: how much lighter, usefully 0 to 5, or "auto" (kindling/enhancing/ratio.py). tile:
    pixels, "auto" by the memory at hand, or 0 for none; the result is the same.

    Returns an array of the shape and dtype of `image`, whole numbers truncated as the original does. Raises
    KindlingError for another shape or dtype, NaN, floats beyond [0, 1], or a ratio below 0.
    """
    image = np.asarray(image)
    _check(image)
    if ratio != "auto":
        ratio = check_ratio(ratio)
    backend = open_backend(backend) if isinstance(backend, str) else backend
    if image.ndim == 4:
        return np.stack([_enhance(one, backend, ratio, tile) for one in image])
    return _enhance(image, backend, ratio, tile)


def _enhance(image, backend, ratio, tile):
    if image.dtype.kind == "u":
        photo = Photo(image)
        read = photo.stretched
    else:
        stretched = stretch(image.astype(np.float32))

        def read(rows, columns):
            return stretched[rows, columns]

    grid = choose_grid(image.shape[:2], tile, backend, image.nbytes)
    number = auto_ratio(read, grid, backend) if ratio == "auto" else ratio
    if image.dtype.kind == "u":
        return render(photo, backend, [("enhanced", number)], tile, image.dtype)["enhanced", number]
    return enhance_image(stretched, backend, number, grid).astype(image.dtype)


def _check(image):
    if image.ndim not in (3, 4) or image.shape[-1] != 3 or 0 in image.shape:
        raise KindlingError(f"the image has shape {image.shape}, expected (h, w, 3) or (n, h, w, 3), none of them 0")
    if image.dtype in (np.uint8, np.uint16):
        return
    if image.dtype.kind != "f":
        raise KindlingError(f"the image is {image.dtype}, expected uint8, uint16 or floats in [0, 1]")
    if np.isnan(image).any():
        raise KindlingError(f"the image holds NaN in {int(np.isnan(image).sum())} of its {image.size} values")
    if image.min() < 0 or image.max() > 1:
        raise KindlingError(
            f"the image's floats go from {image.min():g} to {image.max():g}, expected [0, 1]; divide by the largest "
            "value its file can hold, such as 255"
        )
