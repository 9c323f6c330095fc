"""The product's processes around one database of the stage, set up as a customer runs them.

The tests' house starts them from a warm parent; its impatient settings are put back to the
product's own here.
"""

import http.client
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.house import House, environment
from tests.faults.processes import Process, Warm, until

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "DEBUG": "0",
    "PROGRESS_SECONDS": "2",
    "RETRY_SECONDS": "30",
    "DISPATCH_LOST_SECONDS": "86400",  # of what the crowd sent, nothing is missed
    "LOG_LEVEL": "INFO",
}
WEB = ["-m", "gunicorn", "portal.wsgi", "--config", "portal/gunicorn.py"]


class Running(House):
    """A house with a web server and the dispatcher's metrics."""

    def __init__(self, home: Path, warm: Warm, database_url: str) -> None:
        super().__init__(home, warm, database_url)
        self.web_port, self.metrics_port = free_port(), free_port()
        self.environment |= {**SETTINGS, "SITE_URL": f"http://127.0.0.1:{self.web_port}"}

    def start_web(self) -> Process:
        """Returns when it answers."""
        told = {**self.environment, "PORT": str(self.web_port)}
        web = self._run("web", WEB, told)
        until(self._answers, "the web server answers")
        return web

    def start_dispatcher(self) -> Process:
        return self.start("dispatcher", METRICS_PORT=str(self.metrics_port))

    def caller(self, key: str) -> "Caller":
        return Caller(self.web_port, key)

    def scrape(self) -> None:
        """What Prometheus does every half minute."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=30)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200 and b"viseme_queue_size" in answer.read()
        connection.close()

    def is_scraped(self) -> bool:
        with suppress(OSError):
            self.scrape()
            return True
        return False

    def _answers(self) -> bool:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False


class Caller:
    """One client of the API on a connection that it keeps, as an integrator's program has it."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.key = key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The answer's JSON. Raises RuntimeError for a refusal, with what it says."""
        told = {"Authorization": f"Bearer {self.key}", **headers}
        content = None if body is None else json.dumps(body)
        if content is not None:
            told["Content-Type"] = "application/json"
        self._connection.request(method, path, content, told)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500].decode()}")
        return dict(json.loads(text))


@contextmanager
def warm() -> Iterator[Warm]:
    """The parent that processes are forked from."""
    parent = Warm(environment())
    try:
        yield parent
    finally:
        parent.stop()


@contextmanager
def running(home: Path, parent: Warm, database_url: str) -> Iterator[Running]:
    home.mkdir()
    house = Running(home, parent, database_url)
    try:
        yield house
    except BaseException:
        print(house.said(), file=sys.stderr)
        raise
    finally:
        house.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
