"""How a job ends, or goes back to the queue: once, with its lane freed and its reason told."""

from decimal import Decimal

import pytest

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.errors import NotClaimable
from jobs.models import Attempt, Job, Outcome, State
from messaging.models import OutboxMessage
from tenants.context import acting_for
from tenants.models import AuditEvent
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job

FAULT = {"code": "engine_fault", "message": "It broke.", "hint": "Try again."}


@pytest.fixture
def job(acting) -> Job:
    """Admitted: it holds a lane, and a message of it is on its way."""
    job = a_queued_job(lane=0)
    lifecycle.dispatch(job)
    return job


def claim(job: Job) -> Attempt:
    return lifecycle.claim(job.id, worker="gpu-1", lease=60)


def now(job: Job) -> Job:
    return Job.objects.get(id=job.id)


def test_a_success_delivers_frees_the_lane_and_is_told(job):
    attempt = claim(job)
    lifecycle.succeed(attempt.id, fence=1, result=RESULT, output_key=KEY)
    ended = now(job)
    assert (ended.state, ended.percent, ended.lane) == (State.SUCCEEDED, 100, None)
    assert (ended.result_key, str(ended.result_seconds)) == (KEY, "251/25")
    assert (ended.model_label, ended.model_is_demo) == ("demo model", True)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.processing_seconds) == (Outcome.SUCCEEDED, Decimal("41.5"))
    assert AuditEvent.objects.filter(action="job.succeeded", subject=str(job.id)).count() == 1


def test_three_faults_end_a_job_with_the_last_ones_reason(job):
    for number in (1, 2, 3):
        assert now(job).state == State.QUEUED
        lifecycle.fail(claim(job).id, fence=number, **FAULT, retry=True)
    ended = now(job)
    assert ended.state == State.FAILED
    assert (ended.error_code, ended.error_message, ended.error_hint) == tuple(FAULT.values())
    assert not UsageRecord.objects.exists()


STRANGE = {"code": "c" * 90, "message": "a NUL \0, half a letter \ud800" + "x" * 5000, "hint": "\0"}


@pytest.mark.parametrize("again", [False, True], ids=["a refusal", "a fault"])
def test_whatever_an_engine_calls_its_reason_the_end_is_recorded(job, again):
    """PostgreSQL takes no NUL: else the lease would run out three times for a damaged file."""
    attempt = claim(job)
    lifecycle.fail(attempt.id, fence=1, **STRANGE, retry=again)
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.error_code) == (Outcome.FAILED, "c" * 60)
    assert attempt.error_message.startswith("a NUL  , half a letter  x")
    assert now(job).state == (State.QUEUED if again else State.FAILED)


def test_hand_overs_do_not_count_among_the_three(job):
    for number in range(1, 6):
        lifecycle.release(claim(job).id, fence=number)
    lifecycle.fail(claim(job).id, fence=6, **FAULT, retry=True)
    assert (now(job).state, now(job).lane, now(job).dispatch_number) == (State.QUEUED, 0, 7)


def test_each_sending_has_a_deduplication_id_of_its_own_in_the_lanes_group(job):
    """A repeated id would be swallowed within SQS's five minutes."""
    lifecycle.release(claim(job).id, fence=1)
    first, second = OutboxMessage.objects.order_by("id")
    assert first.group_id == second.group_id == f"{job.tenant_id}/0"
    assert (first.dedup_id, second.dedup_id) == (f"{job.id}/1", f"{job.id}/2")
    ids = {"job_id": str(job.id), "tenant_id": str(job.tenant_id)}
    assert second.payload == {**ids, "dispatch": 2}


@pytest.mark.parametrize(
    "end",
    [
        lambda attempt: lifecycle.fail(attempt, fence=1, **FAULT, retry=True),
        lambda attempt: lifecycle.fail(attempt, fence=1, **FAULT, retry=False),
        lambda attempt: lifecycle.release(attempt, fence=1),
        lambda attempt: lifecycle.finish_cancel(attempt, fence=1),
    ],
    ids=["fault", "refusal", "hand-over", "stopped"],
)
def test_a_cancel_that_came_first_wins_whatever_the_worker_says_then(job, end):
    attempt = claim(job)
    lifecycle.cancel(job.id, by="jo@example.com")
    end(attempt.id)
    assert (now(job).state, now(job).lane) == (State.CANCELED, None)


def test_another_tenants_job_cannot_be_canceled(acme, globex):
    with acting_for(acme.id):
        job = a_queued_job()
    with acting_for(globex.id), pytest.raises(Job.DoesNotExist):
        lifecycle.cancel(job.id, by="mallory@example.com")


def test_another_tenants_job_cannot_be_claimed(acme, globex):
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
    with acting_for(globex.id), pytest.raises(NotClaimable):
        claim(job)


def test_a_refused_file_ends_the_job_before_it_cost_anything(acting):
    job = a_job()
    lifecycle.refuse(job.id, code="unsupported_media", message="A text.", hint="Send a video.")
    assert (now(job).state, now(job).error_code) == (State.FAILED, "unsupported_media")
    assert not Attempt.objects.exists()


def test_a_probe_that_comes_late_changes_nothing(job):
    lifecycle.accept_probe(job.id)
    lifecycle.refuse(job.id, code="no_face", message="")
    assert now(job).state == State.QUEUED
