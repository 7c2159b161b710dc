"""python -m benchmarks.losses       how far PyTorch's losses are from TensorFlow's, float64, value and gradient

A row for each loss of the catalogue: the largest relative difference over the random and awkward inputs of
tests/support/losses.py, under every setting there. The table in docs/losses.md is what this prints.
"""

from benchmarks import parser
from tests.support.losses import CASES, differences, inputs


def main() -> None:
    parser(__doc__).parse_args()
    worst = {}
    for case in CASES:
        found = [differences(case, *pair) for pair in inputs(case).values()]
        count, value, gradient = worst.get(case.name, (0, 0.0, 0.0))
        values, gradients = zip(*found, strict=True)
        worst[case.name] = count + len(found), max(value, *values), max(gradient, *gradients)
    print("| loss | inputs | value | gradient |\n|---|---|---|---|")
    for name, (count, value, gradient) in worst.items():
        print(f"| `{name}` | {count} | {value:.0e} | {gradient:.0e} |")


if __name__ == "__main__":
    main()
