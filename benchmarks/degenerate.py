"""python -m benchmarks.degenerate --data DIR [--weights PATH] [--batches N]

What the degenerate solution L = 1, R = photo costs under KinD's decomposition loss, at several batches and patches,
on real pairs; with --weights, what a trained DecomNet costs on the same batches. docs/training.md says what it means.
"""

from pathlib import Path

import numpy as np

from benchmarks import parser
from kindling.training import batches, collapse

SETTINGS = [
    (10, 24), (10, 48), (2, 48), (2, 96), (10, 96), (10, 192), (32, 256),
    (2, 96, 48), (4, 96, 48), (10, 96, 48), (10, 192, 48), (32, 240, 48),
]  # fmt: skip


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", required=True, type=Path)
    arguments.add_argument("--weights", type=Path)
    arguments.add_argument("--batches", type=int, default=16)
    options = arguments.parse_args()
    trained = loss_of(options.weights) if options.weights else None
    pairs = batches.load_pairs(batches.find_pairs(options.data), max(patch for _, patch, *_ in SETTINGS))
    print("| batch | patch | cell | L = 1, R = photo |" + (" trained | cheaper in |" if trained else ""))
    print("|---|---|---|---|" + ("---|---|" if trained else ""))
    for batch, patch, *cell in SETTINGS:
        cell = cell[0] if cell else None
        sampling = batches.Sampling(batch=batch, patch=patch, seed=1, shuffle=True, modes=8)
        drawn = [batches.decomposition_batch(pairs, sampling, step) for step in range(options.batches)]
        flat = np.array([collapse.degenerate_loss(*pair, cell) for pair in drawn])
        row = f"| {batch} | {patch} | {cell or 'none'} | {flat.mean():.3f} |"
        if trained:
            good = np.array([trained(*pair, cell) for pair in drawn])
            row += f" {good.mean():.3f} | {np.mean(flat < good):.0%} |"
        print(row, flush=True)


def loss_of(weights):
    """(low, high, cell) -> the decomposition loss of the DecomNet in `weights`."""
    import torch

    import kind_torch
    from kind_torch.arrays import run
    from kind_torch.losses import decomposition_loss

    kind = kind_torch.load(weights)

    def loss(low, high, cell):
        images = [*run(kind, "decompose", low), *run(kind, "decompose", high), low, high]
        squares = [torch.from_numpy(collapse.cells(x, cell)).permute(0, 3, 1, 2) for x in images]
        return decomposition_loss(*squares)["total"].item()

    return loss


if __name__ == "__main__":
    main()
