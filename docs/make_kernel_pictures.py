"""python docs/make_kernel_pictures.py        docs/kernels/*.png, and the figures that docs/kernels.md quotes

Everything is computed by what the project itself uses where it uses it: the mask's own kernel and mask
(kindling/families/kind/fusion.py) and the pyramid of the losses (kind_torch/losses/pyramid.py), on
examples/night.jpg and examples/dark.png.
"""

import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2gray

import kindling
from kind_torch.losses.pyramid import laplacian_pyramid
from kindling.families.kind.fusion import RADIUS, SIGMA, gaussian_kernel, mask
from kindling.images import load_images

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "kernels"
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16  # the pyramid's kernel
DT, STEPS = 0.225, 20  # of the heat equation: sigma² = 2 t = 9, the mask's
CORNER = (slice(230, 420), slice(150, 480))  # rows, columns: lamps, lattice and clouds
BLUE, RED, GREEN, BROWN = "#2b6cb0", "#c53030", "#2f855a", "#975a16"


def main() -> None:
    OUT.mkdir(exist_ok=True)
    photo = load_images(ROOT / "examples" / "night.jpg")
    gray = rgb2gray(photo)
    responses()
    edge()
    heat(gray)
    sharpened(photo[CORNER])
    masked()
    levels(photo[CORNER])
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} pictures, {total / 1e3:.0f} kB")


def response(kernel: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """What a symmetric kernel of odd length leaves of waves of so many radians a pixel."""
    n = np.arange(len(kernel)) - len(kernel) // 2
    return np.cos(np.outer(omega, n)) @ kernel


def laplacian(u: np.ndarray) -> np.ndarray:
    """The five-point Laplacian; beyond its border an image goes on as its last pixel."""
    return ndimage.correlate(u, np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], u.dtype), mode="nearest")


def responses() -> None:
    """Both frequency responses side by side: what blurs lies below 1, what sharpens above."""
    omega = np.linspace(0, np.pi, 400)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.7), layout="constrained")
    for sigma, color in ((1.0, GREEN), (SIGMA, BLUE)):
        left.plot(omega, np.exp(-((sigma * omega) ** 2) / 2), color=color, label=f"Gaussian, sigma {sigma:g}")
    left.plot(omega, response(gaussian_kernel(), omega), "--", color="black", lw=1, label="the mask's 25 weights")
    left.plot(omega, response(BINOMIAL, omega), color=BROWN, label="(1, 4, 6, 4, 1)/16")
    left.set_title("Gaussian: low-pass", fontsize=9)
    right.plot(omega, 2 - 2 * np.cos(omega), color=RED, label="-Laplacian: 2 - 2 cos(w)")
    right.plot(omega, omega**2, ":", color=RED, label="-d²/dx²: w²")
    for c, color in ((0.25, GREEN), (0.5, BLUE)):
        right.plot(omega, 1 + c * (2 - 2 * np.cos(omega)), color=color, label=f"I - {c:g} Laplacian")
    right.plot(omega, 1 - response(BINOMIAL, omega) ** 2, color=BROWN, label="a level of the pyramid: I - B B")
    right.set_ylim(0, 4.2)
    right.set_title("Laplacian: high-pass; I - c Laplacian: high-boost", fontsize=9)
    for axis in (left, right):
        axis.set_xticks([0, np.pi / 4, np.pi / 2, np.pi], ["0", "pi/4\n8 px", "pi/2\n4 px", "pi\n2 px"])
        axis.set_xlabel("w, radians a pixel; the wave's length", fontsize=8)
        axis.legend(fontsize=7)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
    _save(figure, "responses")
    for length in (40, 20, 8, 4):
        w = np.array([2 * np.pi / length])
        own, ideal = response(gaussian_kernel(), w)[0], np.exp(-((SIGMA * w[0]) ** 2) / 2)
        print(f"wave of {length:2} px: the mask's kernel leaves {own:.4f}, the Gaussian {ideal:.4f}")
    off = np.abs(response(gaussian_kernel(), omega) - np.exp(-((SIGMA * omega) ** 2) / 2)).max()
    print(f"the mask's {2 * RADIUS + 1} weights against the Gaussian: largest difference of the responses {off:.1e}")


def edge() -> None:
    """A step of brightness: what a blur takes from its slope, what a Laplacian adds on both sides of it."""
    x = np.arange(-20, 21)
    step = ndimage.gaussian_filter1d((x >= 0) * 0.6 + 0.2, 1.0, mode="nearest")
    second = np.convolve(np.pad(step, 1, mode="edge"), [1, -2, 1], "valid")
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.2), layout="constrained")
    blurred = ndimage.convolve1d(step, gaussian_kernel(), mode="nearest")
    for values, text, color in (
        (step, "an edge", "black"),
        (blurred, "blurred, sigma 3", BLUE),
        (step - second, "I - 1 Laplacian", RED),
    ):
        left.plot(x, values, ".-", ms=3, lw=1, color=color, label=text)
    right.plot(x, second, ".-", ms=3, lw=1, color=RED, label="its Laplacian")
    for axis in (left, right):
        axis.legend(fontsize=7)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
        axis.set_xlabel("pixels", fontsize=8)
    _save(figure, "edge")
    over = (step - second).max() - 0.8
    print(f"edge of 0.6: sharpened with c = 1 it overshoots by {over:.3f}, {100 * over / 0.6:.0f} %")


