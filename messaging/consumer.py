"""Receives the messages of one queue and settles them: deleted, put back, or left alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dramatiq
import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from messaging.crashpoints import crash_point
from messaging.errors import NotOurs, PutBack
from messaging.queues import is_fifo
from messaging.received import Received, decode
from messaging.slots import Slots

if TYPE_CHECKING:
    from messaging.broker import Broker

log = structlog.get_logger(__name__)

LONGEST_BACK_OFF_SECONDS = 900
IDLE_SECONDS = 0.5


class Consumer(dramatiq.Consumer):
    """One receive asks for no more than there are free slots, of a FIFO queue for one.

    Settling never raises: if SQS can't be reached, the message shows itself again after its
    visibility timeout, and whoever receives it looks at the database first.
    """

    def __init__(self, broker: Broker, queue: str, slots: Slots) -> None:
        self.broker = broker
        self.queue = queue
        self.slots = slots
        self.url = broker.url(queue)
        self.messages: deque[Received] = deque()

    def __next__(self) -> Received | None:
        if not self.messages:
            self._fetch()
        return self.messages.popleft() if self.messages else None

    def ack(self, message: Received) -> None:  # type: ignore[override]  # gets back what it gave
        """Delete the message: the actor returned, so whatever it stood for is recorded."""
        try:
            if not message.lost:
                self._delete(message)
        except (ClientError, BotoCoreError) as problem:
            # Expired handle, throttling, no network. The next receiver finds the work done.
            log.warning("message_not_deleted", **self._names(message), problem=str(problem))
        finally:
            self.slots.release(message.receipt)

    def nack(self, message: Received) -> None:  # type: ignore[override]
        """Put the message back, later each time. Nothing is ever deleted here."""
        try:
            if not message.lost and not isinstance(message.exception, NotOurs):
                self.broker.hide(self.url, message.receipt, self._delay(message))
                log.warning(
                    "message_put_back", **self._names(message), reason=repr(message.exception)
                )
        finally:
            self.slots.release(message.receipt)

    def requeue(self, messages: Iterable[Received]) -> None:  # type: ignore[override]
        """Messages that were received and not begun, at shutdown: others may have them at once."""
        for message in messages:
            try:
                self.broker.hide(self.url, message.receipt, 0)
            finally:
                self.slots.release(message.receipt)

    def close(self) -> None:
        waiting, self.messages = list(self.messages), deque()
        self.requeue(waiting)

    def _fetch(self) -> None:
        if self.broker.stopping.is_set():
            time.sleep(IDLE_SECONDS)
        elif self.slots.wait_for_one(timeout_seconds=IDLE_SECONDS):
            self._receive()

    def _receive(self) -> None:
        fifo = is_fifo(self.queue)
        before = time.monotonic()
        answer = self.broker.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=1 if fifo else self.slots.free,
            WaitTimeSeconds=self.broker.wait_seconds,
            VisibilityTimeout=self.broker.visibility_timeout,
            MessageSystemAttributeNames=["All"],
            # The client repeats the call with the same token after a lost answer; without it the
            # group would be blocked for a whole visibility timeout.
            **({"ReceiveRequestAttemptId": str(uuid4())} if fifo else {}),
        )
        for raw in answer.get("Messages", []):
            self._accept(raw, before)
        if self.broker.stopping.is_set():  # while the call waited: nobody here will begin it
            self.close()

    def _accept(self, raw: dict[str, Any], before: float) -> None:
        told = raw.get("Attributes", {})
        receives = int(told.get("ApproximateReceiveCount", 1))
        try:
            message = decode(self.queue, raw["Body"])
        except ValueError as problem:
            # It stays in the queue for people to see, and moves to the dead letters by itself.
            log.error("undecodable_message_received", queue=self.queue, problem=str(problem))
            self.broker.hide(self.url, raw["ReceiptHandle"], _back_off(receives))
            return
        received = Received(
            message,
            queue_url=self.url,
            receipt=raw["ReceiptHandle"],
            receives=receives,
            hidden_since=before,
            group=told.get("MessageGroupId", ""),
        )
        self.slots.take(received.receipt)
        self.messages.append(received)
        crash_point("message.received")

    def _delete(self, message: Received) -> None:
        crash_point("message.before_delete")
        self.broker.client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)
        crash_point("message.deleted")

    def _delay(self, message: Received) -> int:
        if isinstance(message.exception, PutBack) and message.exception.delay_seconds is not None:
            return message.exception.delay_seconds
        return _back_off(message.receives)

    def _names(self, message: Received) -> dict[str, Any]:
        ids = ("job_id", "tenant_id")
        return {
            "queue": self.queue,
            "actor": message.actor_name,
            "receives": message.receives,
            **{name: message.kwargs[name] for name in ids if name in message.kwargs},
        }


def _back_off(receives: int) -> int:
    """Seconds until a message that failed is seen again: the settings' 10, then 20, 40 ... 900."""
    return min(settings.SQS_BACK_OFF_SECONDS * 2 ** (receives - 1), LONGEST_BACK_OFF_SECONDS)
