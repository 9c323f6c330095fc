"""A dispatcher that hangs, two that lead, a queue that forgot: each job is sent, and runs once."""

import signal

import pytest

from tests.faults import promise
from tests.faults.endings import ends_well
from tests.faults.house import IMPATIENT
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_leader_that_hangs_is_followed_by_another(house, submit):
    """It is there, its connection is open, and it does nothing: nothing would be sent for ever."""
    house.start_queues()
    house.start("gpu-worker")
    impatient = house.environment["DATABASE_URL"] + IMPATIENT
    hanging = house.start("dispatcher", LEADER_LOST_SECONDS="3", DATABASE_URL=impatient)
    until(lambda: house.tells("dispatcher_led"), "the first one leads")
    hanging.signal(signal.SIGSTOP)
    house.start("dispatcher")
    job = submit()
    until(job.has_ended, "the job ends")
    hanging.wake()
    until(lambda: house.tells("dispatcher_turn_ended"), "the first one learns of it")
    assert promise.settled(job.id, house.queues) == []
    assert (job.state, job.attempts, hanging.alive) == ("succeeded", 1, True)


def test_a_message_that_the_queue_forgot_is_dispatched_again(house, submit):
    """Nobody was there to receive it when the queue server went away with it."""
    house.start_queues()
    house.start("dispatcher")
    job = submit()
    until(lambda: house.queues.waiting("lipsync.fifo") == 1, "the message is sent")
    house.restart_queues()
    ends_well(house, job, "gpu-worker")


def test_two_dispatchers_and_two_workers_make_one_video(house, submit):
    house.start_queues()
    for name in ("dispatcher", "dispatcher", "gpu-worker", "gpu-worker"):
        house.start(name)
    jobs = [submit() for _ in range(3)]
    for job in jobs:
        until(job.has_ended, "each job ends")
    assert [promise.settled(job.id, house.queues) for job in jobs] == [[], [], []]
    assert {(job.state, job.attempts) for job in jobs} == {("succeeded", 1)}
