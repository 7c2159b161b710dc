"""A real browser on the page: Chromium, headless, driven by Playwright, and the page's server as a process.

The browser is the system's own (apt install chromium); Playwright downloads none.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, since tests run as root in containers; and nothing that would ask other hosts by itself.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 300  # seconds until a server that imports a framework answers, on a busy machine
AXE = (Path(os.environ.get("AXE_CORE", ".")), ROOT / ".axe/node_modules/axe-core/axe.min.js")


def chromium() -> str | None:
    """The system's browser, if it has one."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


def axe() -> str | None:
    """The source of axe-core, from $AXE_CORE or where `make test-ui` puts it."""
    return next((path.read_text(encoding="utf-8") for path in AXE if path.is_file()), None)


@dataclass(frozen=True)
class Server:
    """address: of the page; folder: where it keeps temporary files; process: for those who end it themselves."""

    address: str
    folder: Path
    process: subprocess.Popen


@contextlib.contextmanager
def serving(
    folder: Path,
    *options: object,
    command: Sequence[object] = (sys.executable, "-m", "kindling.cli", "ui"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """`kindling ui` with these options, on a free port, with its temporary files in `folder`.

    command, environment: by default this checkout's.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    words = [*map(str, (*command, "--port", port, *options))]
    environment = {**(environment or {**os.environ, "PYTHONPATH": str(ROOT)}), "TMPDIR": str(folder)}
    log = folder.with_name(f"{folder.name}.log")
    with open(log, "wb") as output:
        process = subprocess.Popen(words, env=environment, stdout=output, stderr=output, cwd=folder)
    try:
        address = f"http://127.0.0.1:{port}/"
        _wait(process, address, log)
        yield Server(address, folder, process)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(process, address, log):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.2)
    raise AssertionError(f"no page at {address}: {log.read_text(encoding='utf-8')}")


@contextlib.contextmanager
def browsing() -> Iterator[object]:
    """A browser of Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()
