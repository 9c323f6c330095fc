"""How gunicorn serves the portal, here and in production: `gunicorn portal.wsgi --config ...`.

PORT, BIND_ADDRESS and WEB_WORKERS say where and how many processes. Threads wait for the database
and for bytes; a second process is for a second core.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

bind = f"{os.environ.get('BIND_ADDRESS', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_WORKERS", "1"))
worker_class = "gthread"
threads = 32  # mostly waiting for bytes; a slow player must not keep others out
timeout = 60
graceful_timeout = 5
keepalive = 5
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - no disk waits
control_socket_disable = True

SUMS = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(server: Any) -> None:
    """Several processes count in files of one folder, which is read as their sum."""
    if workers > 1 and SUMS in os.environ:
        shutil.rmtree(os.environ[SUMS], ignore_errors=True)
        Path(os.environ[SUMS]).mkdir(parents=True)


def when_ready(server: Any) -> None:
    if workers > 1 and SUMS in os.environ:
        _serve_metrics()


def post_worker_init(worker: Any) -> None:
    # A download that breaks in the middle is told by gunicorn itself, with the address.
    from portal.logs import NoSecrets

    logging.getLogger("gunicorn.error").addFilter(NoSecrets())
    if workers == 1:
        _serve_metrics()


def child_exit(server: Any, worker: Any) -> None:
    if SUMS in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def _serve_metrics() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from jobs import metrics

    metrics.serve()
