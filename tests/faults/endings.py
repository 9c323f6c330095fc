"""How the test of a fault ends: its job does, and the promise is kept."""

from tests.faults import promise
from tests.faults.conftest import Submitted
from tests.faults.house import House
from tests.faults.processes import until


def comes_to_an_end(house: House, job: Submitted, *survivors: str) -> None:
    """With these processes, and those that run."""
    for name in survivors:
        house.start(name)
    until(job.has_ended, "the job ends")
    broken = promise.settled(job.id, house.queues)
    assert broken == [], broken


def ends_well(house: House, job: Submitted, *survivors: str, attempts: int = 1) -> None:
    """It succeeds, after so many attempts."""
    comes_to_an_end(house, job, *survivors)
    end = (job.state, job.attempts)
    assert end == ("succeeded", attempts), end
