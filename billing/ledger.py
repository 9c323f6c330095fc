"""The ledger: writes once, refuses to say anything twice, changes nothing."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import transaction

from billing.errors import EventConflict
from billing.models import UsageRecord


@transaction.atomic
def record(
    tenant_id: UUID,
    *,
    event_id: str,
    metric: str,
    quantity: Fraction,
    unit: str,
    source_id: UUID,
    occurred_at: datetime,
    dimensions: Mapping[str, Any] | None = None,
    measures: Mapping[str, Any] | None = None,
    costs: Mapping[str, Any] | None = None,
) -> UsageRecord:
    """Write one usage record, within the caller's transaction.

    The same event told again is answered with the record that is there. Raises EventConflict when
    its content differs: two facts were given one name, and one of them would be lost.
    """
    fact = {
        "metric": metric,
        "unit": unit,
        "quantity_numerator": quantity.numerator,
        "quantity_denominator": quantity.denominator,
        "source_id": source_id,
    }
    context = {
        "occurred_at": occurred_at,
        "dimensions": dict(dimensions or {}),
        "measures": dict(measures or {}),
        "costs": dict(costs or {}),
    }
    # ON CONFLICT DO NOTHING, so that two at once end with one record and no broken transaction.
    UsageRecord.objects.bulk_create(
        [UsageRecord(tenant_id=tenant_id, event_id=event_id, **fact, **context)],
        ignore_conflicts=True,
    )
    stored = UsageRecord.objects.get(tenant_id=tenant_id, event_id=event_id)
    if any(getattr(stored, name) != value for name, value in fact.items()):
        raise EventConflict(event_id)
    return stored


@transaction.atomic
def correct(
    wrong: UsageRecord, *, by: Fraction, reason: str, event_id: str, occurred_at: datetime
) -> UsageRecord:
    """Add what must be added to a record (negative to take away); the record itself stays."""
    return UsageRecord.objects.create(
        tenant_id=wrong.tenant_id,
        event_id=event_id,
        metric=wrong.metric,
        unit=wrong.unit,
        quantity_numerator=by.numerator,
        quantity_denominator=by.denominator,
        source_id=wrong.source_id,
        occurred_at=occurred_at,
        dimensions={**wrong.dimensions, "reason": reason},
        corrects=wrong,
    )


def total(records: Any) -> Fraction:
    """The exact sum of the records' quantities."""
    pairs = records.values_list("quantity_numerator", "quantity_denominator")
    return sum((Fraction(n, d) for n, d in pairs), Fraction(0))
