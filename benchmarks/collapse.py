"""python -m benchmarks.collapse --data DIR --out OUT [--steps N] [--seeds 0,1] [--lr X] [SETTING...]
python -m benchmarks.collapse --out OUT --draw docs/collapse.png

Trains DecomNet from seeded weights with our own trainer and loop, under the original's setting, under those of ports
and under the remedy, and writes OUT/<setting>-<seed>.csv: the loss, and what the net makes of photos it is not trained
on. Stopped or killed, the same line goes on where it was; more --steps go further. The second line draws all that is in
OUT, and prints the table of docs/training.md.
"""

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks import parser
from kind_torch.arrays import run
from kind_torch.losses import decomposition_loss
from kind_torch.train import Trainer
from kindling.enhancing import memory
from kindling.training import batches, collapse, loop
from kindling.training.plan import Plan

HELD_OUT = 8  # pairs, the last by name
SIDE = 144  # pixels of the middle of each that are looked at
EVERY = 50  # steps between rows


def replicated(x, direction):
    """`gradient` of the losses, but the last row and column are repeated beyond the border, so it shows no edge."""
    padded = F.pad(x, (0, 1, 0, 1), mode="replicate")
    behind = padded[..., 1:, :-1] if direction == "x" else padded[..., :-1, 1:]
    edges = (padded[..., 1:, 1:] - behind).abs()
    return (edges - edges.min()) / (edges.max() - edges.min() + 0.0001)


def each_image(x, direction):
    """`gradient` of the losses, but scaled by the minimum and maximum of each image, not of the batch."""
    padded = F.pad(x, (0, 1, 0, 1))
    behind = padded[..., 1:, :-1] if direction == "x" else padded[..., :-1, 1:]
    edges = (padded[..., 1:, 1:] - behind).abs()
    low, high = edges.amin((1, 2, 3), keepdim=True), edges.amax((1, 2, 3), keepdim=True)
    return (edges - low) / (high - low + 0.0001)


@dataclass(frozen=True)
class Setting:
    """What a training is done with; `gradient` takes the place of the losses' own."""

    says: str
    batch: int
    patch: int
    cell: int | None = None
    gradient: Callable | None = None


SETTINGS = {
    "original": Setting("the original: 10 patches of 48", 10, 48),
    "replicate": Setting("10 of 48, border replicated", 10, 48, gradient=replicated),
    "each-image": Setting("10 of 48, scaled image by image", 10, 48, gradient=each_image),
    "2x96": Setting("2 of 96", 2, 96),
    "2x96-cell": Setting("2 of 96, --cell 48", 2, 96, cell=48),
    "4x96": Setting("4 of 96", 4, 96),
    "4x96-cell": Setting("4 of 96, --cell 48", 4, 96, cell=48),
    "10x96": Setting("10 of 96", 10, 96),
    "10x96-cell": Setting("10 of 96, --cell 48", 10, 96, cell=48),
}

CURVES = {
    "loss": "loss",
    "deviation_dark": "deviation of L, dark photos",
    "mean_dark": "mean of L, dark photos",
    "photo_in_R": "mean of abs(R - photo), dark photos",
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="SETTING")
    arguments.add_argument("--data", type=Path)
    arguments.add_argument("--out", required=True, type=Path)
    arguments.add_argument("--steps", type=int, default=1500)
    arguments.add_argument("--seeds", default="0")
    arguments.add_argument("--lr", type=float, default=3e-4)
    arguments.add_argument("--draw", type=Path)
    options = arguments.parse_args()
    if options.draw:
        return draw(options.out, options.draw)
    torch.set_num_threads(1)
    largest = max(SETTINGS[name].patch for name in options.settings)
    pairs = batches.load_pairs(batches.find_pairs(options.data), max(largest, SIDE))
    for seed in map(int, options.seeds.split(",")):
        for name in options.settings:
            go_on(name, seed, pairs, options)
    return None


