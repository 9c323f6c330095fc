"""Keeps a received message hidden from other consumers for as long as its work takes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from messaging.crashpoints import crash_point
from messaging.received import Received

log = structlog.get_logger(__name__)

MARGIN_SECONDS = 10
RETRY_SECONDS = 5
GONE = {
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",  # how a FIFO queue names an expired handle, and the end of 12 hours
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
}


BEAT_SECONDS = 0.5
JOIN_SECONDS = 40  # a call under way may run into its timeout


class Hold:
    """One message, extended every `beat_seconds`, each time by its whole visibility timeout.

    A call that fails for a passing reason is repeated until shortly before the timeout ends by this
    machine's monotonic clock; then, or when SQS says that the handle is void, the message is lost:
    somebody else may have it. A lost message stays lost.
    """

    def __init__(
        self,
        client: Any,
        message: Received,
        *,
        visibility_seconds: float,
        beat_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._message = message
        self._visibility = visibility_seconds
        self._every = min(beat_seconds, visibility_seconds / 3)
        self._clock = clock
        self._renewed(message.hidden_since)

    @property
    def lost(self) -> bool:
        return self._message.lost

    def beat(self) -> bool:
        """Extend the hold if that is due. False: the message is no longer ours."""
        now = self._clock()
        if not self.lost and now >= self._due:
            self._extend(now)
        return not self.lost

    def _extend(self, now: float) -> None:
        crash_point("hold.before")
        try:
            self._client.change_message_visibility(
                QueueUrl=self._message.queue_url,
                ReceiptHandle=self._message.receipt,
                VisibilityTimeout=int(self._visibility),
            )
        except ClientError as refusal:
            self._failed(now, refusal, gone=refusal.response["Error"]["Code"] in GONE)
        except BotoCoreError as problem:
            self._failed(now, problem, gone=False)
        else:
            self._renewed(now)
            crash_point("hold.extended")

    def _renewed(self, at: float) -> None:
        self._due = at + self._every
        self._until = at + self._visibility - min(MARGIN_SECONDS, self._visibility / 3)

    def _failed(self, now: float, problem: Exception, *, gone: bool) -> None:
        self._message.lost = gone or self._clock() >= self._until
        self._due = now + min(RETRY_SECONDS, self._visibility / 10)
        log.warning(
            "message_lost" if self.lost else "message_not_extended",
            message_id=self._message.message_id,
            problem=str(problem),
        )


@contextmanager
def held(hold: Hold) -> Iterator[None]:
    """Keep the message for as long as the block takes, from a thread of its own.

    A lost message does not interrupt the block: what it does must bear being done twice.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS) and hold.beat():
            pass

    thread = threading.Thread(target=beat, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(JOIN_SECONDS)
