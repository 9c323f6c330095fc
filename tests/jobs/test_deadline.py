"""A job that has not ended by its deadline has failed, in whosever hands it is."""

from datetime import timedelta

import pytest

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.clock import database_now
from jobs.errors import StaleAttempt
from jobs.models import Attempt, Job, Outcome, State
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job

LEASE = 300


def past(job: Job) -> Job:
    Job.objects.filter(id=job.id).update(deadline=database_now() - timedelta(seconds=1))
    return job


@pytest.mark.parametrize("make", [a_job, a_queued_job, lambda: a_queued_job(lane=0)])
def test_a_waiting_job_fails_and_gives_its_lane_back(acting, make):
    job = lifecycle.expire(past(make()).id)
    assert (job.state, job.error_code, job.lane) == (State.FAILED, "deadline_passed", None)
    assert "later deadline" in job.error_hint


def test_an_attempt_ends_with_its_job_and_its_worker_hears_it_at_once(acting):
    job = past(a_queued_job(lane=0))
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    assert lifecycle.expire(job.id).state == State.FAILED
    assert Attempt.objects.get().outcome == Outcome.EXPIRED
    own = {"fence": attempt.fence}
    with pytest.raises(StaleAttempt):
        lifecycle.beat(attempt.id, **own, stage="generate", percent=50, lease=LEASE)
    with pytest.raises(StaleAttempt):
        lifecycle.succeed(attempt.id, **own, result=RESULT, output_key=KEY)
    assert not UsageRecord.objects.exists()


def test_a_success_that_came_first_stands(acting):
    job = past(a_queued_job(lane=0))
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    assert lifecycle.expire(job.id) is None
    assert Job.objects.get().state == State.SUCCEEDED


def test_a_cancel_that_was_asked_for_first_is_what_the_job_ends_by(acting):
    job = past(a_queued_job(lane=0))
    lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
    lifecycle.cancel(job.id, by="a test")
    assert lifecycle.expire(job.id).state == State.CANCELED
    assert Attempt.objects.get().outcome == Outcome.CANCELED


def test_before_its_deadline_and_without_one_a_job_is_left_alone(acting):
    ahead = a_job(deadline=database_now() + timedelta(minutes=1))
    assert lifecycle.expire(ahead.id) is None
    assert lifecycle.expire(a_job().id) is None
    assert set(Job.objects.values_list("state", flat=True)) == {State.VALIDATING}


def test_an_expired_job_may_be_retried_and_its_deadline_is_over(acting):
    failed = lifecycle.expire(past(a_job()).id)
    assert lifecycle.retry(failed.id, by="a test")[0].deadline is None


def test_a_deadline_that_is_still_to_come_binds_the_retry(acting):
    deadline = database_now() + timedelta(hours=1)
    failed = a_job(deadline=deadline)
    lifecycle.refuse(failed.id, code="no_face", message="No face.")
    assert lifecycle.retry(failed.id, by="a test")[0].deadline == deadline
