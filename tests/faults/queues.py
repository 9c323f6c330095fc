"""The house's queue server, asked over SQS's own protocol as anybody would ask it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError, ClientError

from portal.embedded.sqs import client
from tests.strict_sqs.client import Strict

SERVERS = {"moto": "portal.embedded.sqs", "strict": "tests.strict_sqs"}
NAMES = ("lipsync.fifo", "lipsync-dead.fifo", "tasks", "previews", "tasks-dead")


class Queues:
    """One port, on which either server may listen."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = client(self.port)
        self.strict = Strict(self.address)
        self.kind = ""

    def command(self, kind: str) -> list[str]:
        self.kind = kind
        return ["-m", SERVERS[kind], str(self.port)]

    def are_there(self) -> bool:
        try:
            self.client.get_queue_url(QueueName="tasks")  # the last that is made
        except (BotoCoreError, ClientError):
            return False
        return True

    def waiting(self, queue: str) -> int:
        """Messages that are in the queue, in somebody's hands or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=self._url(queue), AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def receives(self, queue: str) -> int:
        """How often a message of the queue was handed out."""
        return len(self.strict.history("ReceiveMessage", queue))

    def send(self, queue: str, body: str, group: str) -> None:
        self.client.send_message(
            QueueUrl=self._url(f"{queue}.fifo"),
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=str(uuid4()),
        )

    def receive_in_vain(self, queue: str, *, times: int) -> None:
        """What workers do that die at once: receive, and neither delete nor put back.

        The server moves a message to the dead letters when it would be received once more.
        """
        for _ in range(times):
            got = self.client.receive_message(
                QueueUrl=self._url(queue), VisibilityTimeout=0, WaitTimeSeconds=20
            )
            assert got["Messages"]
        self.client.receive_message(QueueUrl=self._url(queue), VisibilityTimeout=0)

    @contextmanager
    def held(self, queue: str) -> Iterator[None]:
        """Somebody has the first message of the queue in hand, and then puts it back."""
        told = {"QueueUrl": self._url(queue)}
        got = self.client.receive_message(**told, VisibilityTimeout=600, WaitTimeSeconds=20)
        told["ReceiptHandle"] = got["Messages"][0]["ReceiptHandle"]
        yield
        self.client.change_message_visibility(**told, VisibilityTimeout=0)

    def messages_of(self, job_id: UUID) -> list[str]:
        """Where messages are that name the job, each as a sentence."""
        if self.kind == "strict":
            found = self.strict.naming(str(job_id))
            return [f"A message of it is {one.state} in {one.queue}." for one in found]
        counts = {name: self.waiting(name) for name in NAMES}
        return [f"{count} messages are in {name}." for name, count in counts.items() if count]

    def _url(self, queue: str) -> str:
        url: str = self.client.get_queue_url(QueueName=queue)["QueueUrl"]
        return url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
