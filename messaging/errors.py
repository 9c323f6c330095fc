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


class DirectSend(MessagingError):
    """Something called an actor's `send()`: the message would not be part of any transaction."""

    code = "direct_send"

    def __init__(self, actor: str) -> None:
        super().__init__(f"Send {actor!r} with messaging.outbox.enqueue(), not by itself.")


class PutBack(MessagingError):
    """Raised by an actor: the message goes back to its queue, to be received again later.

    `delay_seconds` is how long it stays hidden; None lets it grow with the number of receives.
    After `maxReceiveCount` receives SQS moves it to the dead-letter queue.
    """

    code = "put_back"

    def __init__(self, reason: str, *, delay_seconds: int | None = None) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds


class NotOurs(MessagingError):
    """Raised by an actor that lost its claim: the message is neither deleted nor put back.

    Whoever took over may hold the message by now, and an old receipt handle is not refused
    everywhere: a put-back could shorten the new owner's hold.
    """

    code = "not_ours"
