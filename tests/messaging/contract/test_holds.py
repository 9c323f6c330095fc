"""Holds and receipts: how long a message is hidden, and from whom."""

from tests.messaging.contract.differences import INVALID
from tests.messaging.worlds import HOLD_SECONDS


def test_a_hold_ends_after_the_queues_visibility(world, fifo):
    fifo.send("one")
    assert fifo.bodies() == ["one"]
    world.pass_time(HOLD_SECONDS + 1)
    (again,) = fifo.receive()
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_receive_says_how_long_it_hides(world, fifo):
    fifo.send("one")
    fifo.receive(VisibilityTimeout=3 * HOLD_SECONDS)
    world.pass_time(HOLD_SECONDS + 1)
    assert fifo.bodies() == []


def test_an_extension_counts_from_its_call(world, fifo):
    fifo.send("one")
    (message,) = fifo.receive(VisibilityTimeout=50)
    world.pass_time(30)
    assert fifo.hide(message, 50) == "accepted"
    world.pass_time(30)
    assert fifo.bodies() == []
    world.pass_time(30)
    assert fifo.bodies() == ["one"]


def test_a_receipt_whose_time_is_over_cannot_extend(world, fifo, promised):
    fifo.send("one")
    (message,) = fifo.receive()
    world.pass_time(HOLD_SECONDS + 1)
    promised(fifo.hide(message, 60), INVALID)


def test_a_receipt_whose_time_is_over_cannot_delete(world, fifo, promised):
    fifo.send("one")
    (message,) = fifo.receive()
    world.pass_time(HOLD_SECONDS + 1)
    promised(fifo.delete(message), INVALID)


def test_a_receipt_of_an_earlier_receive_cannot_extend(world, fifo, promised):
    fifo.send("one")
    (stale,) = fifo.receive()
    world.pass_time(HOLD_SECONDS + 1)
    assert fifo.bodies(VisibilityTimeout=60) == ["one"]
    promised(fifo.hide(stale, 60), INVALID)


def test_a_receipt_of_an_earlier_receive_cannot_delete(world, fifo, promised):
    fifo.send("one")
    (stale,) = fifo.receive()
    world.pass_time(HOLD_SECONDS + 1)
    assert fifo.bodies(VisibilityTimeout=600) == ["one"]
    promised((fifo.delete(stale), fifo.counts()), (INVALID, (0, 1, 0)))


def test_a_deleted_message_is_deleted_once_more_without_complaint(fifo):
    fifo.send("one")
    (message,) = fifo.receive(VisibilityTimeout=60)
    assert fifo.delete(message) == "accepted"
    assert fifo.delete(message) == "accepted"


def test_what_is_no_receipt_is_refused(fifo):
    assert fifo.hide({"ReceiptHandle": "of no queue"}, 60) == "ReceiptHandleIsInvalid"
    assert fifo.delete({"ReceiptHandle": "of no queue"}) == "ReceiptHandleIsInvalid"


def test_twelve_hours_are_counted_from_the_receive(world, fifo, promised):
    fifo.send("one")
    world.pass_time(20)
    (message,) = fifo.receive(VisibilityTimeout=60)
    promised(fifo.hide(message, 12 * 3600 - 10), "accepted")


def test_a_hold_never_lasts_longer_than_twelve_hours(world, fifo):
    fifo.send("one")
    (message,) = fifo.receive(VisibilityTimeout=60)
    world.pass_time(2)
    assert fifo.hide(message, 12 * 3600) == INVALID


def test_a_standard_queue_takes_an_earlier_receipt(world, standard):
    standard.send("one")
    (stale,) = standard.receive()
    world.pass_time(HOLD_SECONDS + 1)
    assert standard.bodies(VisibilityTimeout=60) == ["one"]
    assert standard.delete(stale) == "accepted"
    assert standard.counts() == (0, 0, 0)
