"""python -m benchmarks.camera PAIRS... [--draw FILE] [--chart FILE]

What two shots of one scene differ by when one has too little light: the numbers behind kindling/training/darkening.py's
Camera. PAIRS are folders with low/ and high/ of a real camera. Of squares of 8 pixels: how many stops less light the
dark shot has; how far its channels and its contrast drift (deviation of the logarithm of each channel's gain, of the
exponent in linear light); and its noise where the bright shot is flat, in linear light: variance = shot * light +
read^2 + row^2. --chart draws that noise over the light, of the dark shots and of what the Camera makes of their bright
partners at the same exposure; --draw puts a few of these photos beside each other.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks import parser
from kindling.evaluating.pairs import find_pairs
from kindling.images import save_images
from kindling.photos.photo import read_photo
from kindling.training.darkening import Camera, dark_shot, darkened, linear

SQUARE = 8
UNSEEN = 1e-12  # variance of squares that are one level of the file, whose noise is not seen
FLAT = 0.012  # deviation in a square of the bright shot, of 1, below which it shows no texture


def squares(x: np.ndarray) -> np.ndarray:
    """(h, w, 3) -> (n, 64, 3)"""
    h, w = (side // SQUARE for side in x.shape[:2])
    x = x[: h * SQUARE, : w * SQUARE].reshape(h, SQUARE, w, SQUARE, 3)
    return x.swapaxes(1, 2).reshape(-1, SQUARE * SQUARE, 3)


def compare(low: np.ndarray, high: np.ndarray) -> dict | None:
    """low, high: (h, w, 3) in [0, 1]. None for a pair with too little between black and white."""
    dark, bright = squares(linear(low)), squares(linear(high))
    means, partners = dark.mean(1), bright.mean(1)
    seen = ((squares(high).mean(1) > 0.2) & (squares(high).mean(1) < 0.9)).all(1)
    if seen.sum() < 30:
        return None
    gains = np.median(means[seen] / partners[seen], 0)
    exponent = np.polyfit(np.log(partners[seen].mean(1)), np.log(means[seen].mean(1) + 1e-5), 1)[0]
    flat = (squares(high).std(1) < FLAT).all(1) & (squares(high).mean(1) < 0.95).all(1)
    rows = linear(low).mean(2)
    steps = np.diff(rows, axis=0)
    common = max(0.0, np.median(steps, axis=1).var() - np.pi / 2 * np.median(steps.var(1)) / rows.shape[1])
    return {
        "stops": float(-np.log2(gains.mean())),
        "balance": np.log(gains / gains.mean()),
        "exponent": float(exponent),
        "light": means[flat].ravel(),
        "variance": dark.var(1)[flat].ravel(),
        "row": float(np.sqrt(common / 2)),
    }


def levels(light: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twelve levels of light, each with as many squares, and the variance that four squares of five stay below."""
    edges = np.quantile(light, np.linspace(0, 1, 13))
    at, of = [], []
    for lo, hi in pairwise(edges):
        inside = (light >= lo) & (light <= hi)
        if inside.sum() > 30:
            at.append(np.median(light[inside]))
            of.append(np.quantile(variance[inside], 0.8))
    return np.array(at), np.array(of)


def noise(light: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """shot and read of the four squares of five that are least noisy: the rest has texture."""
    at, of = levels(light, variance)
    weights = 1 / np.maximum(of, 1e-9)  # each level counts by its own size
    design = np.stack([at, np.ones_like(at)], 1) * weights[:, None]
    shot, read = np.maximum(np.linalg.lstsq(design, of * weights, rcond=None)[0], 0)
    return float(shot), float(np.sqrt(read))


def joined(shots: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """The light and the variance of the flat squares of all shots."""
    light, variance = (np.concatenate([shot[part] for shot in shots]) for part in ("light", "variance"))
    return light, variance


def camera_of(found: dict) -> Camera:
    """One that takes as many stops less light as the dark shot of a pair has."""
    return replace(Camera(), stops=(found["stops"], found["stops"]))


def made(found: dict, bright: np.ndarray, seed: int) -> dict | None:
    """`compare` of the shot that such a Camera takes of the bright photo."""
    dark, _ = dark_shot(bright, float(bright.max()), camera_of(found), np.random.default_rng(seed))
    return compare(dark / 255, bright)


def chart(path: Path, shots: dict[str, tuple[list[dict], list[dict]]]) -> None:
    """Deviation over light. shots: by folder, those that are real, drawn whole, and those that are made, dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, (name, both) in enumerate(shots.items()):
        for kind, line, some in zip(("real", "made"), ("-", "--"), both, strict=True):
            at, of = levels(*joined(some))
            seen = of > UNSEEN
            axes.plot(at[seen], np.sqrt(of[seen]), line, color=f"C{number}", label=f"{name}, {kind}")
    axes.set(
        xscale="log", yscale="log", xlabel="linear light of the dark shot, white 1",
        ylabel="deviation within flat squares, four of five below",
    )  # fmt: skip
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def draw(path: Path, pairs, rows: int = 4) -> None:
    """The dark photo stretched, and what is made of the bright one."""
    pictures = []
    for number, (low, high) in enumerate(pairs[:: max(1, len(pairs) // rows)][:rows]):
        photo, partner = read_photo(low), read_photo(high)
        found = compare(photo.pixels / 255, partner.pixels / 255)
        if found is None:
            continue
        bright = partner.pixels[:256, :256].astype(np.float32) / 255
        largest = float(partner.pixels.max()) / 255
        dark = darkened(bright, largest, camera_of(found), np.random.default_rng(number))
        pictures.append(np.concatenate([bright, photo.stretched()[:256, :256], dark], 1))
    save_images(path, np.concatenate(pictures)[::2, ::2])


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("pairs", type=Path, nargs="+")
    arguments.add_argument("--draw", type=Path)
    arguments.add_argument("--chart", type=Path)
    options = arguments.parse_args()
    print("| pairs | stops, 5 / 50 / 95 % | balance | contrast | shot | read | row |\n|---|---|---|---|---|---|---|")
    shots = {}
    for folder in options.pairs:
        found, drawn = [], []
        for number, pair in enumerate(find_pairs(folder / "low", folder / "high")):
            low, high = (read_photo(path).pixels / 255 for path in pair)
            one = compare(low, high)
            if one:
                found.append(one)
                drawn.append(made(one, high, number) if options.chart else None)
        shots[str(folder)] = found, [one for one in drawn if one]
        stops = np.percentile([one["stops"] for one in found], (5, 50, 95))
        drift = np.std([one["balance"] for one in found])
        contrast = np.std(np.log([max(one["exponent"], 0.05) for one in found]))
        shot, read = noise(*joined(found))
        row = np.median([one["row"] for one in found])
        print(f"| {len(found)} of {folder} | {' / '.join(f'{s:.1f}' for s in stops)} | {drift:.2f} | {contrast:.2f} "
              f"| {shot:.1e} | {read:.1e} | {row:.1e} |")  # fmt: skip
    if options.chart:
        chart(options.chart, shots)
    if options.draw:
        draw(options.draw, find_pairs(options.pairs[0] / "low", options.pairs[0] / "high"))


if __name__ == "__main__":
    main()
