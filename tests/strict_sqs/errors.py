"""What SQS answers to a call that it refuses, by the names that boto3's callers see."""

# SQS speaks JSON now and keeps the codes of its older protocol: a client sees the second name.
QUERY_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "MessageNotInflight": "AWS.SimpleQueueService.MessageNotInflight",
    "PurgeQueueInProgress": "AWS.SimpleQueueService.PurgeQueueInProgress",
    "UnsupportedOperation": "AWS.SimpleQueueService.UnsupportedOperation",
    "EmptyBatchRequest": "AWS.SimpleQueueService.EmptyBatchRequest",
    "BatchRequestTooLong": "AWS.SimpleQueueService.BatchRequestTooLong",
    "BatchEntryIdsNotDistinct": "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    "TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    "QueueNameExists": "QueueAlreadyExists",
    "InvalidParameterValueException": "InvalidParameterValue",
}
EXPIRED = "The receipt handle has expired."
NOT_AVAILABLE = "Message does not exist or is not available for visibility timeout change."


class Refused(Exception):
    """`shape` is the JSON protocol's name of the error, `code` what a client reads."""

    def __init__(self, shape: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.shape = shape
        self.message = message
        self.status = status

    @property
    def code(self) -> str:
        return QUERY_CODES.get(self.shape, self.shape)

    @property
    def by_sender(self) -> bool:
        return self.status < 500


def invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)


def invalid_receipt(receipt: str, reason: str) -> Refused:
    return invalid(f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: {reason}")


def no_receipt(receipt: str) -> Refused:
    return Refused(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid one.'
    )


def no_queue() -> Refused:
    return Refused("QueueDoesNotExist", "The specified queue does not exist.")
