"""Notes of who did what, written in the transaction of the deed."""

from typing import Any
from uuid import UUID

from tenants.context import acted_for
from tenants.models import AuditEvent, User


def note(
    action: str,
    subject: str,
    *,
    by: User | str | None = None,
    tenant_id: UUID | None = None,
    **details: Any,
) -> AuditEvent:
    """`by` is a person, a key's prefix, or None for the operator's command line."""
    actor = by.email if isinstance(by, User) else (by or "operator")
    return AuditEvent.objects.create(
        tenant_id=tenant_id or acted_for(),
        actor=actor,
        action=action,
        subject=subject[:120],
        details=details,
    )
