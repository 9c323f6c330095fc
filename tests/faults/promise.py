"""The promise that every accepted job is kept by, whatever died on the way.

One terminal state, one result that is there, one set of usage records, nothing left behind. It is
read from the database, the storage and, where one is given, the queue. From a shell, after a night
of killing: `promise.broken(job_id)` is a list of sentences, empty when all is well, and
`promise.broken_everywhere()` says it of each job that is not.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from billing.models import UsageRecord
from jobs import checking
from jobs.models import TERMINAL, Attempt, Job, State
from jobs.storage import bucket_of, is_folder, outputs
from jobs.usage import OUTPUT_SECONDS
from messaging.models import OutboxMessage
from tenants.context import as_operator
from tenants.models import AuditEvent

LAST_WORDS = tuple(f"job.{state}" for state in sorted(TERMINAL))
CHUNK_BYTES = 1 << 20
CHECK = "manage.py jobs check"


class AskedQueue(Protocol):
    def messages_of(self, job_id: UUID) -> list[str]:
        """One sentence for each message that names the job, in whichever queue it is."""


@dataclass
class Kept:
    """All that is kept of one job."""

    job: Job
    attempts: list[Attempt]
    records: list[UsageRecord]
    unsent: int
    ends: list[str]
    objects: set[str]


def broken(job_id: UUID, queue: AskedQueue | None = None) -> list[str]:
    """What is wrong with a job that should have ended, each as a sentence."""
    with as_operator("check the promise"):
        kept = _read(Job.objects.get(id=job_id))
    kept.objects = _objects(f"{kept.job.tenant_id}/{job_id}/")
    wrong = [sentence for check in CHECKS for sentence in check(kept)]
    return wrong + (queue.messages_of(job_id) if queue else [])


def settled(job_id: UUID, queue: AskedQueue, *, seconds: float = 60) -> list[str]:
    """What stays broken once the last message of an ended job had the time to be deleted."""
    deadline = time.monotonic() + seconds
    while (wrong := broken(job_id, queue)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return wrong


def broken_everywhere(queue: AskedQueue | None = None) -> dict[str, list[str]]:
    """What is wrong with each job of the whole database, by its id; records of no job at all, under
    the id that they name; and under CHECK what the operator's own check tells."""
    with as_operator("check the promise"):
        jobs = list(Job.objects.values_list("id", flat=True))
        strangers = UsageRecord.objects.exclude(source_id__in=jobs).values_list("source_id")
        wrong = {str(source): ["A usage record names no job."] for (source,) in strangers}
        if told := list(checking.contradictions()):
            wrong[CHECK] = told
    for job_id in jobs:
        if sentences := broken(job_id, queue):
            wrong[str(job_id)] = sentences
    return wrong


def leftovers(job_id: UUID) -> set[str]:
    """Objects of the job besides its result: the sweeper's work."""
    with as_operator("check the promise"):
        job = Job.objects.get(id=job_id)
    return _objects(f"{job.tenant_id}/{job_id}/") - {job.result_key}


def _read(job: Job) -> Kept:
    outbox = OutboxMessage.objects.filter(payload__job_id=str(job.id), sent_at=None)
    events = AuditEvent.objects.filter(subject=str(job.id), action__in=LAST_WORDS)
    return Kept(
        job=job,
        attempts=list(Attempt.objects.filter(job=job).order_by("number")),
        records=list(UsageRecord.objects.filter(source_id=job.id)),
        unsent=outbox.count(),
        ends=list(events.values_list("action", flat=True)),
        objects=set(),
    )


def _objects(prefix: str) -> set[str]:
    shelf = outputs()
    if not is_folder(shelf):
        return {item.key for item in bucket_of(shelf).objects.filter(Prefix=prefix)}
    files = (path for path in Path(shelf.path(prefix)).rglob("*") if path.is_file())
    return {str(path.relative_to(shelf.path(""))) for path in files}


def _state(kept: Kept) -> Iterable[str]:
    job = kept.job
    if job.state not in TERMINAL:
        yield f"The job is {job.state}."
    if job.lane is not None:
        yield f"It holds lane {job.lane}."
    if kept.ends != [f"job.{job.state}"]:
        yield f"The audit log tells of these ends: {kept.ends}."


def _attempts(kept: Kept) -> Iterable[str]:
    if alive := [attempt for attempt in kept.attempts if attempt.ended_at is None]:
        yield f"{len(alive)} attempts never ended."
    won = [attempt for attempt in kept.attempts if attempt.outcome == "succeeded"]
    if len(won) != (kept.job.state == State.SUCCEEDED):
        yield f"{len(won)} attempts succeeded, the job is {kept.job.state}."
    fences = [attempt.fence for attempt in kept.attempts]
    if fences != list(range(1, kept.job.fence + 1)):
        yield f"The fence is {kept.job.fence}, its claims had {fences}."


def _result(kept: Kept) -> Iterable[str]:
    job = kept.job
    if job.state != State.SUCCEEDED:
        if job.result_key:
            yield "It has a result without having succeeded."
        return
    won = [attempt for attempt in kept.attempts if attempt.outcome == "succeeded"]
    if job.result_key not in [f"{job.tenant_id}/{job.id}/{one.id}.mp4" for one in won]:
        yield f"The result {job.result_key} is not that of the attempt that succeeded."
    if job.result_key not in kept.objects:
        yield "The result is not in the storage."
    elif _size_and_hash(job.result_key) != (job.result_size_bytes, job.result_sha256):
        yield "The result is another file than the job says."


def _other_objects(kept: Kept) -> Iterable[str]:
    """What is there besides the result is an attempt's that gave none: nobody can come by it, and
    the sweeper removes it (tests/faults/test_what_is_left_behind.py)."""
    lost = [str(one.id) for one in kept.attempts if one.outcome not in ("", "succeeded")]
    pieces = [str(one.id) for one in kept.attempts]
    for key in sorted(kept.objects - {kept.job.result_key}):
        name = key.removeprefix(f"{kept.job.tenant_id}/{kept.job.id}/")
        piece = re.fullmatch(r"segments/([0-9a-f-]{36})/\d{5}\.(mp4|json)", name)
        if name.removesuffix(".mp4") not in lost and not (piece and piece[1] in pieces):
            yield f"Nobody knows the object {key}."


def _usage(kept: Kept) -> Iterable[str]:
    found = Counter(record.metric for record in kept.records)
    wanted = Counter({OUTPUT_SECONDS: 1} if kept.job.state == State.SUCCEEDED else {})
    if found != wanted:
        yield f"The usage records are {dict(found)}, the job is {kept.job.state}."
    for record in kept.records:
        if record.quantity != kept.job.result_seconds:
            yield f"Billed are {record.quantity} s, delivered {kept.job.result_seconds} s."


def _outbox(kept: Kept) -> Iterable[str]:
    if kept.unsent:
        yield f"{kept.unsent} messages wait in the outbox."


def _size_and_hash(key: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with outputs().open(key) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


CHECKS: tuple[Callable[[Kept], Iterable[str]], ...] = (
    _state,
    _attempts,
    _result,
    _other_objects,
    _usage,
    _outbox,
)
