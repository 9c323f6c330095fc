"""What the operator decides about a tenant. Inside as_operator()."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.models import Limits, Tenant, User

LIMITS = (
    "jobs_at_once",
    "jobs_waiting",
    "upload_bytes",
    "video_seconds",
    "requests_per_minute",
)


@transaction.atomic
def change_limits(tenant_id: UUID, *, by: User | str | None = None, **changes: int) -> Limits:
    """Set the limits that are named. Raises ValidationError; running jobs go on in any case."""
    limits = Limits.objects.select_for_update().get(tenant_id=tenant_id)
    before = {name: getattr(limits, name) for name in changes}
    for name, value in changes.items():
        setattr(limits, name, value)
    limits.full_clean(exclude=["tenant"])
    limits.save(update_fields=list(changes) or None)
    told: dict[str, Any] = {"before": before, "after": changes}
    audit.note("limits.changed", "limits", by=by, tenant_id=tenant_id, **told)
    return limits


@transaction.atomic
def suspend(tenant_id: UUID, *, by: User | str | None = None) -> Tenant:
    """From now on its keys and its members are refused, and no job of it is begun. What a worker
    has in hand is finished."""
    tenant = Tenant.objects.select_for_update().get(id=tenant_id)
    if tenant.suspended_at is None:
        tenant.suspended_at = timezone.now()
        tenant.save(update_fields=["suspended_at"])
        audit.note("tenant.suspended", tenant.name, by=by, tenant_id=tenant.id)
    return tenant


@transaction.atomic
def resume(tenant_id: UUID, *, by: User | str | None = None) -> Tenant:
    """Take a suspension back: the same keys and members are let in again."""
    tenant = Tenant.objects.select_for_update().get(id=tenant_id)
    if tenant.suspended_at is not None:
        tenant.suspended_at = None
        tenant.save(update_fields=["suspended_at"])
        audit.note("tenant.resumed", tenant.name, by=by, tenant_id=tenant.id)
    return tenant
