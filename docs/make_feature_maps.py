"""python docs/make_feature_maps.py        docs/maps/*.jpg: what every layer of the nets makes of examples/night.jpg

The photo at half its size goes through the nets with the weights in checkpoints/, as `kindling enhance` would send it,
and of each layer five channels are kept. They are the ones that vary most over the photo and are not alike: a channel
is passed over if it follows one that was taken (correlation beyond 0.8). Each is stretched to its own range, black to
white, and shown at the size of the photo without smoothing, so that the layer's own pixels are seen.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import kindling
from kindling.core.model import Layered
from kindling.families.kind.nets import NETS
from kindling.images import stretch

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "maps"
KEPT = 5  # channels of each layer
ALIKE = 0.8
WIDTH, GAP, QUALITY = 192, 4, 82


def main() -> None:
    OUT.mkdir(exist_ok=True)
    model = kindling.open_model(ROOT / "checkpoints", "torch", device="cpu")
    with Image.open(ROOT / "examples" / "night.jpg") as photo:
        half = photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS)
    x = stretch(np.asarray(half, np.float32) / 255)[np.newaxis]
    R, L = model.run("decompose", x)
    (restored,) = model.run("restore", R, L)
    ratio = kindling.prepare(half, model).auto_ratio
    (adjusted,) = model.run("adjust", L, ratio=ratio)
    inputs = {
        "DecomNet": (x,), "Restoration_net": (R, L), "Illumination_adjust_net": (L, np.full_like(L, ratio)),
    }  # fmt: skip
    for scope, arrays in inputs.items():
        for name, maps in layers(model, scope, arrays):
            whole = [tile(maps)] if maps.shape[-1] == 3 else []  # a head of three channels is a picture
            save(f"{name}.jpg", whole + [tile(maps[..., channel], own=not whole) for channel in shown(maps)])
    save("decomposed.jpg", [tile(x[0]), tile(R[0]), tile(L[0], own=False)])
    save("restored.jpg", [tile(R[0]), tile(restored[0]), tile(np.abs(restored - R)[0])])
    save("adjusted.jpg", [tile(L[0], own=False), tile(adjusted[0], own=False), tile((restored * adjusted)[0])])
    slopes(model, x)
    joined(model, x)
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} pictures, {total / 1e6:.1f} MB, ratio {ratio:.2f}")


def layers(model: Layered, scope: str, arrays: tuple[np.ndarray, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Each layer of the table, by its name, and its result (h, w, channels), after activation or concat."""
    of = {layer.name: layer for layer in NETS[scope].layers}
    results = dict(model.layers(scope, *arrays))
    for name, layer in of.items():
        last = "concat" if layer.kind == "up" else "Maximum" if "lrelu" in layer.after else "BiasAdd"
        result = results[f"{scope}/{name}/{last}"]
        yield name, 1 / (1 + np.exp(-result[0])) if "sigmoid" in layer.after else result[0]


def shown(maps: np.ndarray) -> list[int]:
    """Of a head that makes a picture all channels, of other layers the chosen ones."""
    return [0, 1, 2] if maps.shape[-1] == 3 else chosen(maps)


def chosen(maps: np.ndarray) -> list[int]:
    """The channels to show, those that vary most first."""
    flat = maps.reshape(-1, maps.shape[-1]).astype(np.float64)
    flat -= flat.mean(0)
    spread = np.sqrt((flat**2).mean(0))
    taken: list[int] = []
    for channel in map(int, np.argsort(-spread, kind="stable")):
        likeness = [
            abs((flat[:, channel] * flat[:, other]).mean()) / (spread[channel] * spread[other] + 1e-12)
            for other in taken
        ]
        if max(likeness, default=0) < ALIKE:
            taken.append(channel)
    return taken[:KEPT]


def tile(picture: np.ndarray, own: bool = True, size: tuple[int, int] = (WIDTH, WIDTH * 213 // 320)) -> Image.Image:
    """(h, w) or (h, w, 1 or 3) as a picture of one size; own: one channel is stretched to its own range."""
    picture = picture.squeeze()
    if picture.ndim == 2 and own:
        low, high = np.percentile(picture, (0.5, 99.5))
        picture = (picture - low) / max(high - low, 1e-6)
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize(size, Image.Resampling.BOX if image.width >= size[0] else Image.Resampling.NEAREST)


def save(name: str, tiles: list[Image.Image]) -> None:
    """The tiles beside each other."""
    width = sum(one.width for one in tiles) + GAP * (len(tiles) - 1)
    mode = "RGB" if any(one.mode == "RGB" for one in tiles) else "L"
    sheet = Image.new(mode, (width, tiles[0].height), "white")
    left = 0
    for one in tiles:
        sheet.paste(one, (left, 0))
        left += one.width + GAP
    sheet.save(OUT / name, quality=QUALITY, optimize=True)


def slopes(model: Layered, x: np.ndarray) -> None:
    """lrelu.jpg: a channel before, after, and what became of its negative values."""
    results = dict(model.layers("DecomNet", x))
    before, after = results["DecomNet/g_conv1_1/BiasAdd"][0], results["DecomNet/g_conv1_1/Maximum"][0]
    mixed = np.argmax(np.minimum((before < 0).mean((0, 1)), (before > 0).mean((0, 1))))  # half below zero
    reach = np.percentile(np.abs(before[..., mixed]), 99.5)
    pair = [tile(0.5 + array[..., mixed] / (2 * reach), own=False) for array in (before, after)]
    save("lrelu.jpg", [*pair, tile((before[..., mixed] < 0).astype(np.float32), own=False)])


def joined(model: Layered, x: np.ndarray) -> None:
    """upsample_and_concat.jpg: two channels from below, two of what they help to make, one of the skip."""
    results = dict(model.layers("DecomNet", x))
    below, made = results["DecomNet/g_conv8_1/Maximum"][0], results["DecomNet/g_up_2/g_up_2"][0]
    skip = results["DecomNet/g_conv1_1/Maximum"][0]
    sides = [(below, 2), (made, 2), (skip, 1)]
    save("upsample_and_concat.jpg", [tile(maps[..., channel]) for maps, n in sides for channel in chosen(maps)[:n]])


if __name__ == "__main__":
    main()
