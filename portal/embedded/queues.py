"""The queues as they are in production, each with a place for what nobody could handle."""

import json
from typing import Any

VISIBILITY_SECONDS = 300
RECEIVES = 3


def make_queues(sqs: Any, *, visibility_seconds: int = VISIBILITY_SECONDS) -> None:
    """`sqs` is boto3's client, or anything that makes queues as it does."""
    visible = {"VisibilityTimeout": str(visibility_seconds)}
    fifo = {**visible, "FifoQueue": "true", "ContentBasedDeduplication": "false"}
    _make(sqs, "lipsync.fifo", "lipsync-dead.fifo", fifo)
    _make(sqs, "previews", "tasks-dead", visible)
    _make(sqs, "tasks", "tasks-dead", visible)


def _make(sqs: Any, name: str, dead: str, attributes: dict[str, str]) -> None:
    address = sqs.create_queue(QueueName=dead, Attributes=attributes)["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["QueueArn"])
    arn = told["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
    sqs.create_queue(QueueName=name, Attributes={**attributes, "RedrivePolicy": redrive})
