"""A small server that speaks the Hugging Face hub's HTTP on loopback, and misbehaves on request.

/REPOSITORY/resolve/REVISION/FILE answers HEAD and GET as the hub does: X-Repo-Commit, an ETag (a
large file's SHA-256, git's hash of a small one), and for large files a redirect to a second server
on another port, which knows ranges and, like the hub's, wants no token.
"""

import contextlib
import hashlib
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1f" * 20
LARGE_BYTES = 4096
RESOLVE = re.compile(r"/(?P<repository>[\w.-]+/[\w.-]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


@dataclass
class Hub:
    """files: (repository, path) -> content. cuts: for as many answers of the second server, how
    many bytes come before the connection breaks. drips: it gives ten bytes a second. odd: how it
    answers as no hub does; see _Handler."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    gated: bool = False
    knows_ranges: bool = True
    drips: bool = False
    odd: str = ""
    commit: str = COMMIT
    status: int = 200
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)

    def __enter__(self):
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(2)]
        for server, name in zip(self._servers, ("hub", "store"), strict=True):
            server.hub, server.name = self, name
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint, self.store = (f"http://127.0.0.1:{s.server_port}" for s in self._servers)
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fetched(self):
        """The files whose bytes were asked for, with the range, in order."""
        return [
            (path.split("/")[-1], wanted) for method, path, wanted in self.asked if method == "GET"
        ]


def etag(content: bytes) -> str:
    if len(content) >= LARGE_BYTES:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        hub = self.server.hub
        hub.tokens.append((self.server.name, self.headers.get("Authorization")))
        found = RESOLVE.fullmatch(self.path)
        content = found and hub.files.get((found["repository"], found["file"]))
        if self.server.name == "store":
            self._give(content)
        elif hub.status != 200:
            self._refuse(hub.status, "")
        elif hub.gated:
            self._refuse(403, "GatedRepo")
        elif content is None:
            self._refuse(404, "EntryNotFound")
        elif found["revision"] not in ("main", hub.commit):
            self._refuse(404, "RevisionNotFound")
        elif self.command == "GET" and len(content) < LARGE_BYTES:
            self._give(content)
        else:
            self._tell(content)

    def _tell(self, content):
        hub = self.server.hub
        large = len(content) >= LARGE_BYTES
        if hub.odd == "turns in a circle":
            self._send(302, Location=self.path)
            return
        if hub.odd == "an etag that is a path":
            self._send(200, X_Repo_Commit=hub.commit, ETag='"../../etag"')
            return
        self.send_response(302 if large else 200)
        self.send_header("X-Repo-Commit", hub.commit)
        self.send_header("X-Linked-Etag" if large else "ETag", f'"{etag(content)}"')
        if large:
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Location", f"{hub.store}{self.path}")
        self.send_header("Content-Length", "0" if large else str(len(content)))
        self.end_headers()

    def _give(self, content):
        hub, wanted = self.server.hub, self.headers.get("Range")
        hub.asked.append((self.command, self.path, wanted))
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and hub.knows_ranges else 0
        rest = content[start:]
        if hub.odd == "no rest" and start:
            self._send(416)
            return
        if hub.odd == "without an end":
            self._give_without_end(content)
            return
        if hub.odd == "packed by whom":
            self._send(200, Content_Encoding="gzip", body=content)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if hub.drips:
            self._drip(rest)
        else:
            self.wfile.write(rest[: hub.cuts.pop(0)] if hub.cuts else rest)

    def _drip(self, rest):
        """Ten bytes a second, until nobody listens."""
        with contextlib.suppress(OSError):
            for byte in rest:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)

    def _give_without_end(self, content):
        """Until nobody listens."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(content)

    def _send(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nobody reads along."""
