"""What all tests of a process share besides the database: any file may come after any other."""

import asyncio
import signal
from pathlib import Path

import structlog

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def traces() -> dict[str, object]:
    """As it stands now; in this thread, where tests run."""
    return {
        "folder": Path.cwd(),
        "event loop": asyncio._get_running_loop(),  # with one, Django refuses queries
        # Loggers that were used keep the list of then; capture_logs empties the one of now.
        "log's processors": id(structlog.get_config()["processors"]),
        "signals": {number.name: signal.getsignal(number) for number in SIGNALS},
    }
