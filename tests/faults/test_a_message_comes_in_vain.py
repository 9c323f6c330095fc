"""A message whose job may not be begun by it: it is deleted, and costs the job nothing."""

import pytest

from messaging.ids import new_id
from tenants import operating
from tenants.context import as_operator
from tests.faults.endings import comes_to_an_end, ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


FOR_MINUTES = {"steps": 3000, "step_seconds": 0.1}
NEVER_AGAIN = {"DISPATCH_LOST_SECONDS": "3600"}  # nothing is mended by a repeated message


@pytest.fixture
def dispatcher(house):
    house.start_queues()
    return house.start("dispatcher", **NEVER_AGAIN)


@pytest.fixture
def job(house, dispatcher, submit):
    """Its message is in the queue, where no worker has come yet."""
    return sent(house, submit())


def sent(house, job):
    until(lambda: house.queues.strict.naming(str(job.id)), "its message is sent")
    return job


def suspend(job):
    with as_operator("suspend"):
        operating.suspend(job.tenant_id)


def resume(job):
    with as_operator("resume"):
        operating.resume(job.tenant_id)


def test_that_names_another_tenant(house, job):
    """Whoever made it: the worker sees with that tenant's eyes, who has no such job."""
    stranger = new_id()
    house.send("lipsync", job.id, stranger, dispatch=1)
    house.start("gpu-worker")
    ends_well(house, job)
    until(
        lambda: not house.queues.strict.naming(str(stranger)),
        "the stranger's message is deleted",
    )


def test_of_a_tenant_that_was_suspended_meanwhile(house, job):
    suspend(job)
    house.start("gpu-worker")
    until(lambda: not house.queues.strict.naming(str(job.id)), "its message is deleted")
    assert (job.state, job.attempts) == ("queued", 0)
    resume(job)
    ends_well(house, job)


def test_of_a_tenant_that_was_suspended_for_a_moment_that_no_dispatcher_saw(house, job, dispatcher):
    """The worker alone knows that the job has no message any more."""
    dispatcher.kill()
    suspend(job)
    house.start("gpu-worker")
    until(lambda: not house.queues.strict.naming(str(job.id)), "its message is deleted")
    resume(job)
    house.start("dispatcher", **NEVER_AGAIN)
    ends_well(house, job)


def test_of_a_lane_that_another_job_was_given_after_a_suspension(house, job, submit):
    """Who has the lane now does not wait for who had it: as if that message were not there."""
    house.plan(**FOR_MINUTES)
    second = sent(house, submit())
    assert (job.lane, second.lane) == (0, 1)
    with house.queues.held("lipsync.fifo"):  # the first one's message, and all behind it in lane 0
        suspend(job)
        until(lambda: (job.lane, second.lane) == (None, None), "the lanes are taken back")
        job.cancel()
        resume(job)
        until(lambda: second.lane == 0, "the second job has the other lane")
        third = sent(house, submit())
        assert third.lane == 1
        for _ in range(2):
            house.start("gpu-worker")
        until(lambda: third.state == "processing", "the third job is begun")
        assert second.state == "queued"
    until(lambda: second.state == third.state == "processing", "each has a worker")
    for each in (second, third):
        each.cancel()
        comes_to_an_end(house, each)
