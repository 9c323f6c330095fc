"""What Dramatiq's command line loads: Django, the broker and all actors.

dramatiq portal.worker --processes 1 --threads 1 --queues lipsync              # GPU worker
dramatiq portal.worker --processes 1 --threads 2 --queues tasks previews lipsync-dead tasks-dead
"""

import os

import django
import dramatiq

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from jobs import actors, metrics  # noqa: E402 - they need the apps
from jobs.folders import clear_leftovers  # noqa: E402
from messaging.broker import shared  # noqa: E402


class WarmModel(dramatiq.Middleware):
    """A worker that takes videos loads its model before the first one, and frees it at the end."""

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        clear_leftovers()
        if "lipsync" in (worker.consumer_whitelist or {"lipsync"}):
            actors.supervisor.model.start()

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        actors.supervisor.model.stop()


broker = shared()
broker.add_middleware(WarmModel())
dramatiq.set_broker(broker)
metrics.serve(metrics.GpuCollector())
