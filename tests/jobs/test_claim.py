"""Who may work on a job, and whose word counts at its end."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.clock import database_now
from jobs.errors import NotClaimable, StaleAttempt
from jobs.models import Attempt, Job, Outcome, State
from messaging.models import OutboxMessage
from tenants import operating
from tenants.context import acting_for, as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job

LEASE = 300


@pytest.fixture
def runnable(acting) -> Job:
    return a_queued_job(lane=0)


def run_out(attempt: Attempt) -> None:
    Attempt.objects.filter(id=attempt.id).update(
        lease_expires_at=database_now() - timedelta(seconds=1)
    )


def test_a_claim_makes_an_attempt_with_a_fence_and_a_lease(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    assert (attempt.number, attempt.fence) == (1, 1)
    assert attempt.lease_expires_at > database_now()
    assert Job.objects.get().state == State.PROCESSING


def test_a_job_in_another_workers_hands_can_not_be_claimed(runnable):
    lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    with pytest.raises(NotClaimable):
        lifecycle.claim(runnable.id, worker="gpu-2", lease=LEASE)


def test_a_job_without_a_lane_can_not_be_claimed(acting):
    with pytest.raises(NotClaimable):
        lifecycle.claim(a_queued_job(lane=None).id, worker="gpu-1", lease=LEASE)


def test_a_job_of_a_suspended_tenant_can_not_be_claimed_until_that_is_over(acme):
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
    with as_operator("suspend"):
        operating.suspend(acme.id)
    with acting_for(acme.id), pytest.raises(NotClaimable, match="suspended"):
        lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    with as_operator("resume"):
        operating.resume(acme.id)
    with acting_for(acme.id):
        assert lifecycle.claim(job.id, worker="gpu-1", lease=LEASE).number == 1


def test_a_message_of_a_lane_that_the_job_gave_back_begins_nothing(acting, runnable):
    """It would keep that lane's next job waiting for as long as this one takes."""
    with pytest.raises(NotClaimable, match="gave back"):
        lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE, group=f"{acting.id}/1")


@pytest.mark.parametrize("group", ["{tenant}/0", "", "a release that names groups otherwise"])
def test_a_message_of_its_own_lane_or_of_no_known_one_begins_it(acting, runnable, group):
    told = group.format(tenant=acting.id)
    assert lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE, group=told).number == 1


def test_a_job_that_does_not_exist_can_not_be_claimed(acting):
    with pytest.raises(NotClaimable):
        lifecycle.claim(acting.id, worker="gpu-1", lease=LEASE)


def test_a_worker_back_from_the_dead_cannot_finish_the_job(runnable):
    late = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    run_out(late)
    lifecycle.give_up_on(late.id)
    won = lifecycle.claim(runnable.id, worker="gpu-2", lease=LEASE)
    lifecycle.succeed(won.id, fence=won.fence, result=RESULT, output_key=KEY)
    for end in (
        lambda: lifecycle.succeed(late.id, fence=late.fence, result=RESULT, output_key="late"),
        lambda: lifecycle.fail(late.id, fence=late.fence, code="x", message="x", retry=True),
        lambda: lifecycle.beat(late.id, fence=late.fence, stage="x", percent=1, lease=LEASE),
        lambda: lifecycle.release(late.id, fence=late.fence),
    ):
        with pytest.raises(StaleAttempt):
            end()
    job = Job.objects.get()
    assert (job.state, job.result_key) == (State.SUCCEEDED, KEY)
    assert UsageRecord.objects.filter(source_id=job.id).count() == 1


def test_a_beat_with_another_fence_is_refused(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    with pytest.raises(StaleAttempt):
        lifecycle.beat(attempt.id, fence=attempt.fence + 1, stage="x", percent=1, lease=LEASE)


def test_a_beat_renews_the_lease_and_shows_the_progress(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=1)
    beat = lifecycle.beat(
        attempt.id, fence=attempt.fence, stage="generate", percent=41.7, lease=LEASE
    )
    assert not beat.cancel_requested
    assert Attempt.objects.get().lease_expires_at > attempt.lease_expires_at
    job = Job.objects.get()
    assert (job.phase, job.percent) == ("generate", 41)


def test_success_twice_is_refused_and_recorded_once(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    with pytest.raises(StaleAttempt):
        lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    assert UsageRecord.objects.count() == 1


def test_a_lease_that_was_renewed_meanwhile_is_left_alone(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    assert lifecycle.give_up_on(attempt.id) is None
    assert Job.objects.get().state == State.PROCESSING


def test_a_job_whose_workers_are_lost_three_times_fails(runnable):
    for _ in range(lifecycle.MAX_ATTEMPTS):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
        run_out(attempt)
        job = lifecycle.give_up_on(attempt.id)
    assert (job.state, job.error_code) == (State.FAILED, "worker_lost")
    assert job.error_hint


def test_handing_over_counts_as_no_failure(runnable):
    for _ in range(lifecycle.MAX_ATTEMPTS + 1):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
        job = lifecycle.release(attempt.id, fence=attempt.fence)
        assert job.state == State.QUEUED
    assert Attempt.objects.filter(outcome=Outcome.RELEASED).count() == lifecycle.MAX_ATTEMPTS + 1


def test_a_fault_is_tried_again_and_a_refusal_is_not(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    told = {"fence": attempt.fence, "code": "worker_fault", "message": "The disk is full."}
    assert lifecycle.fail(attempt.id, **told, retry=True).state == State.QUEUED
    message = OutboxMessage.objects.get(actor="lipsync")
    assert message.not_before >= database_now() + timedelta(seconds=20)
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    told = {"fence": attempt.fence, "code": "no_face", "message": "There is no face."}
    job = lifecycle.fail(attempt.id, **told, retry=False)
    assert (job.state, job.error_code, job.lane) == (State.FAILED, "no_face", None)


def test_the_database_refuses_a_second_live_attempt(runnable):
    attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    with pytest.raises(IntegrityError, match="one_live_attempt_a_job"), transaction.atomic():
        Attempt.objects.create(
            job=runnable,
            tenant_id=runnable.tenant_id,
            number=2,
            fence=2,
            worker="gpu-2",
            started_at=attempt.started_at,
            lease_expires_at=attempt.lease_expires_at,
        )


def test_the_database_refuses_a_fence_that_goes_back(runnable):
    lifecycle.claim(runnable.id, worker="gpu-1", lease=LEASE)
    with pytest.raises(IntegrityError, match="only grow"), transaction.atomic():
        Job.objects.update(fence=0)


def test_the_database_refuses_to_revive_an_ended_job(acting):
    job = a_job()
    lifecycle.cancel(job.id, by="a test")
    with pytest.raises(IntegrityError, match="has ended as canceled"), transaction.atomic():
        Job.objects.filter(id=job.id).update(state=State.QUEUED, finished_at=None)
