"""Canceling works in every state, changes nothing twice, and loses to what came first."""

import pytest

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.errors import NotCancelable, NotClaimable
from jobs.models import Job, State
from tenants.models import AuditEvent
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job

LEASE = 300


@pytest.mark.parametrize("state", [State.VALIDATING, State.QUEUED])
def test_before_a_worker_has_it_a_job_is_canceled_at_once(acting, state):
    job = lifecycle.cancel(a_job(state=state).id, by="a test")
    assert (job.state, job.cancel_requested_at) == (State.CANCELED, None)
    assert job.finished_at is not None


def test_a_canceled_job_gives_its_lane_back(acting):
    assert lifecycle.cancel(a_queued_job(lane=1).id, by="a test").lane is None


def test_in_a_workers_hands_it_is_a_request_that_the_next_beat_tells(acting):
    job = a_queued_job(lane=0)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    assert lifecycle.cancel(job.id, by="a test").state == State.PROCESSING
    beat = lifecycle.beat(attempt.id, fence=attempt.fence, stage="x", percent=1, lease=LEASE)
    assert beat.cancel_requested
    assert lifecycle.finish_cancel(attempt.id, fence=attempt.fence).state == State.CANCELED


def test_a_cancel_that_came_before_the_result_wins_and_costs_nothing(acting):
    job = a_queued_job(lane=0)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    lifecycle.cancel(job.id, by="a test")
    job = lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    assert (job.state, job.result_key) == (State.CANCELED, "")
    assert not UsageRecord.objects.exists()


def test_canceling_twice_changes_nothing(acting):
    job = a_job()
    first = lifecycle.cancel(job.id, by="a test")
    assert lifecycle.cancel(job.id, by="a test").finished_at == first.finished_at


def test_a_finished_job_can_not_be_canceled(acting):
    job = a_queued_job(lane=0)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    with pytest.raises(NotCancelable):
        lifecycle.cancel(job.id, by="a test")
    assert Job.objects.get().state == State.SUCCEEDED


def test_a_second_cancel_in_a_workers_hands_changes_nothing(acting):
    job = a_queued_job(lane=0)
    lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    first = lifecycle.cancel(job.id, by="a test")
    again = lifecycle.cancel(job.id, by="another")
    assert (again.state, again.cancel_requested_at) == (
        State.PROCESSING,
        first.cancel_requested_at,
    )
    assert AuditEvent.objects.filter(action="job.cancel_requested").count() == 1


def test_a_job_that_was_handed_over_is_canceled_before_the_next_claim(acting):
    job = a_queued_job(lane=0)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    lifecycle.release(attempt.id, fence=attempt.fence)
    canceled = lifecycle.cancel(job.id, by="a test")
    assert (canceled.state, canceled.lane) == (State.CANCELED, None)
    with pytest.raises(NotClaimable):
        lifecycle.claim(job.id, worker="gpu-2", lease=LEASE)


@pytest.mark.parametrize("end", ["release", "fail", "give_up_on"])
def test_a_cancel_that_was_asked_for_ends_the_job_whatever_ends_the_attempt(acting, end):
    job = a_queued_job(lane=0)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=-1)
    lifecycle.cancel(job.id, by="a test")
    told = {"code": "worker_fault", "message": "The disk was full.", "retry": True}
    own = {} if end == "give_up_on" else {"fence": attempt.fence}
    ended = getattr(lifecycle, end)(attempt.id, **own, **(told if end == "fail" else {}))
    assert (ended.state, ended.error_code) == (State.CANCELED, "")


def test_a_cancel_while_validating_outlives_a_late_probe(acting):
    job = a_job()
    lifecycle.cancel(job.id, by="a test")
    assert lifecycle.accept_probe(job.id).state == State.CANCELED
    assert lifecycle.refuse(job.id, code="no_face", message="No face.").error_code == ""
