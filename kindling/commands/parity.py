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
"""


@click.command(cls=JsonCommand, epilog=EXAMPLES)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Take the weights from this file or folder, of any form that `kindling convert` reads.",
)
@click.option(
    "--torch-weights", type=click.Path(path_type=Path), help="Take PyTorch's from this one, to see whether it is right."
)
@options.device
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
    weights: Path | None, torch_weights: Path | None, device: str, images: tuple[Path, ...], sizes: tuple[str, ...],
    seed: int, tolerance: float | None, layers: bool, json_file: Path | None, html_file: Path | None, force: bool,
) -> int:  # fmt: skip
    """Prove that the two frameworks compute the same, or name the first layer where they do not (exit code 1).

    Both run in float64 too, where they must agree to 1e-10. In float32, PyTorch must be as close to that exact answer
    as TensorFlow is, or within 1e-5. Without --size, sizes from 1x1 to 95x130 are tried, and a batch of three. Of a
    photo larger than 512 a side, the bottom right corner is compared. TensorFlow runs on the CPU, PyTorch on --device.
    """
    refuse_existing([file for file in (json_file, html_file) if file and file != STDOUT], force)
    if json_file and json_file == html_file:
        raise KindlingError(f"{json_file}: --json and --html name the same file")
    stderr = Console(stderr=True)
    with stderr.status("loading both frameworks") if stderr.is_terminal else contextlib.nullcontext() as status:

        def announce(case: str, number: int, count: int) -> None:
            if status:
                status.update(f"comparing on {case} ({number} of {count}), float32 and float64")

        report = api.parity(
            weights, torch_weights, device=device, images=images, sizes=sizes or SIZES, seed=seed, tolerance=tolerance,
            progress=announce,
        )  # fmt: skip

    if json_file != STDOUT:
        with to_a_reader():
            print_parity(report, Console(soft_wrap=True), layers)
    if json_file:
        put_json(report.as_dict(), json_file)
    if html_file:
        put_text(as_html(report), html_file)
    return 0 if report.ok else 1
