"""Places where a test lets a process die or sleep, named between two steps that can't be one.

A name is `part.moment`. Each stands in the code exactly once, and tests/faults/points.py lists them
all with who passes them; a guard test compares the two.
"""

import os
import signal
import time
from collections import Counter

from django.conf import settings

TAKES_EFFECT_SECONDS = 0.1
HOW = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Send this process the signal that a test has ordered for this place, once.

    VISEME_CRASH_AT is such a name, `name#3` means the third time that it is passed;
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
