"""Workers killed at the worst moments: the job still ends once, with one result, billed once."""

import pytest

from tests.faults import promise
from tests.faults.house import BRIEF
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

SLOW = {"steps": 2000, "step_seconds": 0.05}


def test_a_worker_killed_in_the_middle_of_a_job(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**SLOW)
    worker = house.start("gpu-worker", **BRIEF)
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
    worker = house.start("gpu-worker", **BRIEF)
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
