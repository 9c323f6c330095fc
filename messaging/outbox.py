"""Messages are written where their reason is written, and sent after the commit."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from messaging.errors import MissingGroup
from messaging.ids import new_id
from messaging.models import OutboxMessage
from messaging.queues import is_fifo

CHANNEL = "viseme_outbox"


def enqueue(*messages: OutboxMessage) -> None:
    """Write messages in the caller's transaction, each made by message(), in one statement.

    The dispatcher sends them once that has committed.
    """
    OutboxMessage.objects.bulk_create(messages)
    notify()


def message(
    actor: str,
    payload: Mapping[str, Any],
    *,
    queue: str,
    tenant_id: UUID | None,
    group: str | None = None,
    dedup: str | None = None,
    not_before: datetime | None = None,
) -> OutboxMessage:
    """A message for enqueue(), not written yet.

    `payload` holds ids alone and becomes the actor's keyword arguments. It may arrive twice and
    out of order: the actor looks at the database before it believes it. A FIFO queue needs a
    `group`; `dedup` is by default the row's own id, so that a message sent again after a crash is
    folded into the first. Raises UnknownQueue, MissingGroup.
    """
    fifo = is_fifo(queue)
    if fifo and not group:
        raise MissingGroup(queue)
    row_id = new_id()
    return OutboxMessage(
        id=row_id,
        tenant_id=tenant_id,
        actor=actor,
        queue=queue,
        payload={name: _plain(value) for name, value in payload.items()},
        group_id=group if fifo else None,
        dedup_id=(dedup or str(row_id)) if fifo else None,
        not_before=not_before,
    )


def notify(timer: str = "") -> None:
    """Wake the dispatcher when the transaction commits; with a timer's name, to run that as well
    before its time. PostgreSQL folds repeated ones into one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, timer])


def prune(older_than: timedelta = timedelta(days=7)) -> int:
    """Delete what was sent long ago. A timer's function: give it the operator's context."""
    deleted, _ = OutboxMessage.objects.filter(sent_at__lt=Now() - older_than).delete()
    return deleted


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
