"""`kindling parity`: the same arrays through TensorFlow and PyTorch, every output and every layer compared."""

import contextlib
import json
import math
import os
import re
from pathlib import Path

import click
from rich.console import Console

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, refuse_existing, staging
from kindling.core.optional import import_framework
from kindling.core.packages import own
from kindling.images import load_images
from kindling.parity.report import print_parity
from kindling.runtimes import default_weights

LARGEST = 512  # a side of a photo; float64 through the restoration net takes 10 kB a pixel, so 2.6 GB


def _sizes(ctx, parameter, values):
    for value in values:
        if not re.fullmatch(r"([1-9][0-9]*x){1,2}[1-9][0-9]*", value):
            raise click.BadParameter(f"{value}: expected HxW or NxHxW, such as 37x51 or 3x37x51.")
    return values


def _finite(ctx, parameter, value):
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to judge by.")
    return value


@click.command()
@click.option("--weights", type=click.Path(path_type=Path), help="Of TensorFlow; any file `kindling convert` reads.")
@click.option("--torch-weights", type=click.Path(path_type=Path), help="Of PyTorch, if from a file of their own.")
@click.option("--image", "images", multiple=True, type=click.Path(path_type=Path), help="A photo to compare on, too.")
@click.option("--size", "sizes", multiple=True, callback=_sizes, help="Random input of this size: HxW or NxHxW.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random input.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    callback=_finite,
    help="Judge float32 by this absolute bar instead of by float64.",
)
@click.option("--layers", is_flag=True, help="Show every layer, not the furthest of each net.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every number there.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the tables there.")
@click.option("--force", is_flag=True, help="Overwrite the files of --json and --html.")
def parity(weights, torch_weights, images, sizes, seed, tolerance, layers, json_file, html_file, force):
    """Prove that the two frameworks compute the same, or name the first layer where they do not (exit code 1).

    Both run in float64 too, where they must agree to 1e-10. In float32, PyTorch must be as close to that exact answer
    as TensorFlow is, or within 1e-5. Without --size, sizes from 1x1 to 95x130 are tried, and a batch of three. Of a
    photo larger than 512 a side, the bottom right corner is compared.
    """
    from kindling.parity.check import SIZES, Case, compare, random_cases

    refuse_existing([file for file in (json_file, html_file) if file], force)
    if json_file and json_file == html_file:
        raise KindlingError(f"{json_file}: --json and --html name the same file")
    cases = [Case(*_photo(image)) for image in images] + random_cases(sizes or SIZES, seed)
    stderr = Console(stderr=True)
    with stderr.status("loading both frameworks") if stderr.is_terminal else contextlib.nullcontext() as status:
        reference, port = _sides(weights or default_weights(), torch_weights)
        report = compare(reference, port, _announced(cases, status), tolerance)

    with open(os.devnull, "w") as nowhere:
        page = Console(record=True, file=nowhere, width=150)
        for console in (Console(soft_wrap=True), page):
            print_parity(report, reference.name, port.name, console, layers or console is page)
    if json_file:
        _write(json_file, json.dumps(report.as_dict(), indent=1, default=float))
    if html_file:
        _write(html_file, page.export_html())
    return 0 if report.ok else 1


def _announced(cases, status):
    """The cases one by one, each named in the terminal while it runs."""
    for k, case in enumerate(cases, start=1):
        if status:
            status.update(f"comparing on {case.name} ({k} of {len(cases)}), float32 and float64")
        yield case


def _sides(weights, torch_weights):
    """TensorFlow with the weights, PyTorch with the same (or with its own file)."""
    convert = own("convert")

    variables = convert.read(weights)
    ported = convert.read(torch_weights) if torch_weights else variables
    nets = convert.nets_in(variables)
    missing = [net for net in nets if not any(name.startswith(net + "/") for name in ported)]
    if missing:
        raise KindlingError(f"{torch_weights}: {', '.join(missing)} is not in it, but in {weights}")
    import_framework("tensorflow", "kindling parity")
    import_framework("torch", "kindling parity")
    import kind_tf.arrays
    import kind_torch.arrays
    from kindling.parity.check import Side

    ported = {name: array for name, array in ported.items() if name.split("/")[0] in nets}
    sides = []
    sources = (("TF", kind_tf, variables, weights), ("torch", kind_torch, ported, torch_weights or weights))
    for name, package, state, source in sources:
        kinds = [package.KinD(nets, dtype, source=str(source)) for dtype in ("float32", "float64")]
        for kind in kinds:
            kind.assign(state)
        sides.append(Side(name, *kinds, package.arrays))
    return sides


def _photo(path):
    """(name, (1, h, w, 3)) of a photo; of a large one its bottom right corner, and the name says so."""
    x = load_images(path)[None]
    h, w = x.shape[1:3]
    if max(h, w) <= LARGEST:
        return path.name, x
    x = x[:, -LARGEST:, -LARGEST:]
    return f"{path.name}, corner of {h}x{w}", x


def _write(path, text):
    with staging(path.parent) as folder:
        (folder / path.name).write_text(text, encoding="utf-8")
        move_into_place(folder / path.name, path)
