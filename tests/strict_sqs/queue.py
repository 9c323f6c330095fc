"""A standard queue: at least once, in no promised order, stale receipts still good."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tests.strict_sqs.errors import (
    NOT_AVAILABLE,
    Refused,
    invalid,
    invalid_receipt,
)
from tests.strict_sqs.message import Message, Receipt, arn, read_receipt

LONGEST_VISIBILITY_SECONDS = 12 * 3600
MOST_BYTES = 1 << 20
MOST_IN_FLIGHT = 120_000
DEFAULTS = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MaximumMessageSize": str(MOST_BYTES),
    "MessageRetentionPeriod": "345600",
}


class Queue:
    """Called under its service's lock, with the clock's time."""

    fifo = False
    defaults = DEFAULTS

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = {**self.defaults, **attributes}
        self.messages: dict[str, Message] = {}  # by sequence: nothing is ever put in between
        self._hidden: dict[str, Message] = {}  # those of them that were held or delayed lately
        self.purged_at = float("-inf")

    # What is asked of it

    @property
    def visibility(self) -> int:
        return int(self.attributes["VisibilityTimeout"])

    @property
    def redrive(self) -> tuple[str, int] | None:
        """The dead letters' queue and after how many receives a message goes there."""
        if not (policy := self.attributes.get("RedrivePolicy")):
            return None
        told = json.loads(policy)
        return told["deadLetterTargetArn"].rpartition(":")[2], int(told["maxReceiveCount"])

    def counts(self, now: float) -> dict[str, str]:
        held = sum(one.held(now) for one in self._hidden.values())
        delayed = sum(one.delayed(now) for one in self._hidden.values())
        return {
            "ApproximateNumberOfMessages": str(len(self.messages) - held - delayed),
            "ApproximateNumberOfMessagesNotVisible": str(held),
            "ApproximateNumberOfMessagesDelayed": str(delayed),
        }

    def told(self, now: float) -> dict[str, str]:
        return {**self.attributes, **self.counts(now), "QueueArn": arn(self.name)}

    def moments(self) -> Iterator[float]:
        """When something changes by itself: a hold or a delay ends."""
        return (one.visible_at for one in self._hidden.values())

    # What is done to it

    def send(self, message: Message, *, delay: int | None, now: float) -> Message:
        """The message as it is kept; a duplicate is answered with the first one."""
        size = len(message.body.encode())
        if size > int(self.attributes["MaximumMessageSize"]):
            limit = self.attributes["MaximumMessageSize"]
            raise invalid(
                "One or more parameters are invalid. "
                f"Reason: Message must be shorter than {limit} bytes."
            )
        seconds = int(self.attributes["DelaySeconds"]) if delay is None else delay
        self.messages[message.id] = message
        self._hide(message, now + seconds)
        return message

    def receive(
        self, most: int, *, visibility: int | None, attempt: str | None, now: float
    ) -> list[Message]:
        hold = self.visibility if visibility is None else visibility
        if len(self._hidden) >= MOST_IN_FLIGHT:
            return self._full()
        chosen = list(islice(self._free(now), most))
        for message in chosen:
            message.take(now)
            self._hide(message, now + hold)
        return chosen

    def delete(self, text: str, now: float) -> None:
        """Once more is no mistake. A standard queue takes the receipt of an earlier receive."""
        receipt = read_receipt(self.name, text)
        if message := self.messages.get(receipt.message):
            self._may_delete(message, receipt, now)
            self.take_out(message)

    def hide(self, text: str, seconds: int, now: float) -> None:
        """From now on, for so long; 0 shows it. Twelve hours in all, counted from its receive."""
        receipt = read_receipt(self.name, text)
        message = self.messages.get(receipt.message)
        if message is None:
            raise invalid_receipt(text, NOT_AVAILABLE)
        self._may_hide(message, receipt, now)
        if now + seconds > message.received_at + LONGEST_VISIBILITY_SECONDS:
            raise invalid(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total "
                "VisibilityTimeout for the message is beyond the limit "
                f"[{LONGEST_VISIBILITY_SECONDS} seconds]"
            )
        self._hide(message, now + seconds)

    def show(self, messages: Iterable[Message], now: float) -> None:
        """As if their visibility had run out, or SQS delivered once too often."""
        for message in messages:
            if message.held(now):
                message.visible_at = now

    def ended(self, now: float) -> list[Message]:
        """Those whose hold or delay has ended since this was asked last."""
        ended = [one for one in self._hidden.values() if one.visible(now)]
        for message in ended:
            del self._hidden[message.id]
        return ended

    def take_out(self, message: Message) -> None:
        del self.messages[message.id]
        self._hidden.pop(message.id, None)

    def move_in(self, message: Message, now: float) -> None:
        self.messages[message.id] = message
        message.visible_at = now

    def clear(self) -> None:
        self.messages.clear()
        self._hidden.clear()

    def forget(self, message: Message) -> None:
        """Let a duplicate of it slip through."""

    def remembered(self, now: float) -> list[str]:
        """Deduplication ids for which a send would be swallowed."""
        return []

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self._hidden[message.id] = message

    # Where FIFO differs

    def _free(self, now: float) -> Iterable[Message]:
        return (one for one in self.messages.values() if one.visible(now))

    def _full(self) -> list[Message]:
        raise Refused("OverLimit", "Too many messages are in flight.", status=403)

    def _may_delete(self, message: Message, receipt: Receipt, now: float) -> None:
        pass

    def _may_hide(self, message: Message, receipt: Receipt, now: float) -> None:
        if not message.held(now):
            raise Refused("MessageNotInflight", "The message referred to is not in flight.")


def wanted(attributes: dict[str, str], names: list[str]) -> dict[str, Any]:
    """What was asked for by name, or "All"."""
    return {name: value for name, value in attributes.items() if name in names or "All" in names}
