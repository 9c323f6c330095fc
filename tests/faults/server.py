"""A PostgreSQL server killed as a machine would kill it: all of its processes at once."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from portal.embedded.postgres import Postgres


def kill(postgres: Postgres) -> None:
    """SIGKILL; nothing is flushed, nobody is told. `postgres.start()` recovers it."""
    assert postgres.process is not None
    for pid in [postgres.process.pid, *_children(postgres.process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    postgres.process.wait()
    postgres.process = None


def _children(parent: int) -> list[int]:
    """Each backend leads a group of its own, so the group does not name them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found
