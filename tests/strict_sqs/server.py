"""SQS's JSON protocol over HTTP, as boto3 speaks it, and the control routes beside it."""

import json
import select
import socket
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from tests.strict_sqs.actions import Actions
from tests.strict_sqs.calls import Calls, Cut
from tests.strict_sqs.clock import Clock
from tests.strict_sqs.control import Control, NoRoute
from tests.strict_sqs.errors import Refused
from tests.strict_sqs.service import Service

JSON = "application/x-amz-json-1.0"
LOOPBACK = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Listens at once; answers once `serve_forever` runs. Port 0: a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, clock: Clock | None = None) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.address = f"http://{LOOPBACK}:{self.server_port}"
        self.service = Service(clock or Clock())
        self.actions = Actions(self.service, self.address)
        self.calls = Calls(self.actions)
        self.control = Control(self.calls)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle of an answer is no news; a mistake of ours is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        given = json.loads(self.rfile.read(length) or b"{}")
        if self.path.startswith("/_"):
            self._control(given)
        else:
            self._call(given)

    def do_GET(self) -> None:
        self._control({})

    do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Not a line for each request."""

    def _call(self, given: Mapping[str, Any]) -> None:
        action = self.headers.get("X-Amz-Target", "").removeprefix("AmazonSQS.")
        try:
            answer = self.server.calls.run(action, given, self._gone)
        except Cut:
            self._cut()
        except Refused as refusal:
            self._answer(refusal.status, _shape(refusal), _old_code(refusal))
        else:
            self._answer(200, answer)

    def _control(self, given: Mapping[str, Any]) -> None:
        try:
            answer = self.server.control.run(self.command, self.path, given)
        except (NoRoute, Refused, TypeError) as problem:
            self._answer(400, {"problem": str(problem)})
        else:
            self._answer(200, answer)

    def _answer(self, status: int, content: Any, extra: Mapping[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        told = {"Content-Type": JSON, "Content-Length": str(len(body)), **(extra or {})}
        for name, value in {**told, "x-amzn-RequestId": str(uuid4())}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _cut(self) -> None:
        """The connection ends without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _gone(self) -> bool:
        """Whether the client hung up: it sends nothing while it waits, only its end can be read."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True


def _shape(refusal: Refused) -> dict[str, str]:
    return {"__type": f"com.amazonaws.sqs#{refusal.shape}", "message": refusal.message}


def _old_code(refusal: Refused) -> dict[str, str]:
    whose = "Sender" if refusal.by_sender else "Receiver"
    return {"x-amzn-query-error": f"{refusal.code};{whose}"}


def started(clock: Clock | None = None) -> Server:
    """A server in a thread of this process, for tests that hold its clock in their hands."""
    server = Server(clock=clock)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server
