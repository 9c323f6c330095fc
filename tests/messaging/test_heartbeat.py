"""A message stays hidden while its work goes on, and is given up in time when it can't."""

import threading

import pytest

from messaging.broker import Broker
from messaging.consumer import Consumer
from messaging.heartbeat import Hold, held
from messaging.queues import sqs_name
from messaging.slots import Slots
from tests.messaging.sqs import eventually


@pytest.fixture
def message(broker, queue):
    queue.send("lipsync", job_id="one")
    consumer = Consumer(broker, "lipsync", Slots(1))
    return eventually(lambda: next(consumer))


@pytest.fixture
def nobody_home():
    """A client whose server is not there: every call fails for a passing reason."""
    broker = Broker(
        wait_seconds=1,
        visibility_seconds=300,
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return broker.client


class Clock:
    def __init__(self, at: float) -> None:
        self.now = at

    def __call__(self) -> float:
        return self.now


def test_a_message_stays_hidden_for_longer_than_its_visibility_timeout(
    broker, queue, message, strict
):
    clock = Clock(message.hidden_since)
    hold = Hold(broker.client, message, visibility_seconds=20, beat_seconds=10, clock=clock)
    for _ in range(10):
        clock.now += 7
        strict.shift(7)
        assert hold.beat()
        assert queue.count() == {"waiting": 0, "held": 1}


def test_after_twelve_hours_sqs_lets_nobody_hold_a_message_any_longer(
    broker, queue, message, strict
):
    """Whoever receives it then finds the job in a worker's hands, whose lease goes on."""
    clock = Clock(message.hidden_since)
    message.hidden_since -= 1200  # the first beat is due
    hold = Hold(broker.client, message, visibility_seconds=3600, beat_seconds=1200, clock=clock)
    hours = 0.0
    while hold.beat():
        assert hours < 12
        clock.now += 1200
        strict.shift(1200)
        hours += 1 / 3
    assert hours > 10 and message.lost
    strict.shift(3600)
    assert queue.count() == {"waiting": 1, "held": 0}


def test_a_receipt_that_the_queue_does_not_know_is_a_lost_message(broker, message):
    clock = Clock(message.hidden_since + 100)
    message.receipt = "of a queue that was restarted"
    hold = Hold(broker.client, message, visibility_seconds=300, beat_seconds=100, clock=clock)
    assert not hold.beat()
    assert hold.lost


def test_a_queue_out_of_reach_is_asked_again_until_shortly_before_the_end(nobody_home, message):
    clock = Clock(message.hidden_since)
    hold = Hold(nobody_home, message, visibility_seconds=300, beat_seconds=100, clock=clock)
    clock.now += 101
    assert hold.beat()
    clock.now = message.hidden_since + 289
    assert hold.beat()
    clock.now += 6  # 295: within the margin of ten seconds
    assert not hold.beat()


def test_a_message_that_was_lost_stays_lost(broker, message):
    clock = Clock(message.hidden_since + 100)
    good, message.receipt = message.receipt, "void"
    hold = Hold(broker.client, message, visibility_seconds=300, beat_seconds=100, clock=clock)
    hold.beat()
    message.receipt = good
    clock.now += 100
    assert not hold.beat()


def test_a_message_is_held_while_its_block_takes_longer_than_its_timeout(
    broker, queue, message, strict
):
    def extended():
        return len(strict.history("ChangeMessageVisibility", sqs_name("lipsync")))

    with held(Hold(broker.client, message, visibility_seconds=20, beat_seconds=0.1)):
        for _ in range(4):
            strict.shift(7)
            before = extended()
            eventually(lambda before=before: extended() > before)
        assert queue.count() == {"waiting": 0, "held": 1}


def test_a_broken_block_lets_go_at_once(broker, message):
    with (
        pytest.raises(ZeroDivisionError),
        held(Hold(broker.client, message, visibility_seconds=20, beat_seconds=5)),
    ):
        1 / 0  # noqa: B018
    assert "hold" not in [thread.name for thread in threading.enumerate()]
