"""A message that died asks again: an outage of ours is no fault of the job."""

from datetime import timedelta

import pytest

from jobs import dead_letters, lifecycle, submission
from jobs.clock import database_now
from jobs.models import Job, State
from messaging.models import OutboxMessage
from tests.making import a_job, a_queued_job


@pytest.fixture
def job(acting) -> Job:
    """Admitted: it holds a lane, and a message of it is on its way."""
    job = a_queued_job(lane=0)
    lifecycle.dispatch(job)
    return job


def newest() -> OutboxMessage:
    return OutboxMessage.objects.order_by("id").last()


def pause(message: OutboxMessage) -> float:
    """Seconds from now until it is sent."""
    return (message.not_before - database_now()).total_seconds()


def test_a_dead_letter_sends_its_job_out_again_a_little_later(job, settings):
    settings.RETRY_SECONDS = 30
    again = dead_letters.read(job.id, dispatch=1)
    assert (again.state, again.lane, again.dispatch_number) == (State.QUEUED, 0, 2)
    assert newest().payload["dispatch"] == 2
    assert pause(newest()) == pytest.approx(30, abs=5)


def test_the_pause_grows_up_to_a_quarter_of_an_hour(job):
    begun = database_now()
    pauses = []
    for number, minutes in enumerate((0, 5, 60), start=1):
        dead_letters.read(job.id, dispatch=number, now=begun + timedelta(minutes=minutes))
        pauses.append(round(pause(newest()), -1))
    assert pauses == [30, 300, 900]


def test_a_job_that_nobody_could_begin_for_hours_fails(job):
    begun = database_now()
    dead_letters.read(job.id, dispatch=1, now=begun)
    ended = dead_letters.read(job.id, dispatch=2, now=begun + timedelta(hours=3))
    assert (ended.state, ended.error_code, ended.lane) == (State.FAILED, "too_many_attempts", None)


def test_hours_in_the_queue_are_not_hours_out_of_reach(job):
    Job.objects.update(queued_at=database_now() - timedelta(days=1))
    assert dead_letters.read(job.id, dispatch=1).state == State.QUEUED


def test_a_worker_that_began_it_ends_the_count(job):
    begun = database_now()
    dead_letters.read(job.id, dispatch=1, now=begun)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    lifecycle.release(attempt.id, fence=1)
    later = begun + timedelta(hours=3)
    assert dead_letters.read(job.id, dispatch=3, now=later).state == State.QUEUED


def test_the_dead_letter_of_an_earlier_dispatch_says_nothing(job):
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    assert dead_letters.read(job.id, dispatch=1) is None
    lifecycle.release(attempt.id, fence=1)
    assert dead_letters.read(job.id, dispatch=1) is None
    assert OutboxMessage.objects.count() == 2


def test_a_probes_dead_letter_asks_for_another_look(acting):
    fresh, queued = a_job(), a_queued_job()
    submission.ask_for_probe(fresh)
    assert dead_letters.read(fresh.id, dispatch=None).state == State.VALIDATING
    assert (newest().actor, newest().payload["job_id"]) == ("probe_job", str(fresh.id))
    assert pause(newest()) > 0
    assert dead_letters.read(queued.id, dispatch=None) is None


def test_a_file_that_could_not_be_looked_at_for_hours_fails_its_job(acting):
    fresh, begun = a_job(), database_now()
    dead_letters.read(fresh.id, dispatch=None, now=begun)
    ended = dead_letters.read(fresh.id, dispatch=None, now=begun + timedelta(hours=3))
    assert (ended.state, ended.error_code) == (State.FAILED, "too_many_attempts")
