"""Money begins here: what was used, for ever."""

from fractions import Fraction

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from tenants.models import TenantOwned


class UsageRecord(TenantOwned):
    """One billable fact. Append-only in the database itself; a correction is a new record.

    The quantity is an exact fraction of its unit: quantities are summed as fractions and rounded
    only for print. `dimensions` (project, member, key) and `measures` (sizes, lengths, steps) are
    opaque here; `costs` (GPU seconds, attempts, model) is what no invoice reads.
    """

    event_id = models.CharField(max_length=200)
    metric = models.CharField(max_length=60)
    unit = models.CharField(max_length=20)
    quantity_numerator = models.BigIntegerField()
    quantity_denominator = models.BigIntegerField(default=1)
    source_id = models.UUIDField(help_text="What was delivered, such as a job.")
    occurred_at = models.DateTimeField(help_text="Database time of the source's end.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    dimensions = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    measures = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    costs = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections"
    )

    class Meta:
        ordering = ["-occurred_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "event_id"], name="an_event_is_billed_once_for_ever"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="a_record_has_one_tenant"),
            models.CheckConstraint(
                condition=Q(quantity_denominator__gt=0), name="a_quantity_is_a_fraction"
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=False) | Q(quantity_numerator__gte=0),
                name="only_a_correction_is_negative",
            ),
            models.CheckConstraint(
                condition=Q(corrects__isnull=True) | ~Q(corrects=F("id")),
                name="a_record_does_not_correct_itself",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "occurred_at"], name="usage_of_a_month"),
            models.Index(fields=["source_id"], name="usage_of_a_source"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.event_id}"

    @property
    def quantity(self) -> Fraction:
        return Fraction(self.quantity_numerator, self.quantity_denominator)
