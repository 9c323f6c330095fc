"""Workers killed at the worst moments: the job still ends once, with one result, billed once."""

import pytest

from tests.faults.endings import comes_to_an_end, ends_well
from tests.faults.house import BRIEF
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def under_way(house, submit):
    """A worker in the middle of a job of minutes, and the job."""

    def start(**environment):
        house.start_queues()
        house.start("dispatcher")
        house.plan(steps=2000, step_seconds=0.05)
        worker = house.start("gpu-worker", **environment)
        job = submit()
        job.gets_under_way()
        return worker, job

    return start


def test_a_worker_killed_in_the_middle_of_a_job(house, under_way):
    worker, job = under_way(**BRIEF)
    worker.kill()
    house.plan()
    ends_well(house, job, "gpu-worker", attempts=2)


def test_a_worker_killed_and_the_queue_server_restarted(house, under_way):
    """The queue forgets everything; what the database knows is sent again."""
    worker, job = under_way(**BRIEF)
    worker.kill()
    house.restart_queues()
    house.plan()
    comes_to_an_end(house, job, "gpu-worker")
    assert job.state == "succeeded"


def test_a_queue_server_restarted_costs_no_computed_minute(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(steps=60, step_seconds=0.1)
    house.start("gpu-worker")
    job = submit()
    job.gets_under_way()
    house.restart_queues()
    ends_well(house, job)


def test_a_refusal_is_not_tried_again(house, submit):
    house.start_queues()
    house.start("dispatcher")
    house.plan(then="refuse")
    house.start("gpu-worker")
    job = submit()
    comes_to_an_end(house, job)
    assert (job.state, job.error_code, job.attempts) == ("failed", "no_face", 1)


def test_a_job_canceled_under_way_ends_within_a_few_steps(house, under_way):
    _, job = under_way()
    job.cancel()
    comes_to_an_end(house, job)
    assert job.state == "canceled"


def test_no_model_process_outlives_its_worker(house, under_way):
    worker, _ = under_way()
    child = until(lambda: house.model_processes(), "the model's process is there")[0]
    worker.kill()
    until(lambda: child not in house.model_processes(), "the model's process ends")
