"""gunicorn on a laptop: one process, some threads; the last word on the port is bin/demo's."""

import os

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
workers = 1
worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 5
keepalive = 5
control_socket_disable = True
