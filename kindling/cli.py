"""The command `kindling`: finds the subcommand, runs it, and turns what went wrong into one line and an exit code.

0 done; 1 the check failed; 2 wrong usage or input, one line on stderr; 130 stopped by Ctrl-C. Subcommands are
imported when called, so `kindling --help` needs neither TensorFlow nor PyTorch.
"""

import importlib
import os
import sys

import click

from kindling import KindlingError, __version__

COMMANDS = {
    "enhance": "Brighten photos.",
    "convert": "Carry weights between TensorFlow, PyTorch and neutral files.",
    "inspect": "List what a checkpoint holds, and what is missing or extra.",
    "parity": "Prove that TensorFlow and PyTorch compute the same.",
    "train": "Train the nets from pairs of photos.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        return getattr(importlib.import_module(f"kindling.commands.{name}"), name) if name in COMMANDS else None

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(COMMANDS.items())


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kindling")
def kindling():
    """KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal.

    \b
    kindling enhance photos/ -o brighter/
    kindling convert checkpoints/ kind.pth
    kindling parity
    """


def main(arguments=None) -> int:
    """Run `kindling` with `arguments` (default: the process's) and return its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported
    try:
        return kindling.main(arguments, prog_name="kindling", standalone_mode=False) or 0
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "kindling"
        click.echo(f"kindling: {error.format_message()} See `{command} --help`.", err=True)
    except click.ClickException as error:
        click.echo(f"kindling: {error.format_message()}", err=True)
    except KindlingError as error:
        click.echo(f"kindling: {error}", err=True)
    except (KeyboardInterrupt, click.Abort):
        click.echo("kindling: stopped", err=True)
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())
