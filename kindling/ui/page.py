"""The whole page, and the server that shows it: to this machine alone, unless another address is asked for.

Nothing is asked of other hosts. Gradio's statistics are switched off before it is imported, its fonts are the
system's, and a policy in every answer keeps the browser from asking elsewhere, whatever is in the page.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework
from kindling.ui.limits import Limits

if TYPE_CHECKING:
    import gradio as gr

    from kindling.ui.models import Models
    from kindling.ui.people import People

__all__ = ["serving"]

AGE = 3600  # seconds after which Gradio deletes what it copied, if nobody left before
# What Gradio's own page needs: its scripts are inline and made from text.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' "
    "'unsafe-inline'; connect-src 'self' data: blob:; form-action 'self'; base-uri 'self'; object-src 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"cross-origin-resource-policy": b"same-origin",
}
# Dark enough, or light enough, to be read: 4.5 to 1 and more against what is behind.
COLOURS = {
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover_dark": "*primary_800",
    "button_primary_text_color": "white",
    "block_info_text_color": "*neutral_600",
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_300",
    "block_title_text_color": "*neutral_700",
    "block_title_text_color_dark": "*neutral_200",
    "block_label_text_color": "*neutral_700",
    "block_label_text_color_dark": "*neutral_200",
    "color_accent": "*primary_700",
    "link_text_color": "*primary_800",
    "link_text_color_dark": "*primary_300",
}
# Doors of Gradio through which a server asks other hosts on a visitor's behalf.
SHUT = ("/file=http", "/proxy=", "/file/http")
FETCHING = ("async_ssrf_protected_download", "async_ssrf_protected_get")  # gradio.processing_utils, what downloads


class Guard:
    """Middleware: the headers above on every answer; doors that lead elsewhere are shut."""

    def __init__(self, app: Callable[..., Any]):
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """As ASGI has it."""

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS.items()]
            await send(message)

        if scope["type"] == "http" and any(door in scope["path"] for door in SHUT):
            await sending({"type": "http.response.start", "status": 403, "headers": []})
            await sending({"type": "http.response.body", "body": b"not here"})
            return
        await self.app(scope, receive, sending)


@contextlib.contextmanager
def serving(
    weights: Sequence[Path] = (), *, host: str = "127.0.0.1", port: int | None = None, limits: Limits | None = None
) -> Iterator[str]:
    """Serve the page while the context lasts, and delete everything at its end. Gives the page's address.

    weights: further ones to choose from. port: None for the first that is free from 7860 on. Raises KindlingError if
    Gradio is not installed, no framework is, or the port is taken.
    """
    limits = limits or Limits()
    if port is not None and _taken(host, port):
        raise KindlingError(f"port {port} of {host} is taken, or not allowed; name another one with --port")
    with tempfile.TemporaryDirectory(prefix="kindling-ui-", ignore_cleanup_errors=True) as folder, _quiet(Path(folder)):
        import_framework("gradio", "kindling ui")
        from kindling.ui.models import Models
        from kindling.ui.people import People

        people = People(Path(folder), limits)
        page = _build(people, Models(weights), limits)
        with _nothing_fetched():
            try:
                yield _launched(page, host, port, limits)
            finally:
                page.close(verbose=False)
                people.close()


def _build(people: "People", loaded: "Models", limits: Limits) -> "gr.Blocks":
    """The page itself."""
    import gradio as gr

    from kindling.ui.photos import PhotosTab
    from kindling.ui.weights import WeightsTab

    def left(request: gr.Request) -> None:
        people.leave(request.session_hash)

    with gr.Blocks(title="Kindling", analytics_enabled=False, delete_cache=(AGE // 4, AGE)) as page:
        gr.Markdown("# Kindling\nDark photos made lighter. They stay on the machine that serves this page.")
        with gr.Tabs():
            with gr.Tab("Photos"):
                menu, look = PhotosTab(people, loaded, limits).build()
            with gr.Tab("Weights"):
                WeightsTab(people, loaded).build(menu, look)
        page.unload(left)
    page.queue(max_size=limits.queue, default_concurrency_limit=2)
    return page


def _launched(page: "gr.Blocks", host: str, port: int | None, limits: Limits) -> str:
    """Start the server. Returns the page's address."""
    import gradio as gr
    from starlette.middleware import Middleware

    from kindling.ui.parts import asset

    fonts = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
    theme = gr.themes.Default(primary_hue="orange", neutral_hue="stone", font=fonts[0], font_mono=fonts[1])
    theme.set(**COLOURS)
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, share=False, prevent_thread_lock=True, quiet=True, inbrowser=False,
            max_file_size=limits.bytes, ssr_mode=False, pwa=False, mcp_server=False, run_history=False,
            enable_monitoring=False, footer_links=[], theme=theme, css=asset("page.css"),
            head=f"<script>{asset('page.js')}</script>",
            state_session_capacity=4 * limits.people, app_kwargs={"middleware": [Middleware(Guard)]},
        )  # fmt: skip
    except OSError as error:
        raise KindlingError(f"the page cannot be served at {host}: {error}") from error
    return address


@contextlib.contextmanager
def _nothing_fetched() -> Iterator[None]:
    """Gradio downloads what a visitor posts as a file's address; while this lasts it refuses to, in a sentence."""
    from gradio import processing_utils

    from kindling.ui.parts import failed

    async def refused(*_: object, **__: object) -> None:
        raise failed("this server fetches nothing from other hosts: upload the file itself")

    before = {name: getattr(processing_utils, name) for name in FETCHING}
    for name in FETCHING:
        setattr(processing_utils, name, refused)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(processing_utils, name, value)


@contextlib.contextmanager
def _quiet(root: Path) -> Iterator[None]:
    """What Gradio takes from the environment: no statistics, and a folder of our own for files."""
    (root / "served").mkdir(mode=0o700)
    wanted = {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(root / "served"),
        "GRADIO_EXAMPLES_CACHE": str(root / "served"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError:
            return True
    return False
