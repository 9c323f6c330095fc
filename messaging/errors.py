class MessagingError(Exception):
    """Something of this app refused, with a stable code."""

    code = "messaging_error"


class UnknownQueue(MessagingError):
    """The name is not a key of settings.SQS_QUEUES."""

    code = "unknown_queue"

    def __init__(self, queue: str, known: list[str]) -> None:
        super().__init__(f"There is no queue {queue!r}; settings.SQS_QUEUES has {known}.")


class MissingGroup(MessagingError):
    """A message for a FIFO queue must say in which group it waits its turn."""

    code = "missing_message_group"

    def __init__(self, queue: str) -> None:
        super().__init__(f"Queue {queue!r} is FIFO: pass the message's group.")
