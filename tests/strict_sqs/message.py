"""One message, and the receipt of one of its receives."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

from tests.strict_sqs.errors import no_receipt


@dataclass
class Message:
    """Times are the clock's seconds. Hidden until `visible_at`: delayed before the first receive,
    in flight after one."""

    body: str
    sequence: int
    sent_at: float
    visible_at: float
    group: str | None = None
    dedup: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    receives: int = 0
    first_received_at: float = 0.0
    received_at: float = 0.0
    came_from: str | None = None  # the queue that it is a dead letter of

    def visible(self, now: float) -> bool:
        return self.visible_at <= now

    def held(self, now: float) -> bool:
        return self.visible_at > now and self.receives > 0

    def delayed(self, now: float) -> bool:
        return self.visible_at > now and self.receives == 0

    def take(self, now: float) -> None:
        self.receives += 1
        self.first_received_at = self.first_received_at or now
        self.received_at = now

    @property
    def attributes(self) -> dict[str, str]:
        told = {
            "SenderId": "AIDAEXAMPLE",
            "SentTimestamp": _milliseconds(self.sent_at),
            "ApproximateReceiveCount": str(self.receives),
            "ApproximateFirstReceiveTimestamp": _milliseconds(self.first_received_at),
        }
        if self.group is not None:
            told["MessageGroupId"] = self.group
        if self.dedup is not None:
            told["MessageDeduplicationId"] = self.dedup
            told["SequenceNumber"] = f"{self.sequence:020d}"
        if self.came_from is not None:
            told["DeadLetterQueueSourceArn"] = arn(self.came_from)
        return told


class Receipt(NamedTuple):
    """What a receive hands out: of which message, and the how manieth receive it was."""

    queue: str
    message: str
    number: int

    def __str__(self) -> str:
        return urlsafe_b64encode("/".join(map(str, self)).encode()).decode()


def receipt_of(queue: str, message: Message) -> str:
    return str(Receipt(queue, message.id, message.receives))


def read_receipt(queue: str, text: str) -> Receipt:
    """Refuses, as SQS does, what it never gave out for this queue."""
    try:
        name, message, number = urlsafe_b64decode(text).decode().split("/")
        receipt = Receipt(name, message, int(number))
    except ValueError:
        raise no_receipt(text) from None
    if name != queue:
        raise no_receipt(text)
    return receipt


def arn(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:000000000000:{queue}"


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
