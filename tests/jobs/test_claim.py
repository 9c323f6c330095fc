"""Who works on a job: one worker at a time, for as long as its lease, by its fence."""

import pytest
from django.db import IntegrityError, transaction

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.clock import database_now
from jobs.errors import NotClaimable, StaleAttempt
from jobs.models import Attempt, Job, Outcome, State
from messaging.ids import new_id
from tenants.context import acting_for
from tests import making

pytestmark = pytest.mark.django_db


def lose(attempt: Attempt) -> None:
    """Let the lease run out, as time would."""
    Attempt.objects.filter(id=attempt.id).update(lease_expires_at=database_now())
    lifecycle.give_up_on(attempt.id)


def test_a_claim_starts_an_attempt_with_a_fence_and_a_lease(queued_job, claim):
    attempt = claim(queued_job.id, lease=300)
    left = (attempt.lease_expires_at - database_now()).total_seconds()
    assert (attempt.number, attempt.fence, attempt.worker) == (1, 1, "gpu-1")
    assert 295 < left <= 300
    assert Job.objects.get(id=queued_job.id).state == State.PROCESSING


def test_a_job_in_a_workers_hands_cannot_be_claimed(queued_job, claim):
    claim(queued_job.id)
    with pytest.raises(NotClaimable, match="processing"):
        claim(queued_job.id, worker="gpu-2")


def test_a_job_that_waits_for_a_lane_cannot_be_claimed(in_acme, claim):
    """A message from before a hand-over must not run past the tenant's limit."""
    with pytest.raises(NotClaimable):
        claim(making.a_queued_job().id)


@pytest.mark.parametrize("state", [State.VALIDATING, State.CANCELED])
def test_a_job_in_another_state_cannot_be_claimed(in_acme, claim, state):
    ended = database_now() if state == State.CANCELED else None
    with pytest.raises(NotClaimable):
        claim(making.a_job(state=state, finished_at=ended).id)


def test_a_job_that_does_not_exist_cannot_be_claimed(in_acme, claim):
    with pytest.raises(NotClaimable):
        claim(new_id())


def test_another_tenants_job_cannot_be_claimed(acme, globex, claim):
    with acting_for(acme.id):
        job = making.a_queued_job(lane=0)
    with acting_for(globex.id), pytest.raises(NotClaimable):
        claim(job.id)


def test_a_beat_renews_the_lease_and_tells_the_progress(queued_job, claim):
    attempt = claim(queued_job.id, lease=10)
    beat = lifecycle.beat(attempt.id, fence=1, stage="generate", percent=42.9, lease=600)
    attempt.refresh_from_db()
    job = Job.objects.get(id=queued_job.id)
    assert not beat.cancel_requested
    assert (attempt.lease_expires_at - database_now()).total_seconds() > 590
    assert (job.phase, job.percent, attempt.percent) == ("generate", 42, 42)


def test_a_beat_tells_of_a_cancel(queued_job, claim):
    attempt = claim(queued_job.id)
    lifecycle.cancel(queued_job.id, by="jo@example.com")
    assert lifecycle.beat(
        attempt.id, fence=1, stage="generate", percent=1, lease=60
    ).cancel_requested


def test_a_lease_that_was_renewed_is_not_given_up(queued_job, claim):
    attempt = claim(queued_job.id)
    assert lifecycle.give_up_on(attempt.id) is None
    assert Attempt.objects.get(id=attempt.id).ended_at is None


def test_a_lost_lease_sends_the_job_again_in_its_lane_under_a_new_number(queued_job, claim):
    lose(claim(queued_job.id))
    job = Job.objects.get(id=queued_job.id)
    assert (job.state, job.lane, job.dispatch_number, job.percent) == (State.QUEUED, 0, 2, 0)


def test_a_worker_back_from_the_dead_cannot_finish_the_job(queued_job, claim):
    late = claim(queued_job.id, worker="gpu-1")
    lose(late)
    winner = claim(queued_job.id, worker="gpu-2")
    lifecycle.succeed(winner.id, fence=2, result=making.a_result(), output_key="new")
    with pytest.raises(StaleAttempt):
        lifecycle.succeed(late.id, fence=1, result=making.a_result(), output_key="old")
    assert Job.objects.get(id=queued_job.id).result_key == "new"
    assert UsageRecord.objects.filter(source_id=queued_job.id).count() == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda a: lifecycle.beat(a.id, fence=1, stage="audio", percent=5, lease=60),
        lambda a: lifecycle.succeed(a.id, fence=1, result=making.a_result(), output_key="k"),
        lambda a: lifecycle.fail(a.id, fence=1, code="x", message="", retry=True),
        lambda a: lifecycle.release(a.id, fence=1),
        lambda a: lifecycle.finish_cancel(a.id, fence=1),
    ],
    ids=["beat", "succeed", "fail", "release", "finish_cancel"],
)
def test_a_lost_attempt_can_write_nothing_at_all(queued_job, claim, write):
    late = claim(queued_job.id)
    lose(late)
    claim(queued_job.id, worker="gpu-2")
    before = Job.objects.values().get(id=queued_job.id)
    with pytest.raises(StaleAttempt):
        write(late)
    assert Job.objects.values().get(id=queued_job.id) == before


def test_a_wrong_fence_is_refused_for_a_live_attempt_too(queued_job, claim):
    attempt = claim(queued_job.id)
    with pytest.raises(StaleAttempt):
        lifecycle.beat(attempt.id, fence=2, stage="audio", percent=5, lease=60)


def test_a_second_success_is_refused_and_records_nothing(queued_job, claim):
    attempt = claim(queued_job.id)
    lifecycle.succeed(attempt.id, fence=1, result=making.a_result(), output_key="k")
    with pytest.raises(StaleAttempt):
        lifecycle.succeed(attempt.id, fence=1, result=making.a_result(), output_key="k")
    assert UsageRecord.objects.count() == 1


def test_the_database_refuses_a_second_live_attempt(queued_job, claim):
    first = claim(queued_job.id)
    with pytest.raises(IntegrityError, match="one_live_attempt_a_job"), transaction.atomic():
        Attempt.objects.create(
            tenant_id=first.tenant_id,
            job=queued_job,
            number=2,
            fence=2,
            worker="gpu-2",
            started_at=first.started_at,
            lease_expires_at=first.lease_expires_at,
        )


def test_the_third_loss_ends_the_job(queued_job, claim):
    for _ in range(3):
        lose(claim(queued_job.id))
    job = Job.objects.get(id=queued_job.id)
    assert (job.state, job.error_code, job.lane) == (State.FAILED, "worker_lost", None)
    assert [a.outcome for a in job.attempts.all()] == [Outcome.LOST] * 3
    assert job.error_hint
