"""The command `kindling`: finds the subcommand, runs it, and turns what went wrong into one line and an exit code.

0 done; 1 the check failed; 2 wrong usage or input, one line on stderr; 130 stopped by Ctrl-C; 70 a fault of ours, with
its traceback. Subcommands are imported when called, so `kindling --help` needs neither TensorFlow nor PyTorch.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from kindling.core.errors import KindlingError
from kindling.version import __version__

COMMANDS = {
    "enhance": "Brighten photos.",
    "evaluate": "Brighten photos that have well-lit partners, and measure how close they come.",
    "convert": "Carry weights between TensorFlow, PyTorch and neutral files.",
    "map": "Draft the table by which `convert` carries another model's weights.",
    "inspect": "List what a checkpoint holds, and what is missing or extra.",
    "diff": "Say in what two checkpoints differ, and what the difference looks like.",
    "export": "Write the nets as graphs for other runtimes: ONNX, OpenVINO, SavedModel, torch.export, TFLite.",
    "parity": "Prove that TensorFlow and PyTorch compute the same.",
    "train": "Train the nets from pairs of photos.",
    "ui": "Show a page in the browser: drop photos in, move sliders.",
    "fetch": "Get the authors' own weights, from them, checked.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        return getattr(importlib.import_module(f"kindling.commands.{name}"), name) if name in COMMANDS else None

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(COMMANDS.items())


@click.group(cls=_Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kindling")
@click.pass_context
def kindling(context: click.Context) -> None:
    """KinD low-light enhancement in TensorFlow 2 and PyTorch, proven equal.

    \b
    kindling enhance photos/ -o brighter/
    kindling convert checkpoints/ kind.pth
    kindling parity
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `kindling` with `arguments` (default: the process's) and return its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow is first imported
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # so is this by PyTorch: large pages, a tenth faster on Linux
    try:
        return kindling.main(arguments, prog_name="kindling", standalone_mode=False) or 0
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "kindling"
        _say(f"{error.format_message()} See `{command} --help`.")
    except click.ClickException as error:
        _say(error.format_message())
    except KindlingError as error:
        _say(str(error))
    except OSError as error:
        _say(f"{error.filename or 'the system'}: {error.strerror or error}")
    except MemoryError as error:
        _say(f"there is not enough memory for this: {error}")
    except (KeyboardInterrupt, click.Abort):
        _say("stopped")
        return 130
    except Exception:  # noqa: BLE001 - a bug of ours; 1 would say that a check had failed
        traceback.print_exc()
        return 70
    return 2


def _say(message: str) -> None:
    """One line on stderr, also where a file's name or content brings line breaks or terminal codes with it."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    click.echo(f"kindling: {line}", err=True)


if __name__ == "__main__":
    sys.exit(main())
