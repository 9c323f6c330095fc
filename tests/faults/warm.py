"""A parent whose children have everything loaded: a process of the product in 0.1 s, not in 2.

    python -m tests.faults.warm

Loaded are libraries and the apps; a child reads the settings anew, for its own environment. What
takes settings when it is imported, broker and actors, is left to the child. Requests come as lines
of JSON, answers go as lines. It has no threads, so a fork is a clean one; and it reaps a child only
when asked, so no process id is used twice meanwhile.
"""

import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

import django
from django.conf import Settings, settings
from django.db import connections

from portal.embedded.account import PR_SET_PDEATHSIG, prctl

LIBRARIES = (
    "django.contrib.admin",
    "django.contrib.auth",
    "django.core.files.storage",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.db.models",
    "django.http",
    "allauth",
    "av",
    "boto3",
    "botocore.session",
    "dramatiq.cli",
    "dramatiq_sqs",
    "environs",
    "moto.server",
    "moto.sqs.responses",
    "numpy",
    "prometheus_client",
    "psycopg",
    "psycopg_pool",
    "rest_framework",
    "structlog.dev",
    "uuid_utils.compat",
)

OURS = (
    "jobs.worker",
    "jobs.probing",
    "jobs.previews",
    "jobs.sweeping",
    "jobs.dead_letters",
    "jobs.admission",
    "jobs.reconciling",
    "messaging.dispatcher",
)
FROM_SETTINGS = ("jobs.actors", "portal.worker")
SETTINGS = ("portal.settings", "tests.faults.settings")


def load() -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    django.setup()
    for module in OURS:
        importlib.import_module(module)
    assert not sys.modules.keys() & FROM_SETTINGS


def read_settings() -> None:
    """As the environment says by now; nobody has a connection or a storage yet."""
    for module in SETTINGS:
        importlib.reload(sys.modules[module])
    settings._wrapped = Settings(SETTINGS[-1])
    handler: Any = connections
    handler._settings = None  # what Django has read of DATABASES by itself
    handler.__dict__.pop("settings", None)
    for alias in settings.DATABASES:
        if hasattr(handler._connections, alias):
            del connections[alias]


def serve() -> dict[str, Any] | None:
    """Answer requests until the input ends; in a new child, what it has to become."""
    requests: Any = sys.stdin.buffer
    for line in requests.raw:  # nothing read ahead: a child must not inherit requests
        request = json.loads(line)
        if "poll" in request:
            _say({"status": _status(request["poll"])})
        elif pid := os.fork():
            _say({"pid": pid})
        else:
            return request
    return None


def become(request: dict[str, Any]) -> None:
    """Turn this process into the one that was asked for; it ends as its program ends."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.setsid()
    _write_to(request["log"])
    os.environ.clear()
    os.environ.update(request["environment"])
    read_settings()
    first, *rest = request["arguments"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def _status(pid: int) -> int | None:
    """How a child ended, as subprocess tells it; None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _write_to(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, output), (2, output)):
        os.dup2(file, number)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _say(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    load()
    _say({"ready": True})
    if ordered := serve():
        become(ordered)
