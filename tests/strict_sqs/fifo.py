"""A FIFO queue: groups in order, one hand at a time, duplicates swallowed, stale receipts void."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.strict_sqs.errors import EXPIRED, NOT_AVAILABLE, invalid, invalid_receipt
from tests.strict_sqs.message import Message, Receipt
from tests.strict_sqs.queue import DEFAULTS, Queue

REMEMBERED_SECONDS = 300


class FifoQueue(Queue):
    fifo = True
    defaults = {
        **DEFAULTS,
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        super().__init__(name, attributes)
        self._seen: dict[tuple[str, str], tuple[float, Message]] = {}
        self._attempts: dict[str, tuple[float, list[tuple[Message, int, float]]]] = {}

    def send(self, message: Message, *, delay: int | None, now: float) -> Message:
        """An id is remembered for five minutes, also when its message was deleted or purged."""
        self._check(message, delay)
        _forget_old(self._seen, now)
        key = self._key(message)
        if key in self._seen:
            return self._seen[key][1]
        super().send(message, delay=None, now=now)
        self._seen[key] = (now + REMEMBERED_SECONDS, message)
        return message

    def receive(
        self, most: int, *, visibility: int | None, attempt: str | None, now: float
    ) -> list[Message]:
        hold = self.visibility if visibility is None else visibility
        if attempt and (again := self._replayed(attempt, now)):
            for message in again:
                self._hide(message, now + hold)
            self._remember(attempt, again, now)
            return again
        chosen = super().receive(most, visibility=visibility, attempt=None, now=now)
        if attempt and chosen:
            self._remember(attempt, chosen, now)
        return chosen

    def move_in(self, message: Message, now: float) -> None:
        """A dead letter's deduplication id is its message's id, and its age starts anew."""
        message.dedup = message.id
        message.sent_at = now
        super().move_in(message, now)

    def forget(self, message: Message) -> None:
        self._seen.pop(self._key(message), None)

    def remembered(self, now: float) -> list[str]:
        return [key[1] for key, (until, _) in self._seen.items() if until > now]

    def _free(self, now: float) -> Iterator[Message]:
        """Group after group, each in its order; none of a group that somebody holds one of."""
        closed = {one.group for one in self._hidden.values() if not one.visible(now)}
        for first in self.messages.values():
            if first.group not in closed:
                yield from (one for one in self.messages.values() if one.group == first.group)
                closed.add(first.group)

    def _full(self) -> list[Message]:
        return []

    def _may_delete(self, message: Message, receipt: Receipt, now: float) -> None:
        if receipt.number != message.receives or not message.held(now):
            raise invalid_receipt(str(receipt), EXPIRED)

    def _may_hide(self, message: Message, receipt: Receipt, now: float) -> None:
        if receipt.number != message.receives or not message.held(now):
            raise invalid_receipt(str(receipt), NOT_AVAILABLE)

    def _check(self, message: Message, delay: int | None) -> None:
        if not message.group:
            raise invalid("The request must contain the parameter MessageGroupId.")
        if not message.dedup and self.attributes["ContentBasedDeduplication"] == "true":
            message.dedup = sha256(message.body.encode()).hexdigest()
        if not message.dedup:
            raise invalid(
                "The queue should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )
        if delay:
            raise invalid(
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: The request "
                "include parameter that is not valid for this queue type."
            )

    def _key(self, message: Message) -> tuple[str, str]:
        by_group = self.attributes["DeduplicationScope"] == "messageGroup"
        return (message.group or "" if by_group else "", message.dedup or "")

    def _remember(self, attempt: str, messages: list[Message], now: float) -> None:
        held = [(message, message.receives, message.visible_at) for message in messages]
        self._attempts.pop(attempt, None)  # the newest is the last
        self._attempts[attempt] = (now + REMEMBERED_SECONDS, held)

    def _replayed(self, attempt: str, now: float) -> list[Message]:
        """What the attempt got, if each of it is still held as it was handed out."""
        _forget_old(self._attempts, now)
        _, held = self._attempts.get(attempt, (0.0, []))
        same = all(
            message.id in self.messages
            and (message.receives, message.visible_at) == (receives, until)
            and message.held(now)
            for message, receives, until in held
        )
        return [message for message, _, _ in held] if same else []


def _forget_old(memory: dict[Any, tuple[float, Any]], now: float) -> None:
    """The oldest comes first: all are remembered equally long."""
    while memory and (oldest := next(iter(memory))) and memory[oldest][0] <= now:
        del memory[oldest]
