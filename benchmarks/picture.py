"""python -m benchmarks.picture WEIGHTS [--pairs DIR ...] [--protocol blend] [--ratio auto] [--border 16] [--charts OUT]

The faults that people see in the pictures, as numbers, blind as `kindling enhance` makes them:

hue      of a chart of flat dark colours, 12 hues at largest channels of 6 to 48 of 255: how many degrees it turns
grey     of a chart of flat greys: the chroma that it is given (CIELAB, over all of them: median and worst)
halo     of a straight edge between dark and bright: how far it over- and undershoots, of the edge's height
frame    of photos: the brightness of the outermost 3 pixels against the next 5, over the same of the bright partner
texture  of photos: the gradient that is kept where the partner has most of it, leaves and petals, after both are
         brought to one mean (the tenth of the squares of 32 pixels with the steepest mean gradient)

DIR holds low/ and high/. Charts are drawn with a white spot, so that the stretch of the input leaves them dark.
"""

import colorsys
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab

from benchmarks import parser
from kindling.core.model import Model
from kindling.enhancing import ratio as ratios
from kindling.enhancing.render import prepare
from kindling.evaluating.pairs import find_pairs
from kindling.images import to_pixels
from kindling.photos.photo import Photo, read_photo
from kindling.runtimes import open_model

PATCH = 48  # pixels a side of one colour of a chart; its middle third is looked at
LEVELS = (6, 12, 24, 48)  # largest channel of the dark colours, of 255
GREYS = (4, 8, 16, 32, 64, 96, 128, 192)
BRIGHTEST = 160  # of the charts: a spot of it stands for what is light in a dark photo


def hue_chart() -> tuple[Photo, list[tuple[int, int, np.ndarray]]]:
    """The chart, and row, column and colour of each patch."""
    colours = [
        (row, column, np.round([level * c for c in colorsys.hsv_to_rgb(column / 12, 0.6, 1)]))
        for row, level in enumerate(LEVELS)
        for column in range(12)
    ]
    return _chart(colours, len(LEVELS), 12), colours


def grey_chart() -> tuple[Photo, list[tuple[int, int, np.ndarray]]]:
    colours = [(0, column, np.full(3, level)) for column, level in enumerate(GREYS)]
    return _chart(colours, 1, len(GREYS)), colours


def edge_chart() -> Photo:
    """Dark on the left, eight times as bright on the right."""
    pixels = np.full((3 * PATCH, 4 * PATCH, 3), 8, np.uint8)
    pixels[:, 2 * PATCH :] = 64
    pixels[-40:-8, 8:40] = BRIGHTEST
    return Photo(pixels)


def hue_errors(model: Model, ratio, protocol) -> np.ndarray:
    """Degrees, of each dark colour."""
    chart, colours = hue_chart()
    picture = _enhance(model, chart, ratio, protocol)
    turns = []
    for row, column, colour in colours:
        hues = [colorsys.rgb_to_hsv(*rgb)[0] * 360 for rgb in (colour / 255, _middle(picture, row, column) / 255)]
        turns.append(abs((hues[1] - hues[0] + 180) % 360 - 180))
    return np.array(turns)


def grey_chroma(model: Model, ratio, protocol) -> np.ndarray:
    """CIELAB chroma, of each grey."""
    chart, colours = grey_chart()
    picture = _enhance(model, chart, ratio, protocol)
    lab = [rgb2lab(_middle(picture, row, column)[None, None] / 255)[0, 0] for row, column, _ in colours]
    return np.array([np.hypot(a, b) for _, a, b in lab])


