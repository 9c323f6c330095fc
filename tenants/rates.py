"""How many requests a tenant has made this minute: counted in the database, for all processes."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from tenants.context import acting_for

WINDOW_SECONDS = 60

# One row a tenant, written in place: nothing to prune, and two processes can't count past each
# other. The clock is the database's.
_COUNT = """
INSERT INTO tenants_requestcount AS c (tenant_id, minute, used)
VALUES (%(tenant)s, date_trunc('minute', now()), 1)
ON CONFLICT (tenant_id) DO UPDATE SET
    used = CASE WHEN c.minute = excluded.minute THEN c.used + 1 ELSE 1 END,
    minute = excluded.minute
RETURNING used,
    (SELECT requests_per_minute FROM tenants_limits WHERE tenant_id = %(tenant)s),
    ceil(extract(epoch FROM minute - now()) + 60)::int
"""


@dataclass(frozen=True)
class Allowance:
    """used: requests of this minute with this one. resets_in: seconds until the next begins."""

    used: int
    limit: int
    resets_in: int

    @property
    def is_spent(self) -> bool:
        return self.used > self.limit

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


def count_request(tenant_id: UUID) -> Allowance:
    """Count one request, in a transaction of its own: a refused request was made all the same."""
    with acting_for(tenant_id), connection.cursor() as cursor:
        cursor.execute(_COUNT, {"tenant": tenant_id})
        return Allowance(*cursor.fetchone())
