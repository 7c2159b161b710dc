"""What commands print: text that a reader may stop reading, and records as JSON, to a file or to stdout."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from kindling.core.files import move_into_place, refuse_existing, staging

STDOUT = Path("-")


@contextlib.contextmanager
def to_a_reader() -> Iterator[None]:
    """Print into a pipe that may be closed early, as `| head -1` does: that is the reader's choice and no failure.

    What is printed afterwards goes nowhere, so that Python, which writes the rest when it ends, does not fail either.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str) -> str:
    """Text from somebody's file without the line breaks and terminal codes that may be in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class JsonCommand(click.Command):
    """A command whose `--json` needs no FILE: where it took an argument of the command for one, it gives it back."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; `inspect --json kind.pth` lacks its FILE at first, and is then `inspect --json - kind.pth`."""
        try:
            return super().parse_args(ctx, list(args))
        except click.MissingParameter:
            if "--json" not in args:
                raise
            at = args.index("--json")
            return super().parse_args(ctx, [*args[:at], "--json=-", *args[at + 1 :]])


def json_option(what: str) -> Callable[[Any], Any]:
    """The option `--json FILE`; without a FILE, or with -, it goes to stdout, and the text does not."""
    return click.option(
        "--json",
        "json_file",
        is_flag=False,
        flag_value="-",
        metavar="[FILE]",
        type=click.Path(path_type=Path),
        help=f"Write {what} as JSON to FILE, or to stdout, in place of the text, if FILE is - or left out.",
    )


def refuse_json(file: Path | None, force: bool) -> None:
    """Before any work: say if a file that is to hold the JSON is there already."""
    if file and file != STDOUT:
        refuse_existing([file], force)


def put_json(record: dict[str, object], file: Path) -> None:
    """Write a record as JSON; - is stdout."""
    text = json.dumps(record, indent=1, default=str)
    if file == STDOUT:
        with to_a_reader():
            click.echo(text)
        return
    put_text(text + "\n", file)


def put_text(text: str, file: Path) -> None:
    """Write a file whole, or not at all."""
    with staging(file.parent) as folder:
        (folder / file.name).write_text(text, encoding="utf-8")
        move_into_place(folder / file.name, file)
