"""A cancel at the moment of a claim, a success, a redelivery, a hand-over: one of them wins."""

import threading

import pytest
from django.db import connection, connections

from jobs.errors import NotCancelable
from tests.faults.endings import comes_to_an_end
from tests.faults.points import passed_by
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

# Where a cancel that comes while the worker stops there leads to.
ENDS = {
    "message.received": {"canceled"},
    "claim.before_commit": {"canceled"},
    "claim.committed": {"canceled"},
    "beat.before_commit": {"canceled"},
    "result.put": {"canceled"},
    "succeed.before_commit": {"succeeded"},
    "succeed.committed": {"succeeded"},
    "message.before_delete": {"succeeded"},
    "release.before_commit": {"canceled"},
    "release.committed": {"canceled"},
}
WAITS = "SELECT count(*) > 0 FROM pg_locks WHERE pid = %s AND NOT granted"
RACES = [place for place in passed_by("gpu-worker") if place.point in ENDS]


@pytest.mark.parametrize("place", RACES, ids=str)
def test_with_a_worker_at_a_point(house, submit, place):
    house.start_queues()
    house.start("dispatcher")
    house.plan(**place.plan)
    orders = {"VISEME_CRASH_AT": place.point, "VISEME_CRASH_HOW": "stop"}
    worker = house.start("gpu-worker", **orders)
    job = submit()
    if place.told_to_stop:
        job.gets_under_way(percent=10)
        worker.ask_to_end()
    until(worker.sleeps, "the worker stops")
    cancel = Canceling(job)
    until(lambda: cancel.is_done() or cancel.waits(), "it is canceled, or will be after the worker")
    worker.wake()
    until(cancel.is_done, "it is canceled or refused")
    if place.told_to_stop:
        house.start("gpu-worker")  # for what the first one left in the queue
    comes_to_an_end(house, job)
    assert job.state in ENDS[place.point]
    assert cancel.refused == (job.state == "succeeded")


def test_with_the_death_of_its_worker(house, submit):
    """The lease runs out of a job that somebody wanted to end: it is not begun again."""
    house.start_queues()
    house.start("dispatcher")
    worker = house.doomed("gpu-worker", "claim.committed", how="stop")
    job = submit()
    until(worker.sleeps, "the worker stops")
    job.cancel()
    worker.kill()
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, job.attempts) == ("canceled", 1)


def test_with_the_message_on_its_way(house, submit):
    """Sent and not yet received; whoever receives it finds the job canceled."""
    house.start_queues()
    house.start("dispatcher")
    job = submit()
    until(lambda: house.queues.waiting("lipsync.fifo") == 1, "the message is sent")
    job.cancel()
    comes_to_an_end(house, job, "gpu-worker")
    assert (job.state, job.attempts) == ("canceled", 0)


class Canceling:
    """A cancel in a thread of its own: in a transaction of a worker's it waits for the job."""

    def __init__(self, job) -> None:
        self.job = job
        self.refused = False
        self._session = None
        self._thread = threading.Thread(target=self._cancel, daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def waits(self) -> bool:
        """Whether it waits for a lock."""
        with connection.cursor() as cursor:
            cursor.execute(WAITS, [self._session])
            return cursor.fetchone()[0]

    def _cancel(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self._session,) = cursor.fetchone()
            self.job.cancel()
        except NotCancelable:
            self.refused = True
        finally:
            connections.close_all()
