"""The two ways to a tenant's rows: acting_for() one tenant, or as_operator() over all of them.

Both open a transaction and tell PostgreSQL who is asking, by settings that last only as long as the
transaction: a pooled connection carries nothing over to the next request. The policies of every
tenant table read them (tenants/rls.py); the managers filter a second time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import connection, transaction

from tenants.errors import NoTenantContext

log = structlog.get_logger(__name__)

OPERATOR_ROLE = "viseme_operator"
NO_ROLE = "none"  # back to the role of the connection


@dataclass(frozen=True)
class Context:
    """tenant_id is None for the operator, who gives a reason."""

    tenant_id: UUID | None
    reason: str = ""


_current: ContextVar[Context | None] = ContextVar("viseme_tenant", default=None)


def current() -> Context | None:
    return _current.get()


def current_tenant() -> UUID | None:
    """The tenant that is acted for; None for the operator and outside."""
    context = current()
    return context.tenant_id if context else None


def acted_for() -> UUID:
    """The same for what must belong to a tenant. Raises NoTenantContext where there is none."""
    tenant_id = current_tenant()
    if tenant_id is None:
        raise NoTenantContext("what belongs to a tenant")
    return tenant_id


@contextmanager
def acting_for(tenant_id: UUID) -> Iterator[None]:
    """One transaction that sees and writes the rows of this tenant alone.

    Keep it short, and call nothing over the network inside.
    """
    with _entered(Context(UUID(str(tenant_id)))):
        yield


@contextmanager
def as_operator(reason: str) -> Iterator[None]:
    """One transaction over all tenants. The reason is logged: say what needs them all."""
    log.debug("acted_as_operator", reason=reason)
    with _entered(Context(None, reason)):
        yield


@contextmanager
def _entered(context: Context) -> Iterator[None]:
    outer, nested = _current.get(), connection.in_atomic_block
    with transaction.atomic():
        _tell_postgres(context)
        token = _current.set(context)
        try:
            yield
        finally:
            _current.reset(token)
        # A released savepoint keeps what was set inside it (a rolled back one doesn't): put the
        # outer context back by hand.
        if nested and not connection.needs_rollback:
            _tell_postgres(outer)


def _tell_postgres(context: Context | None) -> None:
    tenant = str(context.tenant_id) if context and context.tenant_id else ""
    role = OPERATOR_ROLE if context and context.tenant_id is None else NO_ROLE
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.tenant_id', %s, true), set_config('role', %s, true)",
            [tenant, role],
        )
