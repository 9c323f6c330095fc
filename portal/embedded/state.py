"""Ports and passwords of the embedded servers: made once, kept, readable by their owner alone."""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portal.embedded import EmbeddedError

LOOPBACK = "127.0.0.1"


class State:
    """A JSON file of mode 0600 that is always whole: it is replaced, never written into."""

    def __init__(self, home: Path) -> None:
        self.path = home / "state.json"
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.values: dict[str, Any] = json.loads(self.path.read_text()) if self.known else {}

    @property
    def known(self) -> bool:
        return self.path.exists()

    def section(self, name: str) -> dict[str, Any]:
        return self.values.setdefault(name, {})

    def save(self) -> None:
        draft = self.path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self.values, file, indent=1)
        draft.replace(self.path)


def password() -> str:
    return secrets.token_urlsafe(24)


def kept_port(section: dict[str, Any]) -> int:
    """The section's port if it is still free, otherwise another one, noted there."""
    if not is_free(port := section.get("port", 0)):
        port = 0
    if not port:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
    section["port"] = port
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that is still winding down does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether somebody answers on it."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's servers for this process. Raises EmbeddedError where another one has them.

    The lock ends with the process, however that ends.
    """
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (home / "servers.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EmbeddedError(
                f"The servers of {home} run already, perhaps in another terminal: end that with "
                "Ctrl-C, or choose another folder with VISEME_HOME."
            ) from None
        yield
