"""Files of a killed attempt, which nobody can come by: the sweeper removes them, and no more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import sweeping
from jobs.storage import outputs
from tests.faults import promise
from tests.faults.endings import comes_to_an_end
from tests.faults.points import IN_PIECES

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

LATER = sweeping.GRACE + timedelta(hours=1)


@pytest.mark.parametrize(
    ("point", "plan", "left"),
    [("result.put", {}, 1), ("succeed.committed", IN_PIECES, 2), ("succeed.before_commit", {}, 1)],
)
def test_is_swept_and_the_result_stays(house, submit, point, plan, left):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**plan)
    doomed = house.doomed("gpu-worker", point)
    job = submit()
    assert doomed.wait() != 0
    house.plan()
    comes_to_an_end(house, job, "gpu-worker")
    assert len(promise.leftovers(job.id)) >= left
    sweeping.sweep(timezone.now() + LATER)
    assert promise.leftovers(job.id) == set()
    assert promise.broken_everywhere(house.queues) == {}
    assert outputs().exists(job.result[0])
