"""Dramatiq over SQS, without the ways in which the stock broker loses jobs on a FIFO queue.

`docs/decisions/` says which they are. In short: queues are looked up and never made; every message
has its group and its deduplication id; what an actor did not finish is put back and never deleted;
a slot is free again whatever SQS answers.
"""

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import dramatiq
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django import db
from django.conf import settings
from dramatiq.middleware import CurrentMessage
from dramatiq_sqs.broker import MAX_PREFETCH, SQSBroker

from messaging.consumer import Consumer
from messaging.errors import DirectSend
from messaging.queues import is_fifo, sqs_name
from messaging.received import encode
from messaging.slots import Slots

log = structlog.get_logger(__name__)


class StopFetching(dramatiq.Middleware):
    """On SIGTERM consumers stop receiving first, and long actors learn that they must hand over."""

    actor_options = {"throws"}  # the worker reads it, but only Retries would allow it

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        assert isinstance(broker, Broker)
        broker.stopping.set()


class FreshConnections(dramatiq.Middleware):
    """Database connections that broke or grew old are not used for the next message."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        db.close_old_connections()

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        db.close_old_connections()


class Broker(SQSBroker):
    """Sends and receives; `stopping` is set once the process was asked to end.

    The middleware is listed by hand: Retries, TimeLimit, AgeLimit, Callbacks and Pipelines would
    each send, drop or interrupt by themselves, which on SQS loses the message.
    """

    def __init__(
        self, *, wait_seconds: int, visibility_seconds: int, **client_options: Any
    ) -> None:
        super().__init__(
            middleware=[FreshConnections(), CurrentMessage(), StopFetching()],
            visibility_timeout=visibility_seconds,
            # A read timeout below the long poll's wait would cut every empty poll short.
            config=Config(
                connect_timeout=5,
                read_timeout=wait_seconds + 10,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
            **client_options,
        )
        self.client = self.sqs.meta.client  # clients may be shared by threads, resources may not
        self.wait_seconds = wait_seconds
        self.stopping = threading.Event()
        self.slots: dict[str, Slots] = {}
        self._urls: dict[str, str] = {}

    def url(self, queue: str) -> str:
        """The queue's address. Raises the client's QueueDoesNotExist: we never make one."""
        if queue not in self._urls:
            answer = self.client.get_queue_url(QueueName=sqs_name(queue))
            self._urls[queue] = answer["QueueUrl"]
        return self._urls[queue]

    def send(
        self,
        queue: str,
        actor: str,
        payload: Mapping[str, Any],
        *,
        message_id: str,
        group_id: str | None,
        dedup_id: str | None,
    ) -> None:
        """Put one message on the queue. For the dispatcher: all others write to the outbox.

        A standard queue keeps no order within a group: SQS only sees to it that a group of which
        much waits delays no other (its "fair queues").
        """
        body = encode(queue, actor, payload, message_id)
        named = {"MessageGroupId": group_id, "MessageDeduplicationId": dedup_id}
        order = {name: value for name, value in named.items() if value is not None}
        self.client.send_message(QueueUrl=self.url(queue), MessageBody=body, **order)

    def hide(self, queue_url: str, receipt: str, seconds: float) -> None:
        """Let nobody receive a message for so long; 0: at once. Never raises: where SQS can't be
        asked, the message shows itself when its visibility timeout is over."""
        try:
            self.client.change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=int(seconds)
            )
        except (ClientError, BotoCoreError) as problem:
            queue = queue_url.rpartition("/")[2]
            log.warning("visibility_not_changed", queue=queue, problem=str(problem))

    def enqueue(
        self, message: dramatiq.Message[Any], *, delay: int | None = None
    ) -> dramatiq.Message[Any]:
        raise DirectSend(message.actor_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> Consumer:
        """Hold as many messages as there are threads; one of a FIFO queue, or of long work.

        Dramatiq asks for twice as many as it has threads, so half of them would wait here, hidden
        from idle workers; and with FIFO, the rest of their group with them. Its `timeout`, how long
        to wait for a message, is a second: the settings' long poll is cheaper.
        """
        alone = is_fifo(queue_name) or queue_name in settings.SQS_ONE_AT_A_TIME
        size = 1 if alone else min(max(prefetch // 2, 1), MAX_PREFETCH)
        slots = self.slots.setdefault(queue_name, Slots(size))
        return Consumer(self, queue_name, slots)


@cache
def shared() -> Broker:
    """The process's broker, as the settings describe it. Makes no call to the network."""
    return Broker(
        wait_seconds=settings.SQS_WAIT_SECONDS,
        visibility_seconds=settings.SQS_VISIBILITY_SECONDS,
        region_name=settings.AWS_REGION,
        **_endpoint(settings.SQS_ENDPOINT_URL),
    )


def _endpoint(url: str | None) -> dict[str, str]:
    """A queue server on this machine asks for no credentials, but the client does."""
    if not url:
        return {}
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return {"endpoint_url": url}
    nobody = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}
    return {"endpoint_url": url, **nobody}
