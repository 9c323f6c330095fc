"""Dead letters: what was received in vain, three times."""

import pytest

from tests.messaging.worlds import HOLD_SECONDS, SqsQueue, outcome


def receive_in_vain(queue: SqsQueue, times: int = 3) -> None:
    for _ in range(times):
        assert queue.receive(VisibilityTimeout=0)
    assert queue.receive(VisibilityTimeout=0) == []  # moto moves it only now


def test_a_message_received_three_times_in_vain_is_a_dead_letter(dying, dead):
    dying.send("poison")
    receive_in_vain(dying)
    assert (dying.counts(), dead.bodies()) == ((0, 0, 0), ["poison"])


def test_a_dead_letter_gives_its_group_free(dying):
    dying.send("poison")
    dying.send("next")
    for _ in range(3):
        assert dying.bodies(VisibilityTimeout=0) == ["poison"]
    assert dying.bodies() == ["next"]


def test_a_dead_letters_id_is_that_of_its_message(dying, dead, promised):
    dying.send("poison", dedup="job/1")
    receive_in_vain(dying)
    (letter,) = dead.receive()
    promised(letter["Attributes"]["MessageDeduplicationId"] == letter["MessageId"], True)


def test_a_message_in_its_last_hold_is_no_dead_letter_yet(dying, dead):
    """The third worker may still make it."""
    dying.send("slow")
    for _ in range(2):
        dying.receive(VisibilityTimeout=0)
    (last,) = dying.receive(VisibilityTimeout=60)
    assert dead.bodies() == []
    assert dying.delete(last) == "accepted"
    assert dying.counts() == dead.counts() == (0, 0, 0)


def test_a_dead_letter_moves_when_its_last_hold_ends(world, dying, dead, promised):
    """Whether anybody asks its queue for it or not."""
    if world.kind == "aws":
        pytest.skip("it promises no moment")
    dying.send("poison")
    for _ in range(2):
        dying.receive(VisibilityTimeout=0)
    dying.receive()
    world.pass_time(HOLD_SECONDS + 1)
    promised(dead.bodies(), ["poison"])


def test_dead_letters_move_back_as_new_messages(world, dying, dead, promised):
    dying.send("poison")
    receive_in_vain(dying)
    seen = outcome(lambda: world.client.start_message_move_task(SourceArn=dead.arn))
    if seen == "accepted":
        world.pass_time(1 if world.kind != "aws" else 5)
        (message,) = dying.receive()
        seen = (message["Body"], message["Attributes"]["ApproximateReceiveCount"])
    promised(seen, ("poison", "1"))
