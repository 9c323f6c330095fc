"""The clock of the whole system: settings.TIMERS, run by whichever dispatcher leads."""

import math
import time
from collections.abc import Iterator, Sequence
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

# The first of two leaders moves the row on, the other one then finds it too young. A start that is
# to come was written by a server whose clock was ahead: nobody waits for it, or nothing would run
# until then.
CLAIM = """
INSERT INTO messaging_timerrun AS run (name, started_at, last_error) VALUES (%s, now(), '')
ON CONFLICT (name) DO UPDATE SET started_at = now(), finished_at = NULL
    WHERE run.started_at <= now() - make_interval(secs => %s)
        OR run.started_at > now() + make_interval(secs => %s)
RETURNING name
"""
# A wake-up that comes a little early would else wait for a whole interval more.
SLACK = 0.95
# Two leaders' transactions may begin this much apart, and the later one be the first to claim.
AHEAD_SECONDS = 10.0
# Between two runs of a timer that was woken before its time: a burst of reasons is one reason.
WOKEN_SECONDS = 0.1


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
        self._began = {name: -math.inf for name, _, _ in self.timers}
        self._woken: set[str] = set()

    def wake(self, name: str) -> None:
        """Something was written that this timer looks for: it need not wait for its interval."""
        self._woken.add(name)

    def run_due(self) -> None:
        """Run each timer whose interval has passed. One that raises is logged; others go on."""
        for name, seconds, function in self._waits():
            if time.monotonic() >= self._began[name] + seconds:
                self._began[name] = time.monotonic()
                self._woken.discard(name)
                run(name, seconds, function)

    def seconds_to_next(self) -> float:
        ends = (self._began[name] + seconds for name, seconds, _ in self._waits())
        return max(0.0, min(ends, default=time.monotonic() + 1.0) - time.monotonic())

    def _waits(self) -> Iterator[Timer]:
        """The timers with what each waits now: its interval, or less where it was woken."""
        for name, interval_seconds, function in self.timers:
            least = WOKEN_SECONDS if name in self._woken else interval_seconds
            yield name, min(least, interval_seconds), function


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
        cursor.execute(CLAIM, [name, age_seconds, AHEAD_SECONDS])
        return cursor.fetchone() is not None
