#!/usr/bin/env python
"""Django's commands: `bin/run python manage.py help`."""

import os
import socket
import sys
from typing import Any

CONNECT_SECONDS = 3


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        _ = settings.INSTALLED_APPS  # read now, so that a refusal is one line
    except ImproperlyConfigured as refusal:
        sys.exit(f"manage.py: {refusal}")
    if settings.MODE == "embedded" and no_database(settings):
        # The pool would ask again and again, and log each time, before it gave up.
        settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
    try:
        execute_from_command_line(sys.argv)
    except OperationalError:
        if not (why := no_database(settings)):
            raise
        sys.exit(f"manage.py: {why}")


def no_database(settings: Any) -> str:
    """Why there is none to talk to, and what to do; empty where a server answers."""
    host, port = (settings.DATABASES["default"][name] for name in ("HOST", "PORT"))
    if not host or host.startswith("/"):  # a socket of this machine: no port to knock at
        return ""
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        todo = (
            "start bin/demo in another terminal, or name a database with DATABASE_URL"
            if settings.MODE == "embedded"
            else "see whether it runs and DATABASE_URL names it"
        )
        return f"No database answers at {host}:{port}: {todo}."
    return ""


if __name__ == "__main__":
    main()
