"""python -m benchmarks.rounding       how far float32 is from exact in each framework, as weights grow

Twelve sets of seeded weights for each net, scaled up step by step until float32 breaks down, on 37x51 random input.
Behind the sentence in docs/parity.md on what the yardstick does not cover.
"""

import kind_tf.arrays
import kind_torch.arrays
from benchmarks import parser
from kindling.families.kind.nets import NETS
from kindling.parity.distance import distance
from tests.support.inputs import random_inputs
from tests.support.weights import STEPS, seeded

PACKAGES = (kind_tf, kind_torch)


def main() -> None:
    parser(__doc__).parse_args()
    kinds = {(package, dtype): package.KinD(dtype=dtype) for package in PACKAGES for dtype in ("float32", "float64")}
    print("| weights times | net | tf from exact | torch from exact | float64, torch from tf | over |")
    print("|---|---|---|---|---|---|")
    for scale in (1.0, 1.3, 1.6, 2.0):
        for net in NETS:
            rows = [row for seed in range(12) for row in errors(kinds, net, seed, scale)]
            worst = [max(row[k] for row in rows) for k in range(3)]
            over = sum(torch > max(tf, 1e-5) for tf, torch, _ in rows)
            print(f"| {scale} | {net} | " + " | ".join(f"{x:.1e}" for x in worst) + f" | {over} of {len(rows)} |")


def errors(kinds, net, seed, scale):
    """(tf from exact, torch from exact, torch from tf in float64) of each output."""
    variables = {name: array * type(array.flat[0])(scale) for name, array in seeded(seed=seed).items()}
    results = {}
    for (package, dtype), kind in kinds.items():
        kind.assign(variables)
        results[package, dtype] = package.arrays.run(kind, STEPS[net], *random_inputs(net, (1, 37, 51)))
    exact, tf, torch, exact_torch = (
        results[key]
        for key in ((kind_tf, "float64"), (kind_tf, "float32"), (kind_torch, "float32"), (kind_torch, "float64"))
    )
    for e, a, b, c in zip(exact, tf, torch, exact_torch, strict=True):
        yield distance(a, e), distance(b, e), distance(c, e)


if __name__ == "__main__":
    main()
