"""What is left after a soak, counted against what was accepted."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import benchmarks.stage  # noqa: F401 - it sets Django up
from billing.models import UsageRecord
from jobs import reports
from jobs.models import TERMINAL, Attempt, Job
from messaging.models import OutboxMessage
from tenants.context import as_operator
from tests.faults import promise

FINAL = tuple(sorted(TERMINAL))
QUEUES = ("lipsync.fifo", "lipsync-dead.fifo")
# Of what the processes log, that which tells of trouble that was met.
EVENTS = (
    "attempt_broke",
    "attempt_canceled",
    "attempt_failed",
    "attempt_handed_over",
    "attempt_lost",
    "dead_letter_read",
    "dispatcher_led",
    "job_expired",
    "job_not_claimed",
    "lease_lost",
    "message_lost",
    "message_not_deleted",
    "message_not_sent",
    "message_put_back",
    "message_sent_again",
    "model_process_killed",
    "pieces_fetched",
)
LOGGED = re.compile(rf"\] ({'|'.join(EVENTS)})\b")

Breaks = dict[str, list[str]]  # by a job's id, or by who tells of them


def breaks(accepted: Iterable[UUID]) -> Breaks:
    """Each job that broke the promise, with what is wrong with it."""
    wrong = promise.broken_everywhere()
    known = set(_ids())
    for job_id in set(accepted) - known:
        wrong[str(job_id)] = ["It was accepted and is lost."]
    for job_id in known - set(accepted):
        wrong.setdefault(str(job_id), []).append("Nobody was told that it was accepted.")
    return wrong


def by_state() -> Counter[str]:
    with as_operator("count a soak's jobs"):
        return Counter(reports.counts_by_state())


def unfinished() -> int:
    with as_operator("count a soak's jobs"):
        return int(Job.objects.unfinished().count())


def unsent() -> int:
    with as_operator("count a soak's messages"):
        return int(OutboxMessage.objects.filter(sent_at=None).count())


def usage_records() -> int:
    with as_operator("count a soak's records"):
        return int(UsageRecord.objects.count())


def attempts() -> int:
    with as_operator("count a soak's attempts"):
        return int(Attempt.objects.count())


def events(home: Path) -> Counter[str]:
    """How often the processes logged each event of trouble."""
    found: Counter[str] = Counter()
    for log in home.glob("*.log"):
        with log.open(errors="replace") as lines:
            found.update(match[1] for line in lines if (match := LOGGED.search(line)))
    return found


def _ids() -> list[UUID]:
    with as_operator("list a soak's jobs"):
        return list(Job.objects.values_list("id", flat=True))
