"""Deduplication: what an id sent again does to its message."""

import pytest

from tests.messaging.worlds import outcome


def test_an_id_sent_twice_is_delivered_once(fifo):
    fifo.send("one", dedup="same")
    assert outcome(lambda: fifo.send("again", dedup="same")) == "accepted"
    assert fifo.bodies(10) == ["one"]


def test_an_id_is_remembered_when_its_message_was_deleted(fifo, promised):
    fifo.send("one", dedup="same")
    fifo.delete(fifo.receive()[0])
    fifo.send("again", dedup="same")
    promised(fifo.bodies(), [])


def test_an_id_is_remembered_when_its_queue_was_purged(world, fifo, promised):
    if world.kind == "aws":
        pytest.skip("a purge takes up to a minute, and whether it forgets is not promised")
    fifo.send("one", dedup="same")
    fifo.purge()
    fifo.send("again", dedup="same")
    promised(fifo.bodies(), [])


def test_an_id_is_forgotten_after_five_minutes(world, fifo):
    fifo.send("one", dedup="same")
    fifo.delete(fifo.receive()[0])
    world.pass_time(301)
    fifo.send("again", dedup="same")
    assert fifo.bodies() == ["again"]


def test_another_id_with_the_same_body_is_another_message(fifo):
    fifo.send("same", dedup="job/1", group="a")
    fifo.send("same", dedup="job/2", group="b")
    assert fifo.bodies(10) == ["same", "same"]


def test_with_the_scope_of_the_queue_an_id_counts_in_all_groups(fifo):
    fifo.send("one", dedup="same", group="a")
    fifo.send("two", dedup="same", group="b")
    assert fifo.bodies(10) == ["one"]


def test_with_the_scope_of_groups_an_id_counts_within_its_group(world, promised):
    scope = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    queue = world.queue(**scope)
    queue.send("one", dedup="same", group="a")
    queue.send("two", dedup="same", group="b")
    promised(sorted(queue.bodies(10)), ["one", "two"])