def go_on(name, seed, pairs, options):
    """One training, from where it was, to options.steps."""
    setting, folder = SETTINGS[name], options.out / f"{name}-{seed}"
    curve = options.out / f"{name}-{seed}.csv"
    sampling = batches.Sampling(batch=setting.batch, patch=setting.patch, seed=seed, shuffle=True, modes=8)
    plan = Plan(
        task="decomposition",
        sampling=sampling,
        pairs=len(pairs) - HELD_OUT,
        data="",
        epochs=10**6,
        lr=options.lr,
        cell=setting.cell,
    )
    memory.keep_freed()  # as `kindling train` does
    trainer = Trainer("DecomNet", device="cpu", cell=setting.cell)
    rows, begun = [], 0
    if (folder / loop.STATE).exists():
        state, begun = loop.load_state(folder, plan)
        with curve.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["step"]) <= begun]
    else:
        weights = loop.initial_weights({k: a.shape for k, a in trainer.state()["weights"].items()}, seed)
        zeros = {k: np.zeros_like(array) for k, array in weights.items()}
        state = {"weights": weights, "m": zeros, "v": zeros}
    trainer.assign(state, begun)
    crops = [np.concatenate([middle(photo) for photo in side]) for side in zip(*pairs[-HELD_OUT:], strict=True)]
    totals, done = [], begun

    def seen(progress):
        nonlocal done
        done = progress.step
        totals.append(progress.terms["total"])
        if done % EVERY == 0:
            rows.append({"step": done, "loss": np.mean(totals), **looked_at(trainer.kind, *crops)})
            totals.clear()
            print(name, seed, *(f"{k} {v:.4g}" for k, v in rows[-1].items()), flush=True)

    def save(step, state):
        options.out.mkdir(parents=True, exist_ok=True)
        with curve.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["step"])
            writer.writeheader()
            writer.writerows({k: v if k == "step" else f"{float(v):.5g}" for k, v in row.items()} for row in rows)
        loop.save_state(folder, state, plan, step)

    def batch(step):
        return batches.decomposition_batch(pairs[:-HELD_OUT], sampling, step)

    losses = sys.modules[decomposition_loss.__module__]  # where the loss looks its gradient up
    with mock.patch.object(losses, "gradient", setting.gradient or losses.gradient), loop.stoppable() as stopped:
        loop.train(plan, trainer, batch, begun, seen, save, 1, lambda: done >= options.steps or stopped())
        if stopped():
            sys.exit(130)


def middle(photo):
    """(1, SIDE, SIDE, 3)"""
    starts = [(size - SIDE) // 2 for size in photo.size]
    return photo.stretched(*(slice(start, start + SIDE) for start in starts))[np.newaxis]


def looked_at(kind, low, high):
    """What DecomNet makes now of photos, dark and bright, each (n, h, w, 3): means over all of them."""
    R_low, L_low = run(kind, "decompose", low)
    R_high, L_high = run(kind, "decompose", high)
    return {
        "deviation_dark": collapse.flatness(L_low),
        "deviation_bright": collapse.flatness(L_high),
        "mean_dark": L_low.mean(),
        "mean_bright": L_high.mean(),
        "reconstruction": np.abs(R_low * L_low - low).mean() + np.abs(R_high * L_high - high).mean(),
        "photo_in_R": np.abs(R_low - low).mean(),
    }


def draw(out, picture):
    """The curves of all trainings in `out`, one colour a setting, dashed from the second seed on; prints their ends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), dpi=90, layout="constrained")
    axes = figure.subplots(1, len(CURVES))
    print("| setting | seed | steps | " + " | ".join(CURVES.values()) + " |\n|" + "---|" * (3 + len(CURVES)))
    for number, (name, setting) in enumerate(SETTINGS.items()):
        for file in sorted(out.glob(f"{name}-[0-9]*.csv")):
            seed = file.stem.removeprefix(f"{name}-")
            with file.open(newline="") as text:
                rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(text)]
            ends = " | ".join(f"{rows[-1][key]:.3f}" for key in CURVES)
            print(f"| {setting.says} | {seed} | {rows[-1]['step']:.0f} | {ends} |")
            look = {"label": setting.says} if seed == "0" else {"linestyle": ":"}
            for axis, key in zip(axes, CURVES, strict=True):
                axis.plot([row["step"] for row in rows], [row[key] for row in rows], color=f"C{number}", **look)
    for axis, says in zip(axes, CURVES.values(), strict=True):
        axis.set_title(says, size=9)
        axis.set(xlabel="steps", ylim=(0, None))
    axes[0].set_ylim(0, 0.8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(picture)


if __name__ == "__main__":
    main()