def heat(gray: np.ndarray) -> None:
    """Twenty small steps of the heat equation are the mask's Gaussian."""
    u = gray.copy()
    for _ in range(STEPS):
        u = u + DT * laplacian(u)
    blurred = ndimage.gaussian_filter(gray, SIGMA, mode="reflect")  # what a border that no heat crosses comes to
    one = gray + DT * laplacian(gray)
    parts = {"u(0)": gray, "1 step": one, f"{STEPS} steps": u, "Gaussian, sigma 3": blurred}
    _pictures("heat", {text: part[CORNER] for text, part in parts.items()})
    inside = np.abs(u - blurred)
    print(f"{STEPS} steps of {DT} against the Gaussian: mean {inside.mean():.4f}, largest {inside.max():.4f}")
    print(f"the first step changes the photo by {np.abs(one - gray).max():.3f} at most")


def sharpened(photo: np.ndarray) -> None:
    """A photo, blurred; its Laplacian; the photo less its Laplacian; too much of it."""
    lap = np.stack([laplacian(photo[..., k]) for k in range(3)], axis=-1)
    blurred = np.stack([ndimage.gaussian_filter(photo[..., k], 1.0, mode="nearest") for k in range(3)], axis=-1)
    parts = {
        "I": photo, "Gaussian, sigma 1": blurred, "Laplacian": 0.5 + 2 * lap, "I - 0.25 Laplacian": photo - 0.25 * lap,
        "I - 1 Laplacian": photo - lap, "2 I - Gaussian": 2 * photo - blurred,
    }  # fmt: skip
    _pictures("sharpen", parts, rows=2)
    noise = np.random.default_rng(0).standard_normal((512, 512)) * 0.01
    for c in (0.25, 1.0):
        factor = (noise - c * laplacian(noise)).std() / noise.std()
        print(f"noise after I - {c:g} Laplacian: {factor:.2f} times as strong")
    print(f"noise after the mask's blur: {ndimage.gaussian_filter(noise, SIGMA).std() / noise.std():.3f}")


def masked() -> None:
    """The first place: the mask of evaluate.py, with its blur and without, where a photo is really dark."""
    prepared = kindling.prepare(ROOT / "examples" / "dark.png", kindling.open_model(ROOT / "checkpoints"))
    gray = rgb2gray(prepared.R)
    sharp = np.minimum(np.sqrt(2 * gray), 1)
    parts = {"gray of R": gray, "mask without the blur": sharp, "mask": mask(prepared.R)[..., 0]}
    _pictures("mask", {text: part[-200:, :360] for text, part in parts.items()})


def levels(photo: np.ndarray) -> None:
    """The second place: the levels of the pyramid that the loss compares."""
    x = torch.from_numpy(np.ascontiguousarray(photo)).movedim(2, 0)[None].double()
    pyramid = laplacian_pyramid(x, 5)
    parts = {}
    for number, level in enumerate(pyramid, start=1):
        picture = level[0].movedim(0, 2).numpy()
        last = number == len(pyramid)
        parts[f"level {number}: times {2 ** (number - 1)}"] = picture if last else 0.5 + 2 * picture
    _pictures("pyramid", parts)
    w = 2 * np.pi / 40
    wave = torch.from_numpy(np.cos(w * np.arange(400)))[None, None, :, None].repeat(1, 1, 1, 400)
    fine = laplacian_pyramid(wave, 2)[0][0, 0, 50:-50, 200]  # away from the border
    print(f"a wave of 40 px: the first level has {fine.abs().max():.4f} of it, minus its second derivative {w**2:.4f}")
    shift, noise = torch.full_like(x, 0.1), torch.from_numpy(np.random.default_rng(0).standard_normal(x.shape)) * 0.1
    for text, error in (("a shift of light by 0.1", shift), ("noise of 0.1", noise)):
        costs = [2**i * level.abs().mean().item() for i, level in enumerate(laplacian_pyramid(error, 5))]
        print(f"{text} costs {' '.join(f'{cost:.4f}' for cost in costs)} on the levels, {sum(costs):.3f} in all")


def _pictures(name: str, parts: dict[str, np.ndarray], rows: int = 1) -> None:
    columns = -(-len(parts) // rows)
    shape = next(iter(parts.values())).shape
    width = 9.0
    height = rows * (width / columns * shape[0] / shape[1] + 0.25)
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)
    for axis, (text, part) in zip(axes.flat, parts.items(), strict=True):
        axis.imshow(np.clip(part, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(text, fontsize=8)
        axis.set_axis_off()
    _save(figure, name, colors=200)


def _save(figure: plt.Figure, name: str, colors: int = 64) -> None:
    """As a PNG of few colours, which is a third of the bytes."""
    file = io.BytesIO()
    figure.savefig(file, dpi=110)
    plt.close(figure)
    Image.open(file).convert("RGB").quantize(colors, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
