"""Two consumers and one message: who was too slow can do no harm to who has it now."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from messaging.consumer import Consumer
from messaging.errors import PutBack
from messaging.heartbeat import Hold
from messaging.slots import Slots
from tests.messaging.sqs import eventually


@pytest.fixture
def slow(broker):
    return Consumer(broker, "lipsync", Slots(1))


@pytest.fixture
def quick(broker):
    return Consumer(broker, "lipsync", Slots(1))


@pytest.fixture
def late(strict, queue, slow, quick):
    """What the slow one still has in its hands, and the quick one too."""
    queue.send("lipsync", job_id="one")
    message = eventually(lambda: next(slow))
    strict.shift(30)
    assert eventually(lambda: next(quick)).message_id == message.message_id
    return message


def hold(broker, message):
    """A hold whose next beat is due."""
    began = message.hidden_since
    return Hold(
        broker.client, message, visibility_seconds=20, beat_seconds=5, clock=lambda: began + 10
    )


def test_a_late_delete_does_not_take_the_message_from_its_new_owner(queue, slow, late):
    slow.ack(late)
    assert queue.count() == {"waiting": 0, "held": 1}
    assert slow.slots.free == 1


def test_a_late_put_back_does_not_show_the_new_owners_message(queue, slow, late):
    late.stuff_exception(PutBack("the database is away", delay_seconds=0))
    slow.nack(late)
    assert queue.count() == {"waiting": 0, "held": 1}
    assert slow.slots.free == 1


def test_a_late_beat_learns_that_the_message_is_lost_and_extends_nothing(
    broker, strict, queue, late
):
    assert not hold(broker, late).beat()
    assert late.lost
    strict.shift(25)  # the new owner's own hold ends when it would have
    assert queue.count() == {"waiting": 1, "held": 0}


def test_a_beat_after_the_hold_has_ended_learns_that_the_message_is_lost(
    broker, strict, queue, slow
):
    """Nobody else has it yet, but anybody may by the time that the work is done."""
    queue.send("lipsync", job_id="one")
    message = eventually(lambda: next(slow))
    strict.shift(30)
    assert not hold(broker, message).beat()
    assert queue.count() == {"waiting": 1, "held": 0}


def test_a_beat_that_comes_in_time_keeps_the_message(broker, strict, queue, slow):
    queue.send("lipsync", job_id="one")
    message = eventually(lambda: next(slow))
    strict.shift(12)
    assert hold(broker, message).beat()
    strict.shift(12)
    assert queue.count() == {"waiting": 0, "held": 1}


def test_the_next_of_a_lane_comes_as_soon_as_the_first_is_deleted(broker, queue, slow, quick):
    """A long poll that is under way gets it: nobody waits for the next one."""
    broker.wait_seconds = 20
    queue.send("lipsync", job_id="one")
    queue.send("lipsync", job_id="two")
    first = eventually(lambda: next(slow))
    with ThreadPoolExecutor() as threads:
        poll = threads.submit(next, quick)
        slow.ack(first)
        assert poll.result(timeout=60).kwargs == {"job_id": "two"}  # in vain it gets nothing
