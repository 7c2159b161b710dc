"""python docs/make_loss_pictures.py        docs/losses/*.png: every loss and its slope over a simple sweep

Where a loss looks at one number the sweep is of that number. Where it looks at images, a piece of examples/dark.png is
changed by t in three ways, each against the piece itself: its light (times 1 + t), its noise (plus t times noise), its
colour (red times 1 + t, blue times 1 - t). Slopes are PyTorch's gradients.
"""

import io
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from kind_torch import losses
from kindling.families.vgg import SHAPES
from kindling.images import load_images

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "losses"
SIZE = 192  # pixels a side of the piece of the photo: five scales fit
STEPS = 41
STYLES = (("#2b6cb0", "-"), ("#c53030", "-"), ("#2f855a", "-"), ("#975a16", "--"))  # the last may lie on another


def main() -> None:
    OUT.mkdir(exist_ok=True)
    numbers()
    probabilities()
    images()
    comparison()
    outliers()


def sweep(function, points):
    """The value and the slope of a function of one number at each point."""
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    values = torch.stack([function(point) for point in x])
    (slopes,) = torch.autograd.grad(values.sum(), x)
    return values.detach().numpy(), slopes.numpy()


def curves(name, functions, points, label):
    """One picture: the values of some functions, by their labels, on the left, their slopes on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.3), layout="constrained")
    for (text, function), (color, line) in zip(functions.items(), STYLES, strict=False):
        values, slopes = sweep(function, points)
        left.plot(points, values, line, color=color, label=text)
        right.plot(points, slopes, line, color=color)
    left.set_title(name, fontsize=9)
    right.set_title("its slope", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
    if len(functions) > 1:
        left.legend(fontsize=7)
    save(figure, name)


def save(figure, name):
    """As a PNG of few colours, which is a third of the bytes."""
    file = io.BytesIO()
    figure.savefig(file, dpi=110)
    plt.close(figure)
    picture = Image.open(file).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    picture.save(OUT / f"{name}.png", optimize=True)


def numbers():
    """Losses of one element, over d = prediction - target; of the regularised, over one weight where d is 0."""
    points, zero = np.linspace(-2, 2, 4 * STEPS), torch.zeros(1, dtype=torch.float64)
    for name in ("l1", "l2"):
        curves(name, {name: lambda d, name=name: getattr(losses, name)(d[None], zero)}, points, "d")
    for name in ("l1_regularised", "l2_regularised"):
        function = getattr(losses, name)
        settings = {f"factor {k}": lambda w, k=k, f=function: f(zero, zero, [w], factor=k) for k in (1.0, 0.3)}
        curves(name, settings, points, "one weight, the prediction right")
    for name, option in {"smooth_l1": "beta", "huber": "delta"}.items():
        function = getattr(losses, name)
        settings = {
            f"{option} {k}": lambda d, k=k, f=function, o=option: f(d[None], zero, **{o: k}) for k in (1.0, 0.5, 0.1)
        }
        curves(name, settings, points, "d")
    curves("log_mse", {"log_mse": lambda d: losses.log_mse(d[None], zero)}, np.linspace(-2, 2, 4 * STEPS), "d")


def probabilities():
    """Cross-entropies over a probability, adversarial losses over a score."""
    points = np.linspace(0.01, 0.99, 2 * STEPS)
    whole = {
        f"target {y}": lambda p, y=y: losses.binary_cross_entropy(p[None], torch.full_like(p[None], y))
        for y in (1.0, 0.5, 0.0)
    }
    curves("binary_cross_entropy", whole, points, "prediction")

    def shares(p):
        return torch.stack([p, (1 - p) / 2, (1 - p) / 2])[None]

    truths = {"target 1, 0, 0": [1.0, 0.0, 0.0], "target 0.6, 0.2, 0.2": [0.6, 0.2, 0.2]}
    settings = {
        text: lambda p, y=y: losses.cross_entropy(shares(p), torch.tensor([y], dtype=torch.float64))
        for text, y in truths.items()
    }
    curves("cross_entropy", settings, points, "share of the first class, the others alike")
    scores, kinds = np.linspace(-5, 5, 2 * STEPS), ("original", "non_saturating", "least_squares")
    made = {kind: lambda s, k=kind: losses.adversarial_generator(s[None], k) for kind in kinds}
    curves("adversarial_generator", made, scores, "score of a made picture")
    told, right = {}, {"non_saturating": (30.0, -30.0), "least_squares": (1.0, 0.0)}  # what costs nothing
    for kind, (real, made) in right.items():
        discriminate = partial(losses.adversarial_discriminator, kind=kind)
        told[f"{kind}, real picture"] = lambda s, f=discriminate, m=made: f(s[None], torch.full_like(s[None], m))
        told[f"{kind}, made picture"] = lambda s, f=discriminate, r=real: f(torch.full_like(s[None], r), s[None])
    curves("adversarial_discriminator", told, np.linspace(-3, 3, 2 * STEPS), "score, the other being right")


def images():
    """Losses of images, over t."""
    photo = load_images(ROOT / "examples" / "dark.png")
    at = [(size - SIZE) // 2 for size in photo.shape[:2]]
    piece = np.sqrt(photo[at[0] : at[0] + SIZE, at[1] : at[1] + SIZE])  # lighter, so that there is something to see
    target = torch.tensor(piece, dtype=torch.float64).movedim(2, 0)[None]
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cast = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64).view(3, 1, 1)
    changes = {
        "light": lambda t: target * (1 + t),
        "noise": lambda t: target + t * noise,
        "colour": lambda t: target * (1 + t * cast),
    }
    small = target[:, :, :96, :96]
    seen = losses.VGG("vgg16", random_vgg(), layers=["block1_conv2", "block2_conv2"], preprocessing="torch")
    of = {
        "perceptual": lambda x: losses.perceptual(x[:, :, :96, :96], small, seen),
        "reflectance": lambda x: losses.reflectance(x, target, kind="ssim"),
    }
    for name in (
        "ssim", "ms_ssim", "perceptual", "region", "reflectance", "consistency", "color_angle", "color_cosine",
        "color_blur", "laplacian",
    ):  # fmt: skip
        function = of.get(name, lambda x, name=name: getattr(losses, name)(x, target))
        settings = {text: lambda t, c=change, f=function: f(c(t)) for text, change in changes.items()}
        curves(name, settings, np.linspace(-0.5, 0.5, 21), "t")
        print(name, flush=True)


def random_vgg():
    """Weights of a VGG16 as they are before any training: its maps already tell textures and edges."""
    random = np.random.default_rng(0)
    return {
        name: random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:3])) if len(shape) == 4 else np.zeros(shape)
        for name, shape in SHAPES["vgg16"].items()
    }


FOUR = {
    "l1": losses.l1,
    "l2": losses.l2,
    "smooth_l1, beta 0.2": lambda a, b: losses.smooth_l1(a, b, beta=0.2),
    "huber, delta 0.2": lambda a, b: losses.huber(a, b, delta=0.2),
}


def comparison():
    """The four losses that surveys compare, and their slopes, which say how much an outlier pulls."""
    zero = torch.zeros(1, dtype=torch.float64)
    functions = {text: lambda d, f=f: f(d[None], zero) for text, f in FOUR.items()}
    curves("comparison", functions, np.linspace(-1, 1, 4 * STEPS), "d")


def outliers():
    """What each of the four takes for the brightness of a grey patch of which some pixels are hot: the estimate."""
    random = np.random.default_rng(1)
    shares, levels = np.linspace(0, 0.45, 10), np.linspace(0, 1, 1001)
    pixels, hot = 0.3 + 0.05 * random.standard_normal(400), 0.97 + 0.01 * random.standard_normal(400)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.3), layout="constrained")
    for (text, function), (color, line) in zip(FOUR.items(), STYLES, strict=True):
        found = []
        for share in shares:
            seen = torch.tensor(np.where(np.arange(400) < share * 400, hot, pixels))
            costs = [function(torch.full_like(seen, level), seen).item() for level in levels]
            found.append(levels[np.argmin(costs)])
            if share == shares[4]:
                left.plot(levels, np.array(costs) / max(costs), line, color=color, label=text)
        right.plot(shares * 100, found, line, color=color)
        print(f"{text:20} estimate at 0, 10, 20, 30, 40 % outliers: {' '.join(f'{x:.3f}' for x in found[::2])}")
    left.set_title("the loss (of its largest) at 20 % hot pixels", fontsize=9)
    left.set_xlabel("brightness that is guessed", fontsize=8)
    right.set_title("the best guess; 0.3 is right", fontsize=9)
    right.set_xlabel("% of pixels that are hot", fontsize=8)
    left.legend(fontsize=7)
    for axis in (left, right):
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
    save(figure, "outliers")


if __name__ == "__main__":
    main()
