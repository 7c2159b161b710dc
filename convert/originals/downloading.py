"""Downloads that expect the worst: hosts that are slow, stop in the middle, or send a page instead of a file.

A downloader for pooch, which holds the result against its sha256 and moves it into place. What came before a
connection broke is kept, and where the host allows it the next try, also another day, goes on from there.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kindling.core.errors import KindlingError

PIECE = 16_384  # what is lost at most when a connection breaks
AGAIN = {408, 425, 429, 500, 502, 503, 504}  # what a host says when it may go better in a while


class NotServed(KindlingError):
    """The host does not give the file."""


class Downloader:
    """Called by pooch with (url, where to put it, itself).

    folder: for what has come so far. largest: bytes after which it is not what was asked for; exact: whether there must
    be so many. show(bytes so far, of how many) is called as they come. timeout: seconds to connect, and between pieces.
    """

    def __init__(
        self, folder: Path, largest: int, exact: bool, show: Callable[[int, int], None],
        timeout: tuple[float, float] = (10, 60), tries: int = 4, pause: float = 1.0,
    ):  # fmt: skip
        self.folder, self.largest, self.exact, self.show = folder, largest, exact, show
        self.timeout, self.tries, self.pause = timeout, tries, pause

    def __call__(self, url: str, output_file: Any, pooch: object = None, check_only: bool = False) -> None:
        import requests

        host = urlsplit(url).hostname
        part = self.part(url)
        part.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(self.tries):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                self._go_on(url, host, part)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                reason = error
            except requests.RequestException as error:  # no address, or one that leads in circles
                raise NotServed(f"{url} cannot be asked for: {_why(error)}") from error
        else:
            so_far = f"; {part.stat().st_size:,} bytes are kept for the next time" if part.exists() else ""
            raise NotServed(f"{host} cannot be reached, or breaks off (tried {self.tries}x: {_why(reason)}){so_far}")
        os.replace(part, output_file)

    def part(self, url: str) -> Path:
        """Where what has come of `url` so far is kept."""
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"

    def _go_on(self, url, host, part):
        """One request, from where the last one stopped. Errors of the connection are left to be tried again."""
        import requests

        have = part.stat().st_size if part.exists() else 0
        if self.exact and have >= self.largest:  # of something else
            part.unlink()
            have = 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as answer:
            if answer.status_code == 416:  # there is no such place in it
                part.unlink(missing_ok=True)
                raise requests.ConnectionError("the host does not go on from there")
            if answer.status_code in AGAIN:
                raise requests.ConnectionError(f"it says {answer.status_code} {answer.reason}")
            if answer.status_code not in (200, 206):
                raise NotServed(f"{url} is not served: {host} says {answer.status_code} {answer.reason}")
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                raise NotServed(f"{host} sends a web page instead of the file, as it does when too many ask for it")
            resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if answer.status_code == 206 and not resumed:
                part.unlink(missing_ok=True)
                raise requests.ConnectionError("the host goes on from another place")
            have = have if resumed else 0
            left = answer.headers.get("Content-Length", "")
            total = self.largest if self.exact else have + int(left) if left.isdecimal() else 0
            with open(part, "ab" if resumed else "wb") as file:
                for piece in answer.iter_content(PIECE):
                    have += len(piece)
                    if have > self.largest:
                        break
                    file.write(piece)
                    self.show(have, total)
        if have > self.largest:
            part.unlink()
            raise NotServed(f"{url} is not what it was: it has more than {self.largest:,} bytes")
        if self.exact and have < self.largest:
            raise requests.ConnectionError(f"it ended after {have:,} of {self.largest:,} bytes")


def _why(error: Exception) -> str:
    """The last cause, in the words of the system where there are some."""
    while isinstance(error.args[0] if error.args else None, Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    words = reason if isinstance(reason, Exception) else error.args[0] if error.args else error
    return str(words).split(": ", 1)[-1] or type(error).__name__
