"""The three servers that the contract is held against, each with its own way to let time pass."""

import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.messaging.sqs import eventually
from tests.strict_sqs.clock import Clock, stopped
from tests.strict_sqs.server import started

REGION_VARIABLE = "SQS_CONTRACT_REGION"
NOBODY = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
ANSWER_SECONDS = 60
HOLD_SECONDS = 20  # of a queue whose test says nothing else; a busy machine takes seconds


class World:
    """`kind` names it. Queues are made with names of their own and removed at the end."""

    kind = ""
    look_seconds = 0  # how long a receive waits before nothing counts as nothing
    counting_seconds = 0.0  # until a change shows in the counts

    def __init__(self, client: Any) -> None:
        self.client = client
        self._made: list[str] = []

    def pass_time(self, seconds: float) -> None:
        raise NotImplementedError

    def until_polled(self) -> None:
        """A poll that was begun is under way. Where nothing says so, it had the time for it."""
        time.sleep(0.3)

    def queue(
        self, *, fifo: bool = True, dead: "SqsQueue | None" = None, **more: str
    ) -> "SqsQueue":
        attributes = {
            "VisibilityTimeout": str(HOLD_SECONDS),
            **more,
            **({"FifoQueue": "true"} if fifo else {}),
        }
        if dead:
            policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
            attributes["RedrivePolicy"] = json.dumps(policy)
        name = f"contract-{uuid4().hex}{'.fifo' if fifo else ''}"
        url = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._made.append(url)
        return SqsQueue(self, url, fifo)

    def close(self) -> None:
        for url in self._made:
            self.client.delete_queue(QueueUrl=url)


class Strict(World):
    kind = "strict"

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or stopped()
        self._server = started(self.clock)
        super().__init__(_client(endpoint_url=self._server.address, **NOBODY))

    def pass_time(self, seconds: float) -> None:
        self.clock.shift(seconds)

    def close(self) -> None:
        self.clock.shift(3600)  # whoever still waits for a message waits no more
        self._server.shutdown()
        self._server.server_close()


class Moto(World):
    """Its server runs in this process, by a clock that tests move on."""

    kind = "moto"

    def __init__(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self._looks = Clock(), 0
        monkeypatch.setattr("moto.sqs.models.unix_time", self._look)
        monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: self.clock() * 1000)
        super().__init__(_client(endpoint_url=address, **NOBODY))

    def pass_time(self, seconds: float) -> None:
        self.clock.shift(seconds)

    def until_polled(self) -> None:
        """Whoever polls looks at the clock again and again; nobody else does meanwhile."""
        before = self._looks
        eventually(lambda: self._looks > before + 3)

    def _look(self) -> float:
        self._looks += 1
        return self.clock()


class Aws(World):
    kind = "aws"
    look_seconds = 3
    counting_seconds = 60

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)


class SqsQueue:
    """One queue, by the words of SQS's own calls."""

    def __init__(self, world: World, url: str, fifo: bool) -> None:
        self.world = world
        self.client = world.client
        self.url = url
        self.fifo = fifo

    @property
    def arn(self) -> str:
        return self._attributes("QueueArn")["QueueArn"]

    def send(self, body: str, *, group: str = "a", dedup: str | None = None, **more: Any) -> Any:
        order = {"MessageGroupId": group, "MessageDeduplicationId": dedup or uuid4().hex}
        given = {**(order if self.fifo else {}), **more}
        return self.client.send_message(QueueUrl=self.url, MessageBody=body, **given)

    def receive(self, most: int = 1, **more: Any) -> list[Any]:
        given = {"WaitTimeSeconds": self.world.look_seconds, **more}
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=most,
            MessageSystemAttributeNames=["All"],
            **given,
        )
        return list(answer.get("Messages", []))

    def bodies(self, most: int = 1, **more: Any) -> list[str]:
        return [message["Body"] for message in self.receive(most, **more)]

    def delete(self, message: Any) -> str:
        return outcome(
            lambda: self.client.delete_message(
                QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
            )
        )

    def hide(self, message: Any, seconds: int) -> str:
        return outcome(
            lambda: self.client.change_message_visibility(
                QueueUrl=self.url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=seconds,
            )
        )

    def counts(self) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        self.world.pass_time(self.world.counting_seconds)
        name = "ApproximateNumberOfMessages"
        names = [name, f"{name}NotVisible", f"{name}Delayed"]
        told = self._attributes(*names)
        visible, held, delayed = (int(told[one]) for one in names)
        return visible, held, delayed

    def purge(self) -> None:
        self.client.purge_queue(QueueUrl=self.url)

    def poll(self, seconds: int) -> "Poll":
        return Poll(self, seconds)

    def _attributes(self, *names: str) -> dict[str, str]:
        told = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        attributes: dict[str, str] = told["Attributes"]
        return attributes


class Poll:
    """A long poll under way in a thread of its own."""

    def __init__(self, queue: SqsQueue, seconds: int) -> None:
        self.bodies: list[str] = []
        self._queue = queue
        self._thread = threading.Thread(target=self._run, args=(seconds,), daemon=True)
        self._thread.start()
        queue.world.until_polled()

    def came(self) -> list[str]:
        self._thread.join(ANSWER_SECONDS)
        assert not self._thread.is_alive()
        return self.bodies

    def _run(self, seconds: int) -> None:
        self.bodies = self._queue.bodies(WaitTimeSeconds=seconds)


def outcome(call: Callable[[], Any]) -> str:
    """`accepted`, or the code of the refusal."""
    try:
        call()
    except ClientError as refusal:
        return str(refusal.response["Error"]["Code"])
    return "accepted"


def real_region() -> str | None:
    """Somebody has to name it: real queues are made there, and cost money."""
    return os.environ.get(REGION_VARIABLE)


def real_queues() -> World:
    region = real_region()
    assert region
    assert boto3.Session().get_credentials(), f"{REGION_VARIABLE} is set, credentials are not"
    return Aws(_client(region=region))


def _client(region: str = "us-east-1", **options: Any) -> Any:
    return boto3.client("sqs", region_name=region, **options)
