"""Places where a test lets a process die or sleep, named between two steps that can't be one.

A name is `part.moment`. Each stands in the code exactly once and has its test in `tests/faults`; a
guard test looks for both.
"""

import os
import signal
import time
from collections import Counter

from django.conf import settings

POINTS = (
    # a submission
    "submit.before_commit",
    "submit.committed",
    # the dispatcher
    "admission.before_commit",
    "admission.committed",
    "outbox.claimed",
    "outbox.sent",
    "outbox.marked",
    "reconcile.before_commit",
    "reconcile.committed",
    # a message in a worker's hands
    "message.received",
    "hold.before",
    "hold.extended",
    "message.before_delete",
    "message.deleted",
    # the look at a new job's files
    "probe.before_commit",
    "probe.committed",
    # an attempt
    "claim.before_commit",
    "claim.committed",
    "beat.before_commit",
    "beat.committed",
    "segment.before_put",
    "segment.put",
    "segment.recorded",
    "result.before_put",
    "result.put",
    "succeed.before_commit",
    "succeed.committed",
    "release.before_commit",
    "release.committed",
)
TAKES_EFFECT_SECONDS = 0.1
HOW = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Send this process the signal that a test has ordered for this place, once.

    VISEME_CRASH_AT is a name of POINTS, `name#3` means the third time that it is passed;
    VISEME_CRASH_HOW is `kill` (SIGKILL, the default) or `stop` (SIGSTOP). With DEBUG only.
    """
    ordered = os.environ.get("VISEME_CRASH_AT")
    if not ordered or not settings.DEBUG:
        return
    place, _, turn = ordered.partition("#")
    if place != name:
        return
    _passed[name] += 1
    if _passed[name] == int(turn or 1):
        os.kill(os.getpid(), HOW[os.environ.get("VISEME_CRASH_HOW", "kill")])
        # Another thread may take the signal; this one would run on for the moment until all stop.
        time.sleep(TAKES_EFFECT_SECONDS)
