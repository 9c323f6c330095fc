"""What is true of all rows after every single move: the promise, before any job has ended."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from jobs import checking
from jobs.lifecycle import MAX_ATTEMPTS
from jobs.models import Attempt, Job, Outcome, State
from jobs.waiting import waits_of
from messaging.models import OutboxMessage
from tenants.models import Limits
from tests.faults import promise

Row = dict[str, Any]


@dataclass
class Seen:
    """All jobs and attempts as they were after the move before, and each change of state so far."""

    jobs: dict[UUID, Row] = field(default_factory=dict)
    attempts: dict[UUID, Row] = field(default_factory=dict)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)


def holds(seen: Seen) -> None:
    """Inside as_operator(). Raises AssertionError, and remembers how everything is now."""
    jobs = list(Job.objects.all())
    attempts = list(Attempt.objects.order_by("job_id", "number"))
    nothing_ended_changes(seen, jobs, attempts)
    numbers_only_grow(seen, jobs)
    one_attempt_lives_where_work_is_done(jobs, attempts)
    no_lane_is_held_twice(jobs)
    each_end_has_what_belongs_to_it_and_nothing_else_has(jobs)
    assert list(checking.contradictions()) == []
    somebody_will_be_woken(jobs)
    _count(seen, jobs, attempts)
    seen.jobs = {job.id: values(job) for job in jobs}
    seen.attempts = {attempt.id: values(attempt) for attempt in attempts}


def _count(seen: Seen, jobs: list[Job], attempts: list[Attempt]) -> None:
    for job in jobs:
        before = seen.jobs.get(job.id, {"state": State.VALIDATING})["state"]
        seen.moves[before, job.state] += before != job.state
    for attempt in attempts:
        before = seen.attempts.get(attempt.id, {"outcome": ""})["outcome"]
        seen.outcomes[attempt.outcome] += before != attempt.outcome


def is_kept(seen: Seen) -> None:
    """Every job has ended: what the tests that really kill processes ask, too."""
    wrong = {job_id: promise.broken(job_id) for job_id in seen.jobs}
    assert not any(wrong.values()), wrong


def has_ended(seen: Seen, job_id: UUID) -> bool:
    return job_id in seen.jobs and seen.jobs[job_id]["finished_at"] is not None


def is_alive(seen: Seen, attempt_id: UUID) -> bool:
    return attempt_id not in seen.attempts or seen.attempts[attempt_id]["ended_at"] is None


def values(row: Any) -> Row:
    return {name.attname: getattr(row, name.attname) for name in row._meta.concrete_fields}


def nothing_ended_changes(seen: Seen, jobs: list[Job], attempts: list[Attempt]) -> None:
    for job in jobs:
        before = seen.jobs.get(job.id)
        assert not before or before["finished_at"] is None or before == values(job)
    for attempt in attempts:
        before = seen.attempts.get(attempt.id)
        assert not before or before["ended_at"] is None or before == values(attempt)
    assert set(seen.jobs) <= {job.id for job in jobs}
    assert set(seen.attempts) <= {attempt.id for attempt in attempts}


def numbers_only_grow(seen: Seen, jobs: list[Job]) -> None:
    for job in jobs:
        before = seen.jobs.get(job.id) or {"fence": 0, "dispatch_number": 0}
        assert job.fence >= before["fence"]
        assert job.dispatch_number >= before["dispatch_number"]
        if before.get("state") == State.PROCESSING and job.state == State.QUEUED:
            assert job.dispatch_number > before["dispatch_number"], "nobody will take it again"


def one_attempt_lives_where_work_is_done(jobs: list[Job], attempts: list[Attempt]) -> None:
    for job in jobs:
        own = [attempt for attempt in attempts if attempt.job_id == job.id]
        live = [attempt for attempt in own if attempt.ended_at is None]
        assert len(live) <= 1
        assert [attempt.fence for attempt in own] == list(range(1, job.fence + 1))
        assert all(attempt.fence == job.fence for attempt in live)
        outcomes = Counter(attempt.outcome for attempt in own)
        assert outcomes[Outcome.FAILED] + outcomes[Outcome.LOST] <= MAX_ATTEMPTS
        assert outcomes[Outcome.SUCCEEDED] == (job.state == State.SUCCEEDED)


def no_lane_is_held_twice(jobs: list[Job]) -> None:
    held = Counter((job.tenant_id, job.lane) for job in jobs if job.lane is not None)
    assert not held or max(held.values()) == 1
    most = dict(Limits.objects.values_list("tenant_id", "jobs_at_once"))
    assert all(0 <= lane < most[tenant_id] for tenant_id, lane in held)
    for job in jobs:
        assert job.lane is None or job.state in (State.QUEUED, State.PROCESSING)
        assert job.lane is not None or job.state != State.PROCESSING


def each_end_has_what_belongs_to_it_and_nothing_else_has(jobs: list[Job]) -> None:
    for job in jobs:
        assert bool(job.result_key) == (job.state == State.SUCCEEDED)
        assert bool(job.error_code) == (job.state == State.FAILED)
        assert (job.finished_at is not None) == job.is_final
        if job.cancel_requested_at is not None:
            assert job.state in (State.PROCESSING, State.CANCELED), "a cancel was forgotten"


def somebody_will_be_woken(jobs: list[Job]) -> None:
    """Who waits says for what, and what can be done now was told to those who can do it."""
    messages = OutboxMessage.objects.filter(actor__in=["lipsync", "probe_job"])
    told = Counter((one.payload["job_id"], one.payload.get("dispatch")) for one in messages)
    groups = {one.dedup_id: one.group_id for one in messages}
    again = [key for key, times in told.items() if times > 1 and key[1] is not None]
    assert again == [], "sent again under its old number: SQS would swallow it"
    waits = waits_of(jobs)
    for job in jobs:
        assert bool(waits[job.id].reason) == (job.state in (State.VALIDATING, State.QUEUED))
        if job.state == State.VALIDATING:
            assert (str(job.id), None) in told
        if job.state == State.QUEUED and job.lane is not None:
            group = groups.get(f"{job.id}/{job.dispatch_number}")
            assert group == f"{job.tenant_id}/{job.lane}", "in another lane it begins nothing"
