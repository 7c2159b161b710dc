"""Options that several subcommands take, and the kinds of value that they have.

Commands group their options in this order: what goes in and out, the model, the picture, the run.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kindling.families.registry import RUNNABLE
from kindling.runtimes import RUNTIMES

Command = TypeVar("Command", bound=Callable[..., Any])


class Ratio(click.ParamType):
    """A number from 0 up, or one of some words such as auto."""

    def __init__(self, *words: str):
        self.words = words
        self.name = " or ".join(("number", *words))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if isinstance(value, float) or value in self.words:
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"{value} is neither a number from 0 up nor {' nor '.join(self.words)}.", param, ctx)
        return number


class Weighted(click.ParamType):
    """A folder and how much it counts: (path, weight above 0), by default 1."""

    name = "DIR[:WEIGHT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Path, float]:
        if isinstance(value, tuple):
            return value
        folder, colon, weight = value.rpartition(":")
        if not colon or Path(value).is_dir():
            return Path(value), 1.0
        try:
            number = float(weight)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(f"{value!r} is not DIR or DIR:WEIGHT, as in photos:2, with a weight above 0", param, ctx)
        return Path(folder), number


class Tile(click.ParamType):
    """A number of pixels, 0 for none, or the word auto."""

    name = "pixels or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto" or isinstance(value, int):
            return value
        if not value.isdecimal():
            self.fail(f"{value} is neither auto nor a number of pixels.", param, ctx)
        return int(value)


def tile(command: Command) -> Command:
    """--tile"""
    text = "Side of the tiles, in pixels; auto: by the memory at hand; 0: the whole photo at once."
    return click.option("--tile", type=Tile(), default="auto", show_default=True, help=text)(command)


def family(command: Command) -> Command:
    """--family"""
    text = "Take the weights for those of this family, where a file could be of two. Default: as the file says."
    choice = click.Choice([family.id for family in RUNNABLE])
    return click.option("--family", type=choice, callback=lambda ctx, option, value: value or "", help=text)(command)


def runtime(command: Command) -> Command:
    """--runtime, and --backend, as it was called before."""
    choice = click.Choice(list(RUNTIMES))
    text = "Run the nets on this framework."
    option = click.option(
        "--runtime", "--backend", "runtime", type=choice, default="torch", show_default=True, help=text
    )
    return option(command)


def device(command: Command) -> Command:
    """--device"""
    text = "Run there: auto (a GPU if there is one), cpu, cuda, cuda:1, mps."
    return click.option("--device", default="auto", show_default=True, metavar="NAME", help=text)(command)


def model(command: Command) -> Command:
    """--weights, --family, --runtime, --device and --precision: what `open_model` is asked for."""
    precision = click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        default="float32",
        show_default=True,
        help="Compute in this. The halves are quicker and less exact: for GPUs, and bfloat16 for CPUs with AMX (with "
        "--runtime openvino, with avx512_bf16 too).",
    )
    weights = click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help="Take the weights from this file or folder, of any form that `kindling convert` reads.",
    )
    return weights(family(runtime(device(precision(command)))))
