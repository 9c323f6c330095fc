"""The queues by the names that the code uses; what SQS calls them is the environment's business."""

from django.conf import settings

from messaging.errors import UnknownQueue


def sqs_name(queue: str) -> str:
    """What SQS calls the queue, `lipsync.fifo` for `lipsync`. Raises UnknownQueue."""
    try:
        return settings.SQS_QUEUES[queue]
    except KeyError:
        raise UnknownQueue(queue, sorted(settings.SQS_QUEUES)) from None


def is_fifo(queue: str) -> bool:
    return sqs_name(queue).endswith(".fifo")
