"""While a worker is about to deliver, and its owner tries again before that worker has noticed."""

import pytest
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.models import Job
from tenants.context import acting_for
from tests.faults.conftest import accepted
from tests.faults.endings import comes_to_an_end, ends_well
from tests.faults.house import IMPATIENT
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def deadline_passes(job):
    with acting_for(job.tenant_id):
        Job.objects.filter(id=job.id).update(deadline=Now())


def try_again(job, tenant):
    with acting_for(tenant.id):
        again, _ = lifecycle.retry(job.id, by="its owner")
    return accepted(tenant, again.id)


@pytest.mark.parametrize("point", ["result.before_put", "result.put"])
def test_the_retry_is_made_while_the_old_attempt_still_puts_its_result(
    house, tenant, submit, point
):
    """The old one is failed and stays so, the new one is delivered: one result, one record."""
    house.start_queues()
    house.start("dispatcher")
    orders = {"VISEME_CRASH_AT": point, "VISEME_CRASH_HOW": "stop"}
    impatient = house.environment["DATABASE_URL"] + IMPATIENT
    sleeper = house.start("gpu-worker", **orders, DATABASE_URL=impatient)
    job = submit()
    until(sleeper.sleeps, "the worker stops")
    deadline_passes(job)
    until(job.has_ended, "its deadline ends it")
    again = try_again(job, tenant)
    until(lambda: house.queues.strict.naming(str(again.id)), "the retry's message is sent")
    sleeper.wake()
    ends_well(house, again, "gpu-worker", "task-worker")
    comes_to_an_end(house, job)
    assert (job.state, job.error_code, job.attempts) == ("failed", "deadline_passed", 1)
