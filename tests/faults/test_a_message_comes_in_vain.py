"""A message whose job may not be begun by it: it is deleted, and costs the job nothing."""

import pytest

from messaging.ids import new_id
from tenants import operating
from tenants.context import as_operator
from tests.faults.endings import ends_well
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def job(house, submit):
    """Its message is in the queue, where no worker has come yet."""
    house.start_queues()
    house.start("dispatcher")
    job = submit()
    until(lambda: house.queues.strict.naming(str(job.id)), "its message is sent")
    return job


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
    with as_operator("suspend"):
        operating.suspend(job.tenant_id)
    house.start("gpu-worker")
    until(lambda: not house.queues.strict.naming(str(job.id)), "its message is deleted")
    assert (job.state, job.attempts) == ("queued", 0)
    with as_operator("resume"):
        operating.resume(job.tenant_id)
    ends_well(house, job)
