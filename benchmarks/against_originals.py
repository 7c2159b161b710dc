"""KIND_REFERENCE_DIR=<folder> python -m benchmarks.against_originals       the figures of docs/parity.md

Everything that can be held against the authors' own files is: their saved graphs run here beside kind_tf, the goldens
their graphs gave elsewhere, every layer, and the pictures their evaluate.py wrote.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import kind_tf.arrays
import kind_tf.runtime
import kind_torch.arrays
import kind_torch.runtime
from benchmarks import parser
from kindling.enhancing.render import enhance_file
from kindling.families.kind.nets import NETS
from kindling.parity.distance import distance, magnitude, mean_distance
from kindling.photos.jobs import find_photos, plan
from tests.support import authors
from tests.support.inputs import ODD_SIZES, random_inputs, reference_goldens
from tests.support.weights import STEPS, authors_weights


def main() -> None:
    parser(__doc__).parse_args()
    reference = Path(os.environ.get("KIND_REFERENCE_DIR", ""))
    if not (reference / "goldens").is_dir():
        sys.exit("KIND_REFERENCE_DIR must name the folder of the authors' files; see CONTRIBUTING.md")
    with tempfile.TemporaryDirectory() as folder:
        weights = authors_weights(reference, Path(folder) / "weights")
        kinds = {package.__name__: package.load(weights) for package in (kind_tf, kind_torch)}
        print("| measure | largest | mean |\n|---|---|---|")
        for package in (kind_tf, kind_torch):
            for net in NETS:
                measure = f"{package.__name__}, {net}, the authors' graph run beside it"
                show(measure, beside(reference, weights, net, package, kinds[package.__name__]))
        for name, package in (("kind_tf", kind_tf), ("kind_torch", kind_torch)):
            for step in STEPS.values():
                pairs = (
                    pair
                    for _, done, inputs, outputs in reference_goldens(reference)
                    if done == step
                    for pair in zip(package.arrays.run(kinds[name], step, *inputs), outputs, strict=True)
                )
                show(f"{name}, {step}, stored goldens", pairs)
        show("kind_torch, every layer of decompose, relative", layers(reference, kinds["kind_torch"]))
        for name, package in (("kind_tf", kind_tf), ("kind_torch", kind_torch)):
            levels, share = pictures(reference, package.runtime.Model(kinds[name]), Path(folder))
            print(f"| {name}, the authors' pictures: levels, share of values | {levels} | {100 * share:.4f} % |")


def beside(reference, weights, net, package, kind):
    inputs = [random_inputs(net, size) for size in ODD_SIZES]
    inputs += [given for _, step, given, _ in reference_goldens(reference) if step == STEPS[net]]
    with authors.graph(reference, net, weights / NETS[net].folder / "model.ckpt") as original:
        for given in inputs:
            yield from zip(package.arrays.run(kind, STEPS[net], *given), original(*given), strict=True)


def layers(reference, kind):
    with np.load(reference / "goldens" / "decom_layers.npz") as golden:
        for name, array in kind_torch.arrays.layers(kind, "DecomNet", golden["x"]):
            yield array / magnitude(golden[name]), golden[name] / magnitude(golden[name])


def pictures(reference, model, folder):
    """(largest difference in levels, share of values that differ) over the authors' three photos."""
    differences = []
    for job in plan(find_photos([reference / "images"]), folder / model.runtime):
        enhance_file(job, model)
        (target,) = job.targets.values()
        ours, theirs = (np.array(Image.open(f)).astype(int) for f in (target, reference / "evaluate" / target.name))
        differences.append(np.abs(ours - theirs).ravel())
    differences = np.concatenate(differences)
    return differences.max(), (differences > 0).mean()


def show(measure, pairs):
    pairs = list(pairs)
    largest, mean = max(distance(*pair) for pair in pairs), max(mean_distance(*pair) for pair in pairs)
    print(f"| {measure} ({len(pairs)} arrays) | {largest:.1e} | {mean:.1e} |")


if __name__ == "__main__":
    main()
