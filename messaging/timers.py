"""The clock of the whole system: settings.TIMERS, run by whichever dispatcher leads."""

import time
from collections.abc import Sequence
from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from messaging.models import TimerRun
from messaging.sending import operating

log = structlog.get_logger(__name__)

Timer = tuple[str, float, str]  # name, interval in seconds, dotted path of a function

# The first of two leaders moves the row on, the other one then finds it too young.
CLAIM = """
INSERT INTO messaging_timerrun AS run (name, started_at, last_error) VALUES (%s, now(), '')
ON CONFLICT (name) DO UPDATE SET started_at = now(), finished_at = NULL
    WHERE run.started_at <= now() - make_interval(secs => %s)
RETURNING name
"""
# A wake-up that comes a little early would else wait for a whole interval more.
SLACK = 0.95


def ages(now: datetime) -> dict[str, float]:
    """Seconds since each timer last began, wherever; without those that never did.

    Give it the operator's context.
    """
    runs = TimerRun.objects.values_list("name", "started_at")
    return {name: (now - started_at).total_seconds() for name, started_at in runs}


class Clock:
    """Knows when each timer is due here, and asks the database before it believes itself."""

    def __init__(self, timers: Sequence[Timer] | None = None) -> None:
        self.timers = settings.TIMERS if timers is None else timers
        self._due = {name: 0.0 for name, _, _ in self.timers}

    def run_due(self) -> None:
        """Run each timer whose interval has passed. One that raises is logged; others go on."""
        for name, interval_seconds, function in self.timers:
            if time.monotonic() >= self._due[name]:
                self._due[name] = time.monotonic() + interval_seconds
                run(name, interval_seconds, function)

    def seconds_to_next(self) -> float:
        return max(0.0, min(self._due.values(), default=1.0) - time.monotonic())


def run(name: str, interval_seconds: float, function: str) -> bool:
    """Run one timer unless it began less than its interval ago anywhere; whether it ran.

    The function takes no arguments and works in the operator's transaction, whole or not at all.
    """
    if not _claim(name, interval_seconds * SLACK):
        return False
    problem = ""
    try:
        with operating(f"timer {name}"):
            import_string(function)()
    except Exception as error:  # whatever one owner's function does, the others' must run
        problem = f"{type(error).__name__}: {error}"[:500]
        log.exception("timer_failed", timer=name)
    with operating(f"timer {name} ended"):
        TimerRun.objects.filter(name=name).update(finished_at=Now(), last_error=problem)
    return True


def _claim(name: str, age_seconds: float) -> bool:
    with operating(f"timer {name}"), connection.cursor() as cursor:
        cursor.execute(CLAIM, [name, age_seconds])
        return cursor.fetchone() is not None
