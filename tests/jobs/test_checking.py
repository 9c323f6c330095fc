"""What the operator's check of the promise finds, and that it finds nothing where all is well."""

from fractions import Fraction

import pytest
from django.core.management import CommandError, call_command

from billing import ledger
from billing.models import UsageRecord
from jobs import checking, lifecycle
from jobs.clock import database_now
from jobs.models import Attempt, Job, State
from tenants.context import as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job


def wrong() -> list[str]:
    with as_operator("check"):
        return list(checking.contradictions())


@pytest.fixture
def job(acting) -> Job:
    return a_queued_job(lane=0)


def delivered(job: Job) -> None:
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)


def record(job: Job) -> UsageRecord:
    return ledger.record(
        job.tenant_id,
        event_id=f"job:{job.id}:again",
        metric="output_seconds",
        quantity=Fraction(1),
        unit="second",
        source_id=job.id,
        occurred_at=database_now(),
    )


def test_all_states_that_the_engine_makes_are_in_order(job):
    a_job(), a_queued_job(lane=1), delivered(job)
    running = a_queued_job(lane=0)
    lifecycle.claim(running.id, worker="gpu-1", lease=60)
    lifecycle.cancel(a_queued_job().id, by="a test")
    correction = {"by": Fraction(-1), "reason": "too long", "event_id": "c1"}
    ledger.correct(UsageRecord.objects.get(), **correction, occurred_at=database_now())
    assert wrong() == []


def test_a_processing_job_without_a_live_attempt_is_found(job):
    lifecycle.claim(job.id, worker="gpu-1", lease=60)
    Attempt.objects.update(ended_at=database_now(), outcome="lost")
    assert wrong() == [f"1 processing jobs have no live attempt: {job.id}"]


def test_a_live_attempt_of_a_job_that_is_not_processing_is_found(job):
    lifecycle.claim(job.id, worker="gpu-1", lease=60)
    Job.objects.update(state=State.QUEUED)
    assert wrong() == [f"1 jobs have a live attempt and are not processing: {job.id}"]


def test_a_job_that_is_billed_without_a_result_is_found(job):
    record(job)
    assert wrong() == [f"1 jobs have a usage record and have not succeeded: {job.id}"]


def test_a_job_that_is_billed_twice_is_found(job):
    delivered(job)
    record(job)
    assert wrong() == [f"1 jobs were recorded twice: {job.id}"]


def test_a_result_that_was_never_billed_is_found(acting):
    now, result = database_now(), {"result_size_bytes": 1, "result_key": KEY}
    length = {"result_seconds_numerator": 1, "result_seconds_denominator": 1}
    job = a_job(state=State.SUCCEEDED, finished_at=now, **result, **length)
    assert wrong() == [f"1 succeeded jobs have no usage record: {job.id}"]


def test_the_command_ends_with_status_1_and_names_the_jobs(job):
    call_command("jobs", "check")
    record(job)
    with pytest.raises(CommandError, match=str(job.id)):
        call_command("jobs", "check")
