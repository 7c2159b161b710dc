"""`kindling ui`: the page in a browser, served by this machine, to this machine alone unless another is named."""

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from kindling.enhancing import memory
from kindling.ui.limits import Limits
from kindling.ui.page import serving

EXAMPLES = """\b
Examples:
  kindling ui
  kindling ui --port 8000 --weights kind.pth
  kindling ui --host 0.0.0.0 --max-mb 20 --max-megapixels 24
"""
LIMITS = Limits()


@click.command(epilog=EXAMPLES)
@click.option("--weights", multiple=True, type=click.Path(path_type=Path), help="Offer these, too; may be repeated.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here; 0.0.0.0: to everybody in reach.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen on this port; default: the first free from 7860.")
@click.option("--open", "show", is_flag=True, help="Open the page in this machine's browser.")
@click.option(
    "--max-mb", type=click.FloatRange(0, min_open=True), default=LIMITS.megabytes, show_default=True,
    help="Refuse larger files.",
)  # fmt: skip
@click.option(
    "--max-megapixels", type=click.FloatRange(0), default=LIMITS.megapixels, show_default=True,
    help="Refuse larger photos.",
)  # fmt: skip
@click.option(
    "--max-photos", type=click.IntRange(1), default=LIMITS.photos, show_default=True, help="Take so many at a time."
)
@click.option(
    "--max-queue", type=click.IntRange(1), default=LIMITS.queue, show_default=True, help="Let so many requests wait."
)
@click.option(
    "--preview", type=click.IntRange(16), default=LIMITS.preview, show_default=True, metavar="PIXELS",
    help="Longer side of what moves with the sliders; what is saved has full size.",
)  # fmt: skip
def ui(
    weights: tuple[Path, ...], host: str, port: int | None, show: bool, max_mb: float, max_megapixels: float,
    max_photos: int, max_queue: int, preview: int,
) -> None:  # fmt: skip
    """Show a page: drop photos in, move sliders, save the pictures; or look at a checkpoint and convert it.

    Photos stay on this machine, are seen by nobody else, and are deleted when the page is closed. Nothing is asked of
    other hosts. Stop with Ctrl-C.
    """
    limits = Limits(
        megabytes=max_mb, megapixels=max_megapixels, photos=max_photos, queue=max_queue, preview=preview
    )  # fmt: skip
    memory.keep_freed()
    signal.signal(signal.SIGTERM, _stop)  # or what was uploaded would stay behind
    with serving(weights, host=host, port=port, limits=limits) as address:
        click.echo(f"kindling ui: {address}")
        if show:
            click.launch(address)
        threading.Event().wait()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
