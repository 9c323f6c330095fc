"""The same for jobs: leases and dispatches of a time that is still to come (messaging/set_back.py).

A lease would keep the job of a worker that is gone for as long as the clock was ahead, and a job
that the queue forgot would not be missed until then.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet

from jobs.models import Attempt, Job, State
from messaging import set_back
from messaging.set_back import AHEAD

log = structlog.get_logger(__name__)

# Each as an index has it (dispatches_unheard, probes_unheard): those that wait for a lane are in
# none, and are sent when they have one.
SENT = ({"state": State.QUEUED, "lane__isnull": False}, {"state": State.VALIDATING})


def bring_back(now: datetime) -> None:
    """Inside as_operator(). Rows that somebody has locked are left for the next turn."""
    lease = timedelta(seconds=settings.JOB_LEASE_SECONDS)
    # Twice as long: a worker of another release may have leases of another length.
    leases = Attempt.objects.filter(ended_at=None, lease_expires_at__gt=now + 2 * lease + AHEAD)
    sent = [Job.objects.filter(dispatched_at__gt=now + AHEAD, **kind) for kind in SENT]
    brought = {
        "messages": set_back.bring_back(),
        "leases": Attempt.objects.filter(id__in=_free(leases)).update(lease_expires_at=now + lease),
        "jobs": Job.objects.filter(id__in=_free(*sent)).update(dispatched_at=now),
    }
    if any(brought.values()):
        log.warning("clock_was_set_back", **brought)


def _free(*found: QuerySet[Any]) -> list[UUID]:
    """Their ids, locked."""
    return [row.id for rows in found for row in rows.order_by().select_for_update(skip_locked=True)]
