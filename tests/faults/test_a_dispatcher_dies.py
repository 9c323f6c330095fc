"""A dispatcher killed between sending and marking sends again; the job runs once."""

import pytest

from tests.faults import promise
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_dispatcher_killed_between_sending_and_marking(house, submit):
    house.start_queues()
    job = submit()
    dispatcher = house.start("dispatcher", VISEME_CRASH_AT="outbox.sent")
    until(lambda: not dispatcher.alive, "the dispatcher kills itself")
    house.start("dispatcher")
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert promise.broken(job.id) == []
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_a_message_that_the_queue_forgot_is_dispatched_again(house, submit):
    """Nobody was there to receive it when the queue server went away with it."""
    queues = house.start_queues()
    house.start("dispatcher")
    job = submit()
    until(lambda: house.queues.waiting("lipsync.fifo") == 1, "the message is sent")
    queues.kill()
    house.start_queues()
    house.start("gpu-worker")
    until(job.has_ended, "the job ends")
    assert promise.broken(job.id) == []
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_two_dispatchers_and_two_workers_make_one_video(house, submit):
    house.start_queues()
    for name in ("dispatcher", "dispatcher", "gpu-worker", "gpu-worker"):
        house.start(name)
    jobs = [submit() for _ in range(3)]
    for job in jobs:
        until(job.has_ended, "each job ends")
    assert [promise.broken(job.id) for job in jobs] == [[], [], []]
    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
