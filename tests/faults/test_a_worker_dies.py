"""Workers killed at the worst moments: the job still ends once, with one result, billed once."""

import signal

import pytest

from tests.faults import promise
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SLOW = {"steps": 2000, "step_seconds": 0.05}


def test_a_worker_killed_in_the_middle_of_a_job(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    worker.kill()
    house.plan()
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts) == ("succeeded", 2)


def test_a_worker_killed_and_the_queue_server_restarted(house, submit):
    """The queue forgets everything; what the database knows is sent again."""
    queues = house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    worker.kill()
    queues.kill()
    house.start_queues()
    house.plan()
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert job.state == "succeeded"


def test_a_queue_server_restarted_costs_no_computed_minute(house, submit):
    queues = house.start_queues()
    house.start("dispatcher")
    house.plan(steps=60, step_seconds=0.1)
    house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    queues.kill()
    house.start_queues()
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_a_worker_killed_between_the_commit_and_the_deletion_of_the_message(house, submit):
    house.start_queues()
    house.start("dispatcher")
    worker = house.start("gpu-worker", VISEME_CRASH_AT="succeed.committed")
    job = submit()
    until(lambda: not worker.alive, "the worker kills itself")
    assert job.state == "succeeded"
    house.start("gpu-worker")
    until(
        lambda: house.queues.waiting("lipsync.fifo") == 0,
        "the message is received again and deleted",
    )
    assert promise.settled(job.id, house.queues) == []
    assert job.attempts == 1


def test_a_worker_asked_to_stop_hands_its_job_over_at_once(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    assert worker.terminate() == 0
    assert job.state == "queued"
    house.plan()
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert job.state == "succeeded"


def test_a_worker_that_slept_past_its_lease_writes_nothing(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=30, step_seconds=0.1)
    sleeper = house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    sleeper.signal(signal.SIGSTOP)
    house.plan()
    house.start("gpu-worker")
    until(job.has_ended, "another worker ends the job")
    before = job.result
    sleeper.signal(signal.SIGCONT)
    until(lambda: "NotOurs" in house.said(), "the sleeper learns that it is late")
    assert promise.settled(job.id, house.queues) == []
    assert job.result == before and job.state == "succeeded"


def test_a_job_that_kills_its_model_fails_after_three_attempts(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(then="die")
    house.start("gpu-worker")
    job = submit()
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.error_code, job.attempts) == ("failed", "engine_crashed", 3)


def test_a_refusal_is_not_tried_again(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(then="refuse")
    house.start("gpu-worker")
    job = submit()
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.error_code, job.attempts) == ("failed", "no_face", 1)


def test_a_job_canceled_under_way_ends_within_a_few_steps(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    job.cancel()
    until(job.has_ended, "the job ends")
    assert promise.settled(job.id, house.queues) == []
    assert job.state == "canceled"


def test_no_model_process_outlives_its_worker(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker")
    job = submit()
    until(lambda: job.percent > 5, "the job is under way")
    child = until(lambda: house.model_processes(), "the model's process is there")[0]
    worker.kill()
    until(lambda: child not in house.model_processes(), "the model's process ends")
