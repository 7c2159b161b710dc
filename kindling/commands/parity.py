"""`kindling parity`: the same arrays through TensorFlow and PyTorch, every output and every layer compared."""

import contextlib
import math
import re
from pathlib import Path

import click
from rich.console import Console

from kindling import api
from kindling.commands import options
from kindling.commands.output import STDOUT, JsonCommand, json_option, put_json, put_text, to_a_reader
from kindling.commands.pair import compared
from kindling.core.errors import KindlingError
from kindling.core.files import refuse_existing
from kindling.parity.check import SIZES
from kindling.parity.html import as_html
from kindling.parity.report import print_parity


def _sizes(ctx, parameter, values):
    for value in values:
        if not re.fullmatch(r"([1-9][0-9]*x){1,2}[1-9][0-9]*", value):
            raise click.BadParameter(f"{value}: expected HxW or NxHxW, such as 37x51 or 3x37x51.")
    return values


def _finite(ctx, parameter, value):
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to judge by.")
    return value


EXAMPLES = """\b
Examples:
  kindling parity --image photo.jpg
  kindling parity --torch-weights theirs.pth --html report.html
  kindling parity --runtime onnx --port-weights exported/
  kindling parity --port net.py:Net --torch-weights net.pth --reference net.py:run_tf --shape 1x37x51x3
"""


@click.command(cls=JsonCommand, epilog=EXAMPLES)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Take the weights from this file or folder, of any form that `kindling convert` reads.",
)
@click.option(
    "--torch-weights", "--port-weights", "port_weights", type=click.Path(path_type=Path),
    help="Take PyTorch's, or those of --runtime, from this one, to see whether it is right; an export, too.",
)  # fmt: skip
@options.runtime
@options.family
@options.device
@click.option("--port", metavar="FILE.py:NAME", help="Compare this net of your own; its code is run.")
@click.option(
    "--reference",
    metavar="FILE.py:NAME",
    help="With --port: a function of arrays, or a SavedModel folder, a frozen .pb or an .onnx file; it is run.",
)
@click.option(
    "--input",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="With --port: compare on the array in this .npy, or on several inputs in an .npz.",
)
@click.option("--shape", "shapes", multiple=True, metavar="1x37x51x3", help="With --port: compare on random input.")
@click.option(
    "--layout",
    type=click.Choice(["nhwc", "same"]),
    default="nhwc",
    show_default=True,
    help="With --port: nhwc if the reference takes (n, h, w, c) and the port (n, c, h, w); same if both take the same.",
)
@click.option("--image", "images", multiple=True, type=click.Path(path_type=Path), help="Compare on this photo, too.")
@click.option("--size", "sizes", multiple=True, callback=_sizes, help="Compare on random input: HxW or NxHxW.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draw the random input from this.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    callback=_finite,
    help="Judge float32 by this absolute bar instead of by float64.",
)
@click.option("--layers", is_flag=True, help="Show every layer, not the furthest of each net.")
@json_option("every number")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page to look at to this file.")
@click.option("--force", is_flag=True, help="Overwrite the files of --json and --html.")
def parity(
    weights: Path | None, port_weights: Path | None, runtime: str, family: str, device: str, port: str | None,
    reference: str | None, files: tuple[Path, ...], shapes: tuple[str, ...], layout: str, images: tuple[Path, ...],
    sizes: tuple[str, ...], seed: int, tolerance: float | None, layers: bool, json_file: Path | None,
    html_file: Path | None, force: bool,
) -> int:  # fmt: skip
    """Prove that the two frameworks compute the same, or name the first layer where they do not (exit code 1).

    Both run in float64 too, where they must agree to 1e-10. In float32, PyTorch must be as close to that exact answer
    as TensorFlow is, or within 1e-5. Without --size, sizes from 1x1 to 95x130 are tried, and a batch of three. Of a
    photo larger than 512 a side, the bottom right corner is compared. TensorFlow runs on the CPU, PyTorch on --device.
    With another --runtime its graphs, which have no float64, are held against PyTorch, outputs only.

    With --port and --reference it is a net of your own against its original: outputs, layers by their names, and what
    is wrong with the first that differs. All of it is relative to the largest value, and runs on the CPU.
    """
    refuse_existing([file for file in (json_file, html_file) if file and file != STDOUT], force)
    if json_file and json_file == html_file:
        raise KindlingError(f"{json_file}: --json and --html name the same file")
    stderr = Console(stderr=True)
    with stderr.status("loading both frameworks") if stderr.is_terminal else contextlib.nullcontext() as status:

        def announce(case: str, number: int, count: int) -> None:
            if status:
                status.update(f"comparing on {case} ({number} of {count}), float32 and float64")

        if port or reference:
            _refuse_kinds({"--weights": weights, "--image": images, "--size": sizes})
            report = compared(port, reference, port_weights, files, shapes, layout, seed, tolerance)
        else:
            _refuse_kinds({"--input": files, "--shape": shapes}, "is of a --port of your own")
            report = api.parity(
                weights, port_weights, port=runtime, device=device, images=images, sizes=sizes or SIZES, seed=seed,
                tolerance=tolerance, family=family, progress=announce,
            )  # fmt: skip

    if json_file != STDOUT:
        with to_a_reader():
            print_parity(report, Console(soft_wrap=True), layers)
    if json_file:
        put_json(report.as_dict(), json_file)
    if html_file:
        put_text(as_html(report), html_file)
    return 0 if report.ok else 1


def _refuse_kinds(given, why="is of KinD, and not of a --port of your own"):
    """Options that the other kind of comparison has."""
    for option, value in given.items():
        if value:
            raise KindlingError(f"{option} {why}")
