"""A worker stopped at each crash point (SIGSTOP: a paused machine, a long swap), then continued."""

import pytest

from tests.faults import promise
from tests.faults.endings import comes_to_an_end
from tests.faults.house import BRIEF, IMPATIENT
from tests.faults.points import passed_by
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

BOTH_AT_WORK = {
    "message.received",
    "claim.before_commit",
    "claim.committed",
    "beat.before_commit",
    "result.put",
    "succeed.before_commit",
    "succeed.committed",
    "release.before_commit",
    "message.before_delete",
}
WORKERS = passed_by("gpu-worker")


@pytest.mark.parametrize("place", WORKERS, ids=str)
def test_past_its_lease_while_another_finishes(house, submit, place):
    """The old owner writes nothing, overwrites nothing, deletes nothing."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**place.plan)
    impatient = house.environment["DATABASE_URL"] + IMPATIENT
    sleeper = fall_asleep(house, place, **BRIEF, DATABASE_URL=impatient)
    job = submit()
    until_asleep(sleeper, place, job)
    house.plan()
    house.start("gpu-worker")
    until(job.has_ended, "another worker ends the job")
    assert promise.settled(job.id, house.queues) == []
    before = job.result
    sleeper.wake()
    # A second SIGTERM would end at once the one that was told to stop already.
    assert (sleeper.wait() if place.told_to_stop else sleeper.terminate()) == 0
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts, job.result) == ("succeeded", place.attempts, before)


@pytest.mark.parametrize(
    "place", [place for place in WORKERS if place.point in BOTH_AT_WORK], ids=str
)
def test_while_another_worker_gets_its_message_too(house, submit, place):
    """A queue may deliver twice: two live workers, one claim, one result."""
    house.start_queues()
    house.start("dispatcher")
    house.plan(**place.plan)
    sleeper = fall_asleep(house, place)
    job = submit()
    until_asleep(sleeper, place, job)
    house.send("lipsync", job.id, job.tenant_id, dispatch=1)
    house.start("gpu-worker")
    until(lambda: house.queues.receives("lipsync.fifo") >= 2, "the other one has it")
    sleeper.wake()
    comes_to_an_end(house, job)
    claims = 2 if place.told_to_stop else 1
    assert (job.state, job.attempts) == ("succeeded", claims)


def fall_asleep(house, place, **environment):
    orders = {"VISEME_CRASH_AT": place.point, "VISEME_CRASH_HOW": "stop"}
    return house.start("gpu-worker", **environment, **orders)


def until_asleep(sleeper, place, job):
    if place.told_to_stop:
        job.gets_under_way(percent=10)
        sleeper.ask_to_end()
    until(sleeper.sleeps, "the worker stops")
