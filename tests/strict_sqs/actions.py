"""SQS's actions by their names: what a request's parameters mean, and the shape of its answer."""

from collections.abc import Callable
from hashlib import md5
from uuid import uuid4

from tests.strict_sqs.batches import MOST_ENTRIES, Answer, Parameters, each
from tests.strict_sqs.errors import Refused, invalid
from tests.strict_sqs.message import Message, receipt_of
from tests.strict_sqs.queue import LONGEST_VISIBILITY_SECONDS, MOST_BYTES, wanted
from tests.strict_sqs.service import Service

LONGEST_WAIT_SECONDS = 20


class Actions:
    """`run` takes what the protocol brought; `gone` says whether its sender still listens."""

    def __init__(self, service: Service, address: str) -> None:
        self.service = service
        self.address = address

    def run(
        self, action: str, given: Parameters, gone: Callable[[], bool] = lambda: False
    ) -> Answer:
        if action == "ReceiveMessage":
            return self.receive(given, gone)
        if action not in ACTIONS:
            raise Refused("UnsupportedOperation", f"{action} is not played here.")
        return ACTIONS[action](self, given) or {}

    def create_queue(self, given: Parameters) -> Answer:
        self.service.create(given["QueueName"], given.get("Attributes", {}))
        return {"QueueUrl": self._url(given["QueueName"])}

    def get_queue_url(self, given: Parameters) -> Answer:
        return {"QueueUrl": self._url(self.service.queue(given["QueueName"]).name)}

    def get_queue_attributes(self, given: Parameters) -> Answer:
        told = self.service.queue(queue_of(given)).told(self.service.clock())
        return {"Attributes": wanted(told, given.get("AttributeNames", []))}

    def delete_queue(self, given: Parameters) -> None:
        self.service.remove(queue_of(given))

    def purge_queue(self, given: Parameters) -> None:
        self.service.purge(queue_of(given))

    def send(self, given: Parameters) -> Answer:
        if given.get("MessageAttributes"):
            raise Refused("UnsupportedOperation", "Message attributes are not played here.")
        message = self.service.send(
            queue_of(given),
            given["MessageBody"],
            group=given.get("MessageGroupId"),
            dedup=given.get("MessageDeduplicationId"),
            delay=given.get("DelaySeconds"),
        )
        answer = {"MessageId": message.id, "MD5OfMessageBody": digest(message)}
        return answer | ({"SequenceNumber": f"{message.sequence:020d}"} if message.dedup else {})

    def receive(self, given: Parameters, gone: Callable[[], bool]) -> Answer:
        name, most = queue_of(given), _within(given, "MaxNumberOfMessages", 1, MOST_ENTRIES)
        found = self.service.receive(
            name,
            1 if most is None else most,
            visibility=_within(given, "VisibilityTimeout", 0, LONGEST_VISIBILITY_SECONDS),
            wait_seconds=_within(given, "WaitTimeSeconds", 0, LONGEST_WAIT_SECONDS),
            attempt=given.get("ReceiveRequestAttemptId"),
            gone=gone,
        )
        names = [*given.get("AttributeNames", []), *given.get("MessageSystemAttributeNames", [])]
        told = [_told(name, message, names) for message in found]
        return {"Messages": told} if told else {}

    def delete(self, given: Parameters) -> None:
        self.service.delete(queue_of(given), given["ReceiptHandle"])

    def hide(self, given: Parameters) -> None:
        seconds = _within(given, "VisibilityTimeout", 0, LONGEST_VISIBILITY_SECONDS)
        if seconds is None:
            raise Refused("MissingParameter", "The request must contain VisibilityTimeout.")
        self.service.hide(queue_of(given), given["ReceiptHandle"], seconds)

    def start_move(self, given: Parameters) -> Answer:
        target = given.get("DestinationArn")
        source = given["SourceArn"].rpartition(":")[2]
        self.service.redrive(source, target and target.rpartition(":")[2])
        return {"TaskHandle": str(uuid4())}

    def send_batch(self, given: Parameters) -> Answer:
        size = sum(len(entry["MessageBody"].encode()) for entry in given.get("Entries", []))
        if size > MOST_BYTES:
            raise Refused(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MOST_BYTES} bytes. You have sent {size}.",
            )
        return each(given, self.send)

    def delete_batch(self, given: Parameters) -> Answer:
        return each(given, self.delete)

    def hide_batch(self, given: Parameters) -> Answer:
        return each(given, self.hide)

    def _url(self, name: str) -> str:
        return f"{self.address}/000000000000/{name}"


def queue_of(given: Parameters) -> str:
    """Address, name and ARN all end in the queue's name."""
    name = given.get("QueueName") or given.get("QueueUrl") or given.get("SourceArn", "")
    return str(name).replace(":", "/").rpartition("/")[2]


def digest(message: Message) -> str:
    return md5(message.body.encode(), usedforsecurity=False).hexdigest()


def _told(queue: str, message: Message, names: list[str]) -> Answer:
    told: Answer = {
        "MessageId": message.id,
        "ReceiptHandle": receipt_of(queue, message),
        "Body": message.body,
        "MD5OfBody": digest(message),
    }
    attributes = wanted(message.attributes, names)
    return told | ({"Attributes": attributes} if attributes else {})


def _within(given: Parameters, name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is not None and not least <= value <= most:
        raise invalid(
            f"Value {value} for parameter {name} is invalid. "
            f"Reason: Must be >= {least} and <= {most}, if provided."
        )
    return value


ACTIONS: dict[str, Callable[[Actions, Parameters], Answer | None]] = {
    "CreateQueue": Actions.create_queue,
    "GetQueueUrl": Actions.get_queue_url,
    "GetQueueAttributes": Actions.get_queue_attributes,
    "DeleteQueue": Actions.delete_queue,
    "PurgeQueue": Actions.purge_queue,
    "SendMessage": Actions.send,
    "SendMessageBatch": Actions.send_batch,
    "DeleteMessage": Actions.delete,
    "DeleteMessageBatch": Actions.delete_batch,
    "ChangeMessageVisibility": Actions.hide,
    "ChangeMessageVisibilityBatch": Actions.hide_batch,
    "StartMessageMoveTask": Actions.start_move,
}
