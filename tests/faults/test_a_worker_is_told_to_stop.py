"""SIGTERM: at a deploy, at scale-in, at a spot notice. It costs a job seconds, and no strike."""

import pytest

from jobs.models import Attempt, Job
from tenants.context import as_operator
from tests.faults import promise
from tests.faults.endings import comes_to_an_end
from tests.faults.house import BRIEF
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

MINUTES = {"steps": 1200, "step_seconds": 0.1, "piece_steps": 5}


@pytest.fixture
def busy(house, submit):
    """A worker in the middle of a job of minutes that is made in pieces."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**MINUTES)

    def start(**environment):
        worker = house.start("gpu-worker", **environment)
        job = submit()
        until(lambda: house.pieces_of(job.id) > 1, "pieces are recorded")
        return worker, job

    return start


def test_with_a_grace_shorter_than_the_job_hands_over_with_its_pieces(house, busy):
    worker, job = busy(SHUTDOWN_GRACE_SECONDS="1")
    assert worker.terminate() == 0
    assert job.state == "queued"
    house.plan(**MINUTES | {"step_seconds": 0})
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, outcomes(job)) == ("succeeded", ["released", "succeeded"])
    assert facts(job)["resumed_pieces"] > 1


def test_with_a_grace_longer_than_the_job_finishes_it(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=20, step_seconds=0.1)
    worker = house.start("gpu-worker", SHUTDOWN_GRACE_SECONDS="60")
    job = submit()
    job.gets_under_way(percent=10)
    assert worker.terminate() == 0
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, outcomes(job)) == ("succeeded", ["succeeded"])


def test_twice_ends_at_once_and_the_lease_runs_out(house, busy):
    worker, job = busy(SHUTDOWN_GRACE_SECONDS="60", **BRIEF)
    worker.ask_to_end()
    until(
        lambda: house.tells("Stopping worker process"), "the worker itself has heard the first one"
    )
    worker.ask_to_end()
    assert worker.wait() != 0
    until(lambda: not house.model_processes(), "its model's process ends with it")
    house.plan()
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, outcomes(job)) == ("succeeded", ["lost", "succeeded"])


def test_during_a_long_poll_takes_no_job_any_more(house, submit):
    """What the poll brings after the SIGTERM is put back at once, not begun."""
    house.start_queues()
    house.start("dispatcher")
    worker = house.start("gpu-worker", SQS_WAIT_SECONDS="20")
    until(lambda: house.tells("model_ready"), "the worker waits for messages")
    worker.ask_to_end()
    until(lambda: house.tells("Shutting down..."), "the worker stops")
    job = submit()
    assert worker.wait() == 0
    assert job.attempts == 0
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, outcomes(job)) == ("succeeded", ["succeeded"])


def test_a_deploy_after_the_other_burns_none_of_a_jobs_attempts(house, busy):
    """Three times handed over, once lost: that is one strike, and the job goes on."""
    worker, job = busy()
    for environment in ({}, {}, BRIEF):
        assert worker.terminate() == 0
        claims = job.attempts
        worker = house.start("gpu-worker", **environment)
        until(lambda claims=claims: job.attempts > claims, "the next worker has it")
        until(lambda: job.percent > 5, "and is at work")
    worker.kill()
    house.plan()
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, outcomes(job)) == ("succeeded", ["released"] * 3 + ["lost", "succeeded"])


def outcomes(job):
    with as_operator("look at a test's attempts"):
        attempts = Attempt.objects.filter(job=job.id).order_by("number")
        return list(attempts.values_list("outcome", flat=True))


def facts(job):
    with as_operator("look at a test's job"):
        return Job.objects.get(id=job.id).result_facts
