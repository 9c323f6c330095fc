"""API keys: made once, shown once, kept as a hash, found before a tenant is known."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from tenants import audit
from tenants.context import acted_for, acting_for
from tenants.errors import UnknownScope
from tenants.models import ApiKey, User

PREFIX = "vsm_live_"
SHOWN = len(PREFIX) + 6
SECRET_BYTES = 32
USE_IS_NOTED_EVERY = timedelta(minutes=1)

SCOPES = {
    "jobs:write": "Upload files, submit and cancel jobs",
    "jobs:read": "See jobs and download results",
    "usage:read": "See usage",
}


@dataclass(frozen=True)
class FoundKey:
    """A key that is neither revoked nor expired, and whose tenant is not suspended."""

    id: UUID
    tenant_id: UUID
    prefix: str
    scopes: frozenset[str]


@transaction.atomic
def create(
    name: str,
    *,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
    by: User | None = None,
) -> tuple[ApiKey, str]:
    """Make a key of the tenant that is acted for: the row and the secret, seen here only.

    Raises UnknownScope. Without scopes it may do all that a key can.
    """
    scopes = list(SCOPES) if scopes is None else scopes
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise UnknownScope(unknown[0], list(SCOPES))
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey.objects.create(
        tenant_id=acted_for(),
        name=name.strip()[:100] or "unnamed",
        prefix=secret[:SHOWN],
        secret_sha256=hash_of(secret),
        scopes=scopes,
        expires_at=expires_at,
        created_by=by,
    )
    audit.note("api_key.created", key.prefix, by=by, scopes=scopes)
    return key, secret


@transaction.atomic
def revoke(key_id: UUID, *, by: User | None = None) -> ApiKey:
    """From the next request on the key is refused. Raises ApiKey.DoesNotExist."""
    key = ApiKey.objects.select_for_update().get(id=key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        audit.note("api_key.revoked", key.prefix, by=by, tenant_id=key.tenant_id)
    return key


def find(secret: str) -> FoundKey | None:
    """Whose key this is; None for an unknown, revoked or expired one, or a suspended tenant."""
    if not secret.startswith(PREFIX):
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_id, key_tenant_id, key_prefix, key_scopes, key_used_at "
            "FROM find_api_key(%s)",
            [hash_of(secret)],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    found = FoundKey(row[0], row[1], row[2], frozenset(row[3]))
    _note_use(found, row[4])
    return found


def name_of(prefix: str) -> str | None:
    """What people call the key that begins so; None where the tenant acted for has none such."""
    key = ApiKey.objects.filter(prefix=prefix).first() if prefix.startswith(PREFIX) else None
    return key.name if key else None


def hash_of(secret: str) -> bytes:
    """SHA-256 is enough: the secret is 256 random bits, not a password that could be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def _note_use(key: FoundKey, last_used_at: datetime | None) -> None:
    now = timezone.now()
    if last_used_at is None or now - last_used_at > USE_IS_NOTED_EVERY:
        with acting_for(key.tenant_id):
            ApiKey.objects.filter(id=key.id).update(last_used_at=now)
