"""From outbox rows to SQS: claim, send, mark. Runs as the operator; see `operating`."""

import time
from contextlib import AbstractContextManager
from datetime import timedelta

import structlog
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from messaging.broker import Broker
from messaging.crashpoints import crash_point
from messaging.models import OutboxMessage
from messaging.turns import next_due

log = structlog.get_logger(__name__)

BATCH = 20
CLAIM = timedelta(seconds=60)  # longer than a batch takes, even when each call times out once
LONGEST_BACK_OFF_SECONDS = 300
TURN_SECONDS = 1.0  # whoever sends runs the timers too, however much there is to send
THROTTLED = {"RequestThrottled", "Throttling", "ThrottlingException", "OverLimit"}


def operating(reason: str) -> AbstractContextManager[None]:
    """The way in to all tenants' rows, a transaction; which one the settings say.

    It belongs to an app above this one, so this app only knows its dotted path.
    """
    return import_string(settings.MESSAGING_CONTEXT)(reason)


def send_due(broker: Broker) -> int:
    """Send what is due, for about TURN_SECONDS; how many were sent, 0 when none can be just now.

    No call to SQS happens inside a transaction. A process that dies between sending and marking
    leaves a row that is sent again after its claim has run out, with the same deduplication id.
    """
    until, sent = time.monotonic() + TURN_SECONDS, 0
    while time.monotonic() < until and (batch := _claim()):
        tried, count = _send_batch(broker, batch, until)
        sent += count
        if tried < len(batch):
            _give_back(batch[tried:])
            break
    return sent


def _send_batch(broker: Broker, batch: list[OutboxMessage], until: float) -> tuple[int, int]:
    """How many were tried before the time was up or SQS was found to be away, and how many sent."""
    sent = 0
    for position, message in enumerate(batch):
        # The first goes in any case: a claim may take a whole turn, and then none would ever go.
        if position and time.monotonic() >= until:
            return position, sent
        try:
            sent += _send(broker, message)
        except (BotoCoreError, ClientError) as problem:
            # Each of the others would cost a timeout, or three tries, to learn the same.
            _record_failure(message, problem)
            return position + 1, sent
    return len(batch), sent


def take_over() -> int:
    """Let go what an earlier leader claimed and never marked; how many messages.

    It died, or is about to learn that it leads no more. If it still sends one of them, the queue
    folds the second into the first, or the actor finds its work done.
    """
    with operating("take over the outbox"):
        return OutboxMessage.objects.filter(sent_at=None, claimed_until__gt=Now()).update(
            claimed_until=None
        )


def _claim() -> list[OutboxMessage]:
    """Rows are found by their state and never by "newer than the last one sent": transactions
    commit in another order than that of their ids."""
    with operating("send the outbox"):
        ids = next_due(BATCH)
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
        rows = OutboxMessage.objects.select_for_update(skip_locked=True).order_by()
        ours = {message.id: message for message in rows.filter(free, id__in=ids, sent_at=None)}
        OutboxMessage.objects.filter(id__in=list(ours)).update(
            claimed_until=Now() + CLAIM, send_attempts=F("send_attempts") + 1
        )
    if ours:
        crash_point("outbox.claimed")
    return [ours[message_id] for message_id in ids if message_id in ours]


def _give_back(batch: list[OutboxMessage]) -> None:
    with operating("give messages back to the outbox"):
        OutboxMessage.objects.filter(id__in=[message.id for message in batch]).update(
            claimed_until=None, send_attempts=F("send_attempts") - 1
        )


def _send(broker: Broker, message: OutboxMessage) -> bool:
    try:
        broker.send(
            message.queue,
            message.actor,
            message.payload,
            message_id=str(message.id),
            group_id=message.group_id or _whose(message),
            dedup_id=message.dedup_id,
        )
    except Exception as problem:  # whatever is wrong with this one, the others must leave
        if _is_away(problem):
            raise
        _record_failure(message, problem)
        return False
    crash_point("outbox.sent")
    with operating("mark a message as sent"):
        OutboxMessage.objects.filter(id=message.id).update(
            sent_at=Now(), claimed_until=None, last_error=""
        )
    crash_point("outbox.marked")
    return True


def _whose(message: OutboxMessage) -> str | None:
    return str(message.tenant_id) if message.tenant_id else None


def _is_away(problem: Exception) -> bool:
    """SQS itself does not answer, or not us: no fault of this message."""
    if not isinstance(problem, ClientError):
        return isinstance(problem, BotoCoreError) and not isinstance(problem, ParamValidationError)
    status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or problem.response["Error"].get("Code") in THROTTLED


def _told(problem: Exception) -> str:
    known = isinstance(problem, ClientError | BotoCoreError)
    return str(problem) if known else repr(problem)


def _record_failure(message: OutboxMessage, problem: Exception) -> None:
    delay = timedelta(seconds=min(2**message.send_attempts, LONGEST_BACK_OFF_SECONDS))
    log.warning(
        "message_not_sent",
        message_id=str(message.id),
        tenant_id=str(message.tenant_id),
        attempts=message.send_attempts + 1,
        problem=_told(problem),
    )
    with operating("record that a message was not sent"):
        OutboxMessage.objects.filter(id=message.id).update(
            not_before=Now() + delay, claimed_until=None, last_error=_told(problem)[:500]
        )
