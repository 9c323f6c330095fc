from uuid import UUID

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Now

from messaging.ids import new_id

DUE_AT = Coalesce("not_before", "created_at")
NOBODY = UUID(int=0)  # whose line the operator's messages are in
TENANT = Coalesce("tenant_id", Value(NOBODY), output_field=models.UUIDField())


class OutboxMessage(models.Model):
    """A message to be sent once the transaction that wrote it has committed.

    The payload carries ids only. `tenant_id` is not a foreign key: this app knows no tenants, and
    a row must outlive whatever it names. A message of no tenant is the operator's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=100)
    queue = models.CharField(max_length=80, help_text="A key of settings.SQS_QUEUES.")
    payload = models.JSONField()
    group_id = models.CharField(max_length=128, null=True)  # noqa: DJ001 - null: a standard queue
    dedup_id = models.CharField(max_length=128, null=True)  # noqa: DJ001
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True, help_text="A dispatcher is sending it now.")
    sent_at = models.DateTimeField(null=True)
    send_attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(group_id__isnull=True, dedup_id__isnull=True)
                | Q(group_id__isnull=False, dedup_id__isnull=False),
                name="a_group_has_a_dedup_id_and_the_reverse",
            ),
        ]
        indexes = [
            # What the dispatcher looks for every second (messaging/turns.py), line by line: sent
            # rows are not in it, and what is to be sent later comes after what is due.
            models.Index(
                "queue", TENANT, DUE_AT, "id", condition=Q(sent_at=None), name="outbox_lines"
            ),
            # Whoever asks what a job waits for, with each poll, asks for its message.
            models.Index(
                fields=["dedup_id"], condition=Q(sent_at=None), name="outbox_unsent_by_id"
            ),
            models.Index(
                fields=["sent_at"], condition=Q(sent_at__isnull=False), name="outbox_sent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {str(self.id)[-8:]}"


class TimerRun(models.Model):
    """When a timer of settings.TIMERS last began, whichever dispatcher ran it."""

    name = models.CharField(primary_key=True, max_length=80)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
