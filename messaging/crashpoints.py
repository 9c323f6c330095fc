"""Places where a test lets a process die, named between two steps that can't be one."""

import os
import signal

from django.conf import settings


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if VISEME_CRASH_AT names the place and DEBUG is on.

    Places: `outbox.sent` (sent, not marked), `lipsync.succeeded` (committed, message not deleted).
    """
    if settings.DEBUG and os.environ.get("VISEME_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
