"""Kinds of option that several subcommands take."""

import math

import click


class Ratio(click.ParamType):
    """A number from 0 up, or one of some words such as auto."""

    def __init__(self, *words):
        self.words = words
        self.name = " or ".join(("number", *words))

    def convert(self, value, parameter, context):
        if isinstance(value, float) or value in self.words:
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"{value} is neither a number from 0 up nor {' nor '.join(self.words)}.", parameter, context)
        return number


class Tile(click.ParamType):
    """A number of pixels, 0 for none, or the word auto."""

    name = "pixels or auto"

    def convert(self, value, parameter, context):
        if value == "auto" or isinstance(value, int):
            return value
        if not value.isdecimal():
            self.fail(f"{value} is neither auto nor a number of pixels.", parameter, context)
        return int(value)


tile = click.option(
    "--tile",
    type=Tile(),
    default="auto",
    show_default=True,
    help="Side of the tiles, in pixels; auto: by the memory at hand; 0: the whole photo at once.",
)
