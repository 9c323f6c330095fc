"""A message in this process's hands."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dramatiq

DEAD = "-dead"
KINDS = {"actor_name": str, "message_id": str, "kwargs": dict, "options": dict}


class Received(dramatiq.MessageProxy):
    """What a worker holds of a message: its receipt, and since when it is hidden from others.

    Any exception that leaves the actor fails the message. Stock Dramatiq acknowledges it instead
    unless its Retries middleware is there, which asks SQS for a delay that a FIFO queue refuses.
    """

    def __init__(
        self,
        message: dramatiq.Message[Any],
        *,
        queue_url: str,
        receipt: str,
        receives: int,
        hidden_since: float,
        group: str = "",
    ) -> None:
        super().__init__(message)
        self.queue_url = queue_url
        self.receipt = receipt
        self.receives = receives
        self.group = group  # "" on a standard queue that was told none
        self.lost = False  # the hold on it ended: its receipt is not to be used any more
        self.hidden_since = hidden_since  # time.monotonic() from before the receive: never too late

    def stuff_exception(self, exception: BaseException) -> None:
        super().stuff_exception(exception)
        self.fail()

    @property
    def exception(self) -> BaseException | None:
        return self._exception


def encode(queue: str, actor: str, payload: Mapping[str, Any], message_id: str) -> str:
    """Dramatiq's own wire form. Without a signature: whoever may send to the queue is trusted."""
    message: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=queue,
        actor_name=actor,
        args=(),
        kwargs=dict(payload),
        options={},
        message_id=message_id,
        message_timestamp=int(time.time() * 1000),
    )
    return b64encode(message.encode()).decode("ascii")


def decode(queue: str, body: str) -> dramatiq.Message[Any]:
    """Read a body; ValueError says why it can't be read.

    The queue's name is that of the queue it came from, whatever it says itself: a dead letter
    still bears its first one. And a dead letter is for `<actor>_dead`, which brings to an end what
    the actor could not. Options are dropped, we send none: of one with an `eta` Dramatiq would make
    another message, and the slot of the first would never be free again.
    """
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(b64decode(body, validate=True))
    except (dramatiq.DecodeError, json.JSONDecodeError) as problem:
        raise ValueError(f"not a message of ours: {problem}") from problem
    if strange := [name for name, kind in KINDS.items() if not _is(message, name, kind)]:
        # Dramatiq looks at none of them, and the consumer or its thread would die of one later.
        raise ValueError(f"not a message of ours: what are its {', '.join(strange)}?")
    actor = message.actor_name + ("_dead" if queue.endswith(DEAD) else "")
    return replace(message, queue_name=queue, actor_name=actor, options={})


def _is(message: dramatiq.Message[Any], field: str, kind: type) -> bool:
    return isinstance(getattr(message, field), kind)
