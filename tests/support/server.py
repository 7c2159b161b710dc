"""A host on this machine whose files are served as badly as hosts do: slowly, cut off, wrong, or not at all."""

import contextlib
import hashlib
import http.server
import threading
import time
import zipfile

import numpy as np

from convert.containers import tensor_bundle
from convert.originals.downloading import PIECE
from convert.originals.fetching import fetch
from kindling.families.originals import DATA, Archive, Original

SLOW = 0.01  # seconds between the pieces of a slow file
FOLDERS = ("decom_net_train", "illumination_adjust_net_train", "Restoration_net_train")
SHARD = f"Restoration_net_train/{DATA}"
QUICK = {"pause": 0.0, "timeout": (5, 1)}


class Host:
    """path -> (how, bytes). `how`: methods of Answer, one for each request; the last for all that follow."""

    def __init__(self):
        self.files = {}
        self.requests = []  # (path, Range header or None)

    def serve(self, path, data, *how):
        self.files[path] = (list(how) or ["whole"], data)
        return f"{self.url}/{path}"


@contextlib.contextmanager
def running():
    """A Host that answers until the end of the block."""
    host = Host()

    class Handler(Answer):
        pass

    Handler.host = host
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Answer(http.server.BaseHTTPRequestHandler):
    """One request, answered as its file says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        path = self.path.lstrip("/")
        self.host.requests.append((path, self.headers.get("Range")))
        if path not in self.host.files:
            self.send_error(404)
            return
        hows, data = self.host.files[path]
        how = hows.pop(0) if len(hows) > 1 else hows[0]
        getattr(self, how)(data)

    def log_message(self, *_):
        pass

    def whole(self, data):
        """All of it, or from where it is asked for."""
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if begin >= len(data) > 0:
            self._head(416, 0)
            return
        extra = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self._head(206 if begin else 200, len(data) - begin, **extra)
        self.wfile.write(data[begin:])

    def deaf(self, data):
        """All of it, whatever is asked for."""
        self._head(200, len(data))
        self.wfile.write(data)

    def slow(self, data):
        self._head(200, len(data))
        step = max(1, len(data) // 20)
        for begin in range(0, len(data), step):
            self.wfile.write(data[begin : begin + step])
            time.sleep(SLOW)

    def stuck(self, data):
        """Half of it, and then nothing, with the line held open."""
        self._head(200, len(data))
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        time.sleep(2)

    def cut(self, data):
        """Half of what it promises, or of what is left."""
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        extra = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
        self._head(206 if begin else 200, len(data) - begin, **extra)
        self.wfile.write(data[begin : begin + (len(data) - begin) // 2])

    def wrong(self, data):
        """As many bytes, one of them another."""
        self.deaf(data[:-1] + bytes([data[-1] ^ 1]))

    def elsewhere(self, data):
        """A part, and not the one that was asked for."""
        self._head(206, len(data) - 1, **{"Content-Range": f"bytes 1-{len(data) - 1}/{len(data)}"})
        self.wfile.write(data[1:])

    def longer(self, data):
        self.deaf(data + b"and more")

    def endless(self, data):
        """Without a length, as chat servers do, until the other side hangs up."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(65_536))

    def page(self, data):
        """What a file host shows when too many have asked."""
        page = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"
        self._head(200, len(page), **{"Content-Type": "text/html; charset=utf-8"})
        self.wfile.write(page)

    def busy(self, data):
        self._head(503, 0)

    def circle(self, data):
        self._head(302, 0, Location=self.path)

    def _head(self, status, length, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(length), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class Authors:
    """Three bundles, small ones, and the table that says where the host has them."""

    def __init__(self, folder, host):
        self.folder, self.host = folder, host
        for k, name in enumerate(FOLDERS):
            (folder / name).mkdir(parents=True)
            noise = np.random.default_rng(k).random((400 + k, 100), np.float32)
            tensor_bundle.write(folder / name / "model.ckpt", {f"{name}/w": noise, f"{name}/b": noise[0]})
        self.table = tuple(self._row(f"{name}/{part}") for name in FOLDERS for part in ("model.ckpt.index", DATA))
        self.archive = Archive(f"{host.url}/drive", "https://the.page/of-the-zip", 10**6)

    def _row(self, path):
        data = (self.folder / path).read_bytes()
        if path == SHARD:
            return Original(path, len(data))
        return Original(path, len(data), hashlib.sha256(data).hexdigest(), self.host.serve(path, data))

    def serve(self, path, *how):
        self.host.serve(path, (self.folder / path).read_bytes(), *how)

    def serve_archive(self, *how, **members):
        self.host.serve("drive", self.zipped(**members).read_bytes(), *how)

    def zipped(self, prefix="KinD/checkpoint/", more=(), shard=None, name="kind.zip"):
        """A zip of all three, as the authors' is."""
        path = self.folder.parent / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for row in self.table:
                data = (self.folder / row.path).read_bytes()
                archive.writestr(prefix + row.path, shard if shard and row.path == SHARD else data)
            for info, data in more:
                archive.writestr(info, data)
        return path

    def fetch(self, to, source=None, **options):
        return fetch(to, source, originals=self.table, archive=self.archive, **{**QUICK, **options})

    def resumed(self, path):
        """Where each request for `path` began, rounded up to what half of it was, if only a last piece was lost."""
        half = (self.folder / path).stat().st_size // 2
        asked = [range or "bytes=0-" for name, range in self.host.requests if name == path]
        begins = [int(range.removeprefix("bytes=").removesuffix("-")) for range in asked]
        return [half if half - PIECE < begin <= half else begin for begin in begins]

    def are_in(self, to):
        """Every file is there, as it should be, and nothing else but the text files that name them."""
        there = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}
        assert there == {row.path for row in self.table} | {f"{name}/checkpoint" for name in FOLDERS}
        for row in self.table:
            assert (to / row.path).read_bytes() == (self.folder / row.path).read_bytes()
