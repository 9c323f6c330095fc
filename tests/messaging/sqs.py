"""What a test wants to know of a queue, asked of the server itself."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from messaging.broker import Broker
from messaging.queues import is_fifo


class Queue:
    def __init__(self, broker: Broker, name: str) -> None:
        self.broker = broker
        self.name = name

    def send(
        self, actor: str, *, group: str = "a-lane", dedup: str | None = None, **ids: Any
    ) -> None:
        dedup = dedup or uuid4().hex
        order = {"group_id": group, "dedup_id": dedup if is_fifo(self.name) else None}
        self.broker.send(self.name, actor, ids, message_id=dedup, **order)

    def send_body(self, body: str, *, group: str) -> None:
        self.broker.client.send_message(
            QueueUrl=self.broker.url(self.name),
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=uuid4().hex,
        )

    def count(self) -> dict[str, int]:
        """Messages that wait, and those that somebody holds."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.broker.client.get_queue_attributes(
            QueueUrl=self.broker.url(self.name), AttributeNames=names
        )
        waiting, held = (int(answer["Attributes"][name]) for name in names)
        return {"waiting": waiting, "held": held}

    @property
    def size(self) -> int:
        return sum(self.count().values())


def make_queues(client: Any, mark: str, *, visibility_seconds: int) -> None:
    fifo = {"FifoQueue": "true", "VisibilityTimeout": str(visibility_seconds)}
    dead = client.create_queue(QueueName=f"{mark}-dead.fifo", Attributes=fifo)["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 3})
    client.create_queue(QueueName=f"{mark}.fifo", Attributes={**fifo, "RedrivePolicy": redrive})
    client.create_queue(QueueName=f"{mark}-tasks")


def eventually(condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """What the condition returns once that is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.02)
    return value
