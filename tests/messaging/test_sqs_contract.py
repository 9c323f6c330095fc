"""What the product builds on in SQS, held against our strict server, moto's and the real one.

Where moto does otherwise, the table below says what it does, and the test asserts just that: a moto
that has become better is noticed. The real SQS is asked only with SQS_CONTRACT_REGION and AWS
credentials: its queues have names of their own and are deleted at the end.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.messaging.worlds import (
    HOLD_SECONDS,
    REGION_VARIABLE,
    Moto,
    SqsQueue,
    Strict,
    World,
    outcome,
    real_queues,
    real_region,
)

INVALID = "InvalidParameterValue"
NOT_IN_FLIGHT = "AWS.SimpleQueueService.MessageNotInflight"

MOTO_DIFFERS: dict[str, Any] = {
    # It forgets an id together with its message: a re-dispatch that AWS swallows is delivered.
    "test_an_id_is_remembered_when_its_message_was_deleted": ["again"],
    "test_an_id_is_remembered_when_its_queue_was_purged": ["again"],
    # It remembers ids for the whole queue, whatever the scope: the other group's message is lost.
    "test_with_the_scope_of_groups_an_id_counts_within_its_group": ["one"],
    # It takes the receipt of a hold that is over, or that another consumer has by now.
    "test_a_receipt_whose_time_is_over_cannot_extend": "accepted",
    "test_a_receipt_whose_time_is_over_cannot_delete": "accepted",
    "test_a_receipt_of_an_earlier_receive_cannot_extend": "accepted",
    "test_a_receipt_of_an_earlier_receive_cannot_delete": ("accepted", (0, 0, 0)),
    # It counts the twelve hours from the send.
    "test_twelve_hours_are_counted_from_the_receive": INVALID,
    # It looks at the groups once, when the poll begins.
    "test_a_long_poll_gets_a_message_whose_group_was_freed": [],
    # It moves a dead letter when its queue is asked for messages the next time, and not before.
    "test_a_dead_letter_moves_when_its_last_hold_ends": [],
    # A dead letter keeps its id.
    "test_a_dead_letters_id_is_that_of_its_message": False,
    # It ignores the id of the attempt.
    "test_a_receive_repeated_with_its_attempts_id_gets_the_same_again": [],
    # It cannot move dead letters back.
    "test_dead_letters_move_back_as_new_messages": "500",
}

Promised = Callable[[Any, Any], None]


@pytest.fixture(scope="module")
def moto_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["strict", "moto", *(["aws"] if real_region() else [])])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ways: dict[str, Callable[[], World]] = {
        "strict": Strict,
        "moto": lambda: Moto(request.getfixturevalue("moto_address"), monkeypatch),
        "aws": real_queues,
    }
    made = ways[request.param]()
    yield made
    made.close()


@pytest.fixture
def promised(request: pytest.FixtureRequest, world: World) -> Promised:
    """What was seen is what AWS promises, or on moto what the table says of this test."""
    differs = MOTO_DIFFERS if world.kind == "moto" else {}

    def promised(seen: Any, wanted: Any) -> None:
        assert seen == differs.get(request.function.__name__, wanted)

    return promised


@pytest.fixture
def fifo(world: World) -> SqsQueue:
    return world.queue()


@pytest.fixture
def standard(world: World) -> SqsQueue:
    return world.queue(fifo=False)


@pytest.fixture
def dead(world: World) -> SqsQueue:
    return world.queue()


@pytest.fixture
def dying(world: World, dead: SqsQueue) -> SqsQueue:
    """A queue whose messages go to `dead` after three receives."""
    return world.queue(dead=dead)


def test_every_difference_is_that_of_a_test():
    assert set(MOTO_DIFFERS) <= set(globals())


def test_the_real_sqs_is_asked_too():
    if not real_region():
        pytest.skip(f"only with {REGION_VARIABLE} and AWS credentials")
    assert real_queues().client.list_queues()


# Deduplication


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


# Groups


def test_a_message_in_flight_blocks_its_group_and_no_other(fifo):
    fifo.send("a1", group="a")
    fifo.send("a2", group="a")
    fifo.send("b1", group="b")
    assert fifo.bodies() == ["a1"]
    assert fifo.bodies() == ["b1"]
    assert fifo.bodies() == []


def test_a_deleted_message_frees_its_group(fifo):
    fifo.send("a1")
    fifo.send("a2")
    fifo.delete(fifo.receive()[0])
    assert fifo.bodies() == ["a2"]


def test_several_of_one_group_come_in_their_order(fifo):
    for number in range(4):
        fifo.send(f"a{number}")
    assert fifo.bodies(3) == ["a0", "a1", "a2"]
    assert fifo.bodies(3) == []


def test_a_message_put_back_keeps_its_place(fifo):
    fifo.send("a1")
    fifo.send("a2")
    fifo.hide(fifo.receive()[0], 0)
    assert fifo.bodies(2) == ["a1", "a2"]


# Holds and receipts


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


# Sending


def test_a_fifo_queue_refuses_a_delay_of_one_message(fifo):
    assert outcome(lambda: fifo.send("one", DelaySeconds=5)) == INVALID


def test_a_standard_queue_delays_a_message(world, standard):
    standard.send("later", DelaySeconds=HOLD_SECONDS)
    assert standard.bodies() == []
    world.pass_time(HOLD_SECONDS + 1)
    assert standard.bodies() == ["later"]


def test_a_fifo_queue_asks_for_a_group_and_an_id(world, fifo):
    without = {"QueueUrl": fifo.url, "MessageBody": "one"}
    no_group = outcome(lambda: world.client.send_message(**without, MessageDeduplicationId="1"))
    no_id = outcome(lambda: world.client.send_message(**without, MessageGroupId="a"))
    assert no_group in (INVALID, "MissingParameter")
    assert no_id == INVALID


def test_a_message_holds_a_mebibyte_and_no_more(fifo):
    assert outcome(lambda: fifo.send("x" * (1 << 20))) == "accepted"
    assert outcome(lambda: fifo.send("x" * ((1 << 20) + 1))) == INVALID


def test_a_queue_that_is_not_there_is_said_not_to_exist(world):
    code = outcome(lambda: world.client.get_queue_url(QueueName="nobody-made-this"))
    assert code == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_batch_may_fail_in_parts(world, fifo):
    fifo.send("one")
    (message,) = fifo.receive(VisibilityTimeout=60)
    receipts = {"good": message["ReceiptHandle"], "bad": "of no queue"}
    answer = world.client.delete_message_batch(
        QueueUrl=fifo.url,
        Entries=[{"Id": name, "ReceiptHandle": one} for name, one in receipts.items()],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid")
    ]


# Waiting


def test_a_long_poll_gets_a_message_that_is_sent_meanwhile(fifo):
    poll = fifo.poll(seconds=10)
    fifo.send("new")
    assert poll.came() == ["new"]


def test_a_long_poll_gets_a_message_whose_hold_ends_meanwhile(world, fifo):
    fifo.send("one")
    fifo.receive(VisibilityTimeout=10)
    poll = fifo.poll(seconds=20)
    world.pass_time(11)
    assert poll.came() == ["one"]


def test_a_long_poll_gets_a_message_whose_group_was_freed(fifo, promised):
    fifo.send("a1")
    fifo.send("a2")
    (first,) = fifo.receive(VisibilityTimeout=60)
    poll = fifo.poll(seconds=3)
    fifo.delete(first)
    promised(poll.came(), ["a2"])


def test_a_receive_repeated_with_its_attempts_id_gets_the_same_again(fifo, promised):
    fifo.send("one")
    (first,) = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    again = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    promised([one["ReceiptHandle"] for one in again], [first["ReceiptHandle"]])


def test_an_attempt_is_not_repeated_once_its_message_was_extended(fifo):
    fifo.send("one")
    (first,) = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    fifo.hide(first, 90)
    assert fifo.bodies(ReceiveRequestAttemptId="an-attempt") == []


def test_an_attempts_id_of_another_receive_gets_nothing(fifo):
    fifo.send("one")
    fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    assert fifo.bodies(ReceiveRequestAttemptId="another") == []


# Dead letters


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


# Counting


def test_counts_tell_waiting_held_and_delayed(standard):
    for body in ("one", "two"):
        standard.send(body)
    standard.send("later", DelaySeconds=600)
    standard.receive(VisibilityTimeout=600)
    assert standard.counts() == (1, 1, 1)


def test_a_purge_takes_what_is_held_too(fifo):
    fifo.send("held")
    fifo.send("waiting", group="b")
    fifo.receive(VisibilityTimeout=600)
    fifo.purge()
    assert fifo.counts() == (0, 0, 0)
