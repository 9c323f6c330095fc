"""Our queue server keeps AWS's rules whatever comes: calls in any order, many at a time."""

import threading
from collections import Counter, defaultdict
from itertools import count
from random import Random

import hypothesis.strategies as st
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.messaging.worlds import SqsQueue, Strict
from tests.strict_sqs.clock import Clock, stopped
from tests.strict_sqs.errors import Refused
from tests.strict_sqs.message import arn, receipt_of
from tests.strict_sqs.service import Service

QUEUE, DEAD = "q.fifo", "dead.fifo"
RECEIVES = 3
FIFO = {"FifoQueue": "true", "VisibilityTimeout": "10"}
POLICY = f'{{"deadLetterTargetArn": "{arn(DEAD)}", "maxReceiveCount": {RECEIVES}}}'
PICK = st.randoms(use_true_random=False)


class AnyOrder(RuleBasedStateMachine):
    """A consumer that keeps every receipt and uses stale ones as readily as good ones."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = stopped()
        self.service = Service(self.clock)
        self.dead = self.service.create(DEAD, FIFO)
        self.queue = self.service.create(QUEUE, {**FIFO, "RedrivePolicy": POLICY})
        self.numbers = count()
        self.lanes: dict[str, list[str]] = defaultdict(list)  # what was sent, in this order
        self.deleted: set[str] = set()
        self.receipts: list[tuple[str, str]] = []  # message and receipt, the newest last

    @rule(lane=st.sampled_from("abc"))
    def send(self, lane: str) -> None:
        sent = self.service.send(QUEUE, "", group=lane, dedup=str(next(self.numbers)))
        self.lanes[lane].append(sent.id)

    @rule(most=st.integers(1, 10))
    def receive(self, most: int) -> None:
        """Of each free lane the oldest that are left, of a lane in somebody's hands nothing."""
        held, left = self.held(), self.left()
        got = [one.id for one in self.service.receive(QUEUE, most, wait_seconds=0)]
        for lane in left.values():
            ours = [one for one in lane if one in got]
            assert ours == lane[: len(ours)]
            assert not (ours and held & set(lane))
        self.receipts += [(one, receipt_of(QUEUE, self.queue.messages[one])) for one in got]

    @precondition(lambda self: self.receipts)
    @rule(pick=PICK)
    def delete(self, pick: Random) -> None:
        """With the newest receipt of a hold that lasts, and never with another."""
        message, receipt = pick.choice(self.receipts)
        good = message in self.held() and receipt == self.newest(message)
        there = message in self.queue.messages
        try:
            self.service.delete(QUEUE, receipt)
        except Refused:
            assert there and not good
        else:
            assert good or not there
            self.deleted |= {message} if good else set()

    @precondition(lambda self: self.receipts)
    @rule(pick=PICK, seconds=st.sampled_from([0, 3, 20]))
    def hide(self, pick: Random, seconds: int) -> None:
        message, receipt = pick.choice(self.receipts)
        good = message in self.held() and receipt == self.newest(message)
        try:
            self.service.hide(QUEUE, receipt, seconds)
        except Refused:
            assert not good
        else:
            assert good

    @rule(seconds=st.sampled_from([1, 9, 400]))
    def pass_time(self, seconds: int) -> None:
        self.clock.shift(seconds)

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        places = [*self.queue.messages, *self.dead.messages, *self.deleted]
        assert Counter(places) == Counter(one for lane in self.lanes.values() for one in lane)

    @invariant()
    def none_was_received_more_often_than_is_allowed(self) -> None:
        assert all(one.receives <= RECEIVES for one in self.queue.messages.values())

    def held(self) -> set[str]:
        now, messages = self.clock(), self.service.queue(QUEUE).messages
        return {one.id for one in messages.values() if one.held(now)}

    def left(self) -> dict[str, list[str]]:
        return {
            name: [one for one in lane if one in self.queue.messages]
            for name, lane in self.lanes.items()
        }

    def newest(self, message: str) -> str:
        return [receipt for one, receipt in self.receipts if one == message][-1]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_many_consumers_get_each_message_once_and_each_group_in_its_order():
    world = Strict(Clock())
    queue = world.queue(VisibilityTimeout="60")
    groups = {str(group): [f"{group}/{number}" for number in range(12)] for group in range(10)}
    for row in zip(*groups.values(), strict=True):
        for body in row:
            queue.send(body, group=body.partition("/")[0])
    got = consumed(queue, consumers=8)
    world.close()
    assert {group: got[group] for group in groups} == groups


def consumed(queue: SqsQueue, *, consumers: int) -> dict[str, list[str]]:
    """What all consumers together received of each group, until nothing came any more."""
    got: dict[str, list[str]] = defaultdict(list)

    def consume() -> None:
        while messages := queue.receive(WaitTimeSeconds=1):
            got[messages[0]["Attributes"]["MessageGroupId"]].append(messages[0]["Body"])
            queue.delete(messages[0])

    threads = [threading.Thread(target=consume) for _ in range(consumers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got