def halo(model: Model, ratio, protocol) -> tuple[float, float]:
    """Over- and undershoot within 24 pixels of the edge, as shares of its height."""
    profile = _enhance(model, edge_chart(), ratio, protocol)[PATCH // 2 : 3 * PATCH // 2].mean((0, 2))
    edge = 2 * PATCH
    dark, bright = np.median(profile[PATCH // 2 : edge - 24]), np.median(profile[edge + 24 : -PATCH // 2])
    height = max(bright - dark, 1.0)
    return (profile[edge : edge + 24].max() - bright) / height, (dark - profile[edge - 24 : edge].min()) / height


def frame(picture: np.ndarray, partner: np.ndarray) -> float:
    """How the ring of the outermost 3 pixels stands to the ring of the next 5, over the same of the partner, less 1."""
    rings = []
    for image in (picture, partner):
        grey = image.astype(np.float64).mean(2)
        outer, inner = grey.sum() - grey[3:-3, 3:-3].sum(), grey[3:-3, 3:-3].sum() - grey[8:-8, 8:-8].sum()
        counts = grey.size - grey[3:-3, 3:-3].size, grey[3:-3, 3:-3].size - grey[8:-8, 8:-8].size
        rings.append((outer / counts[0]) / max(inner / counts[1], 1e-6))
    return rings[0] / rings[1] - 1


def texture(picture: np.ndarray, partner: np.ndarray, side: int = 32) -> float:
    """The share of the partner's gradient that the picture has where the partner has most."""
    steep = [_steepness(image.astype(np.float64).mean(2) / image.mean(), side) for image in (picture, partner)]
    most = steep[1] >= np.quantile(steep[1], 0.9)
    return float(steep[0][most].mean() / steep[1][most].mean())


def _chart(colours, rows, columns):
    pixels = np.zeros((rows * PATCH + PATCH, columns * PATCH, 3), np.uint8)
    for row, column, colour in colours:
        pixels[row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = colour
    pixels[rows * PATCH :] = 16  # a margin
    pixels[rows * PATCH + 8 : rows * PATCH + 40, 8:40] = BRIGHTEST
    return Photo(pixels)


def _middle(picture, row, column):
    """The mean colour of the middle third of a patch."""
    third = PATCH // 3
    at = [slice(n * PATCH + third, n * PATCH + 2 * third) for n in (row, column)]
    return picture[tuple(at)].astype(np.float64).mean((0, 1))


def _steepness(grey, side):
    """The mean gradient in each square."""
    steps = np.hypot(np.diff(grey, axis=0)[:, :-1], np.diff(grey, axis=1)[:-1])
    h, w = (size // side for size in steps.shape)
    return steps[: h * side, : w * side].reshape(h, side, w, side).mean((1, 3)).ravel()


def _enhance(model, photo, ratio, protocol):
    return to_pixels(prepare(photo, model).at(ratio if ratio == "auto" else float(ratio), protocol=protocol))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("weights", type=Path)
    arguments.add_argument("--pairs", type=Path, action="append", default=[])
    arguments.add_argument("--protocol", choices=ratios.PROTOCOLS, default="blend")
    arguments.add_argument("--ratio", default="auto")
    arguments.add_argument("--border", type=int, default=ratios.BORDER, help="pixels of reflection around a photo")
    arguments.add_argument("--charts", type=Path, help="a folder for the charts as they come out")
    options = arguments.parse_args()
    ratios.BORDER = options.border
    model, how = open_model(options.weights), (options.ratio, options.protocol)
    turns, chroma, (over, under) = hue_errors(model, *how), grey_chroma(model, *how), halo(model, *how)
    print("| fault | median | worst |\n|---|---|---|")
    print(f"| hue, degrees | {np.median(turns):.1f} | {turns.max():.1f} |")
    print(f"| chroma of greys | {np.median(chroma):.1f} | {chroma.max():.1f} |")
    print(f"| halo, over and under, % | {100 * over:.1f} | {100 * under:.1f} |")
    for folder in options.pairs:
        rows = []
        for low, high in find_pairs(folder / "low", folder / "high"):
            picture, partner = _enhance(model, read_photo(low), *how), read_photo(high).pixels
            rows.append((frame(picture, partner), texture(picture, partner)))
        frames, kept = np.array(rows).T
        print(f"| frame of {len(rows)} in {folder}, %, mean: {100 * frames.mean():+.2f} "
              f"| {100 * np.median(np.abs(frames)):.2f} | {100 * np.abs(frames).max():.2f} |")  # fmt: skip
        print(
            f"| texture kept, %, mean: {100 * kept.mean():.0f} | {100 * np.median(kept):.0f} | {100 * kept.min():.0f} |"
        )
    if options.charts:
        from kindling.images import save_images

        options.charts.mkdir(parents=True, exist_ok=True)
        for name, photo in {"hue": hue_chart()[0], "grey": grey_chart()[0], "edge": edge_chart()}.items():
            images = photo.pixels / 255, _enhance(model, photo, *how) / 255
            save_images(options.charts / f"{name}.png", np.concatenate(images))


if __name__ == "__main__":
    main()
